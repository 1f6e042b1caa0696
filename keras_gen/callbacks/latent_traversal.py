"""What an autoencoder has learned: traversals and reconstructions."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.callbacks.epoch_pictures import EpochPictures
from keras_gen.callbacks.images import image_grid, to_uint8


class LatentTraversal(EpochPictures):
    """Draws how the image changes as one latent moves and the rest stay.

    One row per latent dimension, one column per value. In a disentangled
    model each row changes one property of the image.

    Args:
        directory: Folder of the pictures, named after the epochs done:
            `epoch_0001.png`.
        x: The example whose code the traversals start from, in the form that
            `model.traverse(x, dims, values)` takes.
        dims: Indices of the latent dimensions; None for all
            `model.latent_dim` of them.
        values: The values that each latent takes, in units of the latents;
            by default 9 from -3 to 3.
        every: Number of epochs between pictures.
        value_range: Values of black and white in the model's images.
        gif: Path of an animation to write when training ends; True for
            `traversals.gif` in the parent of `directory`, False for none.

    Raises:
        ValueError: If `every` is below 1, or `dims` or `values` are empty.

    Example:

    ```python
    traversal = keras_gen.callbacks.LatentTraversal(
        "runs/beta_vae/traversals", x=images[0], dims=[0, 1, 2]
    )
    model.fit(dataset, epochs=10, callbacks=[traversal])
    ```
    """

    default_gif = "traversals.gif"

    def __init__(
        self,
        directory: str | os.PathLike,
        x: Any,
        dims: Sequence[int] | None = None,
        values: Sequence[float] = tuple(np.linspace(-3.0, 3.0, 9).tolist()),
        every: int = 1,
        value_range: tuple[float, float] = (0, 1),
        gif: bool | str | os.PathLike = False,
    ):
        super().__init__(directory, every=every, gif=gif)
        self.x = x
        self.dims = None if dims is None else [int(dim) for dim in dims]
        self.values = [float(value) for value in values]
        if not self.values or self.dims == []:
            raise ValueError(
                "Expected at least one dimension and one value, received "
                f"dims={self.dims} and values={self.values}."
            )
        self.value_range = value_range

    def set_model(self, model):
        super().set_model(model)
        _require_method(model, "traverse")
        if self.dims is None and not hasattr(model, "latent_dim"):
            raise ValueError(
                f"{type(model).__name__} has no `latent_dim`, so the "
                "dimensions to traverse must be named: pass `dims`."
            )

    def draw(self) -> np.ndarray:
        dims = self.dims
        if dims is None:
            dims = list(range(self.model.latent_dim))
        images = _to_numpy(self.model.traverse(self.x, dims, self.values))
        expected = (len(dims), len(self.values))
        if images.ndim != 5 or images.shape[:2] != expected:
            raise ValueError(
                "Expected `traverse` to return (dims, values, height, width, "
                f"channels) with dims, values = {expected}; received shape "
                f"{images.shape}."
            )
        return image_grid(
            images.reshape(-1, *images.shape[2:]),
            columns=len(self.values),
            value_range=self.value_range,
        )


class Reconstructions(EpochPictures):
    """Draws images with their reconstructions below them.

    Args:
        directory: Folder of the pictures, named after the epochs done:
            `epoch_0001.png`.
        x: Images `(num, height, width, channels)`, given to
            `model.reconstruct(x)`.
        every: Number of epochs between pictures.
        value_range: Values of black and white in images and reconstructions.
        columns: Number of images beside each other.
        gif: Path of an animation to write when training ends; True for
            `reconstructions.gif` in the parent of `directory`, False for none.

    Raises:
        ValueError: If `every` or `columns` is below 1, or `x` are no images.

    Example:

    ```python
    pictures = keras_gen.callbacks.Reconstructions(
        "runs/vae/reconstructions", x=images[:20]
    )
    model.fit(dataset, epochs=10, callbacks=[pictures])
    ```
    """

    default_gif = "reconstructions.gif"

    def __init__(
        self,
        directory: str | os.PathLike,
        x: Any,
        every: int = 1,
        value_range: tuple[float, float] = (0, 1),
        columns: int = 10,
        gif: bool | str | os.PathLike = False,
    ):
        super().__init__(directory, every=every, gif=gif)
        if columns < 1:
            raise ValueError(
                f"`columns` must be at least 1, received {columns}."
            )
        self.x = x
        self.value_range = value_range
        self._originals = to_uint8(x, value_range)
        self.columns = min(columns, len(self._originals))

    def set_model(self, model):
        super().set_model(model)
        _require_method(model, "reconstruct")

    def draw(self) -> np.ndarray:
        reconstructed = to_uint8(
            self.model.reconstruct(self.x), self.value_range
        )
        if reconstructed.shape != self._originals.shape:
            raise ValueError(
                "Expected reconstructions of the originals' shape "
                f"{self._originals.shape}, received {reconstructed.shape}."
            )
        # Both rows of a pair are filled up with black to the full width.
        missing = -len(self._originals) % self.columns
        pairs = [
            np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))).reshape(
                -1, self.columns, *images.shape[1:]
            )
            for images in (self._originals, reconstructed)
        ]
        rows = np.stack(pairs, axis=1)
        return image_grid(
            rows.reshape(-1, *rows.shape[3:]),
            columns=self.columns,
            value_range=(0, 255),
        )


def _require_method(model, name):
    if not hasattr(model, name):
        raise ValueError(
            f"{type(model).__name__} has no `{name}` method, which this "
            "callback draws with."
        )


def _to_numpy(images):
    if isinstance(images, np.ndarray):
        return images
    return keras.ops.convert_to_numpy(images)
