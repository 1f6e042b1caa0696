"""One picture per epoch, and all of them as an animation."""

import os
import re
from pathlib import Path

import keras
import numpy as np

from keras_gen.callbacks.files import remove_leftovers
from keras_gen.callbacks.images import save_gif, save_image

_NAME = re.compile(r"epoch_(\d{4,})\.png")


class EpochPictures(keras.callbacks.Callback):
    """Base class of callbacks that write `epoch_0001.png`, `epoch_0002.png`...

    The number is that of epochs done. When training starts at some epoch, the
    pictures of this and later epochs, left by an interrupted or older run, are
    removed, so that the folder always tells one story. The animation is made
    from the pictures in the folder, so that a resumed run's shows the epochs
    before the interruption too.

    Args:
        directory: Folder of the pictures; made if needed.
        every: Number of epochs between pictures.
        gif: Path of an animation to write when training ends; True for
            `default_gif` in the parent of `directory`, False for none.

    Example:

    ```python
    class Noise(EpochPictures):
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
            raise ValueError(f"`every` must be at least 1, received {every}.")
        self.directory = Path(directory)
        self.every = every
        if gif is True:
            gif = self.directory.parent / self.default_gif
        self.gif = Path(gif) if gif else None
        self._cleared = False

    def draw(self) -> np.ndarray:
        """Draws the picture of the current epoch from `self.model`.

        Returns:
            A uint8 picture `(height, width[, channels])`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `draw()`, returning a uint8 "
            "picture."
        )

    def on_train_begin(self, logs=None):
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
