"""What an autoencoder has learned: traversals and reconstructions."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.callbacks.epoch_pictures import (
    EpochPictures,
    range_of,
    require_images,
    require_method,
)
from keras_gen.pictures import as_images, image_grid, to_uint8


class LatentTraversal(EpochPictures):
    """Draws how the image changes as one latent moves and the rest stay.

    One row per latent dimension, one column per value. In a disentangled
    model each row changes one property of the image.

    Args:
        directory: String or path. The folder of the pictures, named after the
            epochs done: `epoch_0001.png`.
        x: Array. The example whose code the traversals start from, in the
            form that `model.traverse(x, dims, values)` takes.
        dims: Sequence of integers. The latent dimensions; defaults to all
            `model.latent_dim` of them.
        values: Sequence of floats. The values that each latent takes;
            defaults to 9 from -3 to 3.
        every: Integer. The number of epochs between pictures.
        value_range: Pair of floats. The values of black and white in the
            model's images; defaults to `model.value_range`, or to (0, 1)
            where the model has none.
        gif: Boolean, string or path. An animation to write when training
            ends: `True` for `traversals.gif` in the parent of `directory`,
            `False` for none.
        labels: Integer or `None`. The class of the example, for a conditional
            model that does not infer it.

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
        value_range: tuple[float, float] | None = None,
        gif: bool | str | os.PathLike = False,
        labels: Any = None,
    ):
        super().__init__(directory, every=every, gif=gif)
        self.given = {} if labels is None else {"labels": labels}
        self.x = x
        self.dims = None if dims is None else [int(dim) for dim in dims]
        self.values = [float(value) for value in values]
        if not self.values or self.dims == []:
            raise ValueError(
                "`dims` and `values` must not be empty. Received: "
                f"dims={self.dims}, values={self.values}."
            )
        self.value_range = value_range

    def set_model(self, model):
        super().set_model(model)
        require_method(model, "traverse", "Use `SampleGrid` for its samples.")
        require_images(model)
        if self.dims is None and not hasattr(model, "latent_dim"):
            raise ValueError(
                "`model` must have a `latent_dim` if `dims` is None. Received: "
                f"model={type(model).__name__}, which has none. Pass `dims`."
            )

    def draw(self) -> np.ndarray:
        dims = self.dims
        if dims is None:
            dims = list(range(self.model.latent_dim))
        images = _to_numpy(
            self.model.traverse(self.x, dims, self.values, **self.given)
        )
        expected = (len(dims), len(self.values))
        if images.ndim != 5 or images.shape[:2] != expected:
            raise ValueError(
                "`model.traverse` must return images of shape (dims, values, "
                "height, width, channels), with (dims, values) = "
                f"{expected}. Received: shape {images.shape}."
            )
        return image_grid(
            images.reshape(-1, *images.shape[2:]),
            columns=len(self.values),
            value_range=range_of(self.model, self.value_range),
        )


class Reconstructions(EpochPictures):
    """Draws images with their reconstructions below them.

    Args:
        directory: String or path. The folder of the pictures, named after the
            epochs done: `epoch_0001.png`.
        x: Array of shape `(num, height, width, channels)`. The images, given
            to `model.reconstruct(x)`.
        every: Integer. The number of epochs between pictures.
        value_range: Pair of floats. The values of black and white in images
            and reconstructions; defaults to `model.value_range`, or to (0, 1)
            where the model has none.
        columns: Integer. The number of images in a row.
        gif: Boolean, string or path. An animation to write when training
            ends: `True` for `reconstructions.gif` in the parent of
            `directory`, `False` for none.
        labels: Array or `None`. The classes of the images, for a conditional
            model that does not infer them.

    Raises:
        ValueError: If `every` or `columns` is below 1, or `x` does not hold
            images.

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
        value_range: tuple[float, float] | None = None,
        columns: int = 10,
        gif: bool | str | os.PathLike = False,
        labels: Any = None,
    ):
        super().__init__(directory, every=every, gif=gif)
        self.given = {} if labels is None else {"labels": labels}
        if columns < 1:
            raise ValueError(
                f"`columns` must be at least 1. Received: columns={columns}."
            )
        self.x = x
        self.value_range = value_range
        self._images = as_images(x)
        self.columns = min(columns, len(self._images))

    def set_model(self, model):
        super().set_model(model)
        require_method(
            model, "reconstruct", "Use `SampleGrid` for its samples."
        )

    def draw(self) -> np.ndarray:
        value_range = range_of(self.model, self.value_range)
        originals = to_uint8(self._images, value_range)
        reconstructed = to_uint8(
            self.model.reconstruct(self.x, **self.given), value_range
        )
        if reconstructed.shape != originals.shape:
            raise ValueError(
                "`model.reconstruct` must keep the shape of the images, "
                f"{originals.shape}. Received: shape {reconstructed.shape}."
            )
        # Both rows of a pair are padded with black to the full width.
        missing = -len(originals) % self.columns
        pairs = [
            np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))).reshape(
                -1, self.columns, *images.shape[1:]
            )
            for images in (originals, reconstructed)
        ]
        rows = np.stack(pairs, axis=1)
        return image_grid(
            rows.reshape(-1, *rows.shape[3:]),
            columns=self.columns,
            value_range=(0, 255),
        )


def _to_numpy(images):
    if isinstance(images, np.ndarray):
        return images
    return keras.ops.convert_to_numpy(images)
