"""One picture per epoch, and all of them as an animation."""

import os
import re
from pathlib import Path

import keras
import numpy as np

from keras_gen.files import remove_leftovers
from keras_gen.pictures import check_pillow, save_gif, save_image

_NAME = re.compile(r"epoch_(\d{4,})\.png")


class EpochPictures(keras.callbacks.Callback):
    """Base class of callbacks that write `epoch_0001.png`, `epoch_0002.png`...

    The number is that of epochs done. When training starts at some epoch, the
    pictures of this and later epochs, left by an interrupted or older run, are
    removed, so that the folder holds one run. The animation is made from the
    pictures in the folder, so that a resumed run's shows the epochs before the
    interruption too.

    Args:
        directory: String or path. The folder of the pictures; made if needed.
        every: Integer. The number of epochs between pictures.
        gif: Boolean, string or path. An animation to write when training
            ends: `True` for `default_gif` in the parent of `directory`,
            `False` for none.

    Raises:
        ValueError: If `every` is below 1.

    Example:

    ```python
    class Noise(keras_gen.callbacks.EpochPictures):
        def draw(self):
            rng = np.random.default_rng(0)
            return rng.integers(256, size=(8, 8), dtype="uint8")

    callback = Noise("runs/noise", gif=False)
    ```
    """

    default_gif = "pictures.gif"

    def __init__(
        self,
        directory: str | os.PathLike,
        every: int = 1,
        gif: bool | str | os.PathLike = False,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(
                f"`every` must be at least 1. Received: every={every}."
            )
        self.directory = Path(directory)
        self.every = every
        if gif is True:
            gif = self.directory.parent / self.default_gif
        self.gif = Path(gif) if gif else None
        self._cleared = False

    def draw(self) -> np.ndarray:
        """Draws the picture of the current epoch from `self.model`.

        Returns:
            uint8 array of shape `(height, width[, channels])`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `draw()`, which returns a "
            "uint8 picture."
        )

    def on_train_begin(self, logs=None):
        check_pillow()
        remove_leftovers(self.directory, "epoch_*.png")
        self._cleared = False

    def on_epoch_begin(self, epoch, logs=None):
        if self._cleared:
            return
        for done, path in self._pictures():
            if done > epoch:
                path.unlink()
        self._cleared = True

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        if done % self.every == 0:
            path = self.directory / f"epoch_{done:04d}.png"
            save_image(path, self.draw())

    def on_train_end(self, logs=None):
        frames = [path for _, path in self._pictures()]
        if self.gif is not None and frames:
            save_gif(self.gif, frames)

    def _pictures(self):
        """The pictures in the folder as (epochs done, path), in order."""
        if not self.directory.is_dir():
            return []
        found = [
            (int(match[1]), path)
            for path in self.directory.iterdir()
            if (match := _NAME.fullmatch(path.name))
        ]
        return sorted(found)


def range_of(
    model: keras.Model, value_range: tuple[float, float] | None
) -> tuple[float, float]:
    """The values of black and white in a model's images.

    Args:
        model: The model.
        value_range: Pair of floats, or `None` for `model.value_range`.

    Returns:
        `value_range`, else the model's, else `(0.0, 1.0)`.
    """
    if value_range is None:
        value_range = getattr(model, "value_range", None)
    return (0.0, 1.0) if value_range is None else tuple(value_range)


def require_method(model: keras.Model, name: str, hint: str) -> None:
    """Raises unless a model has the method that a callback draws with.

    Args:
        model: The model.
        name: String. The name of the method.
        hint: String. A sentence: what to do about it.

    Raises:
        ValueError: If it has no such method.
    """
    if not hasattr(model, name):
        raise ValueError(
            f"`model` must have a `{name}` method to draw with. Received: "
            f"model={type(model).__name__}, which has no `{name}` method. "
            f"{hint}"
        )


def require_images(model: keras.Model) -> None:
    """Raises if the examples of a model, as far as it tells, are no images.

    Args:
        model: The model, with `example_shape` or without.

    Raises:
        ValueError: If its examples cannot be drawn.
    """
    shape = getattr(model, "example_shape", None)
    if shape is None:
        return
    domains = shape if isinstance(shape[0], tuple) else [shape]
    if any(len(shape) not in (2, 3) for shape in domains):
        raise ValueError(
            "The examples of `model` must be images, (height, width[, "
            "channels]), to be drawn. Received: model="
            f"{type(model).__name__}, whose examples have the shape "
            f"{tuple(shape)}. Pass `sampler` of `SampleGrid`, which returns "
            "images, or leave the callback out."
        )
