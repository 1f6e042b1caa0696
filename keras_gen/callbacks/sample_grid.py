"""A grid of samples after every epoch."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_gen.callbacks.epoch_pictures import (
    EpochPictures,
    range_of,
    require_images,
    require_method,
)
from keras_gen.pictures import as_images, image_grid


class SampleGrid(EpochPictures):
    """Writes a grid of a generative model's samples at the end of epochs.

    Images of several domains that a sample consists of are side by side. The
    samples are drawn with the same seed each time, so that all pictures show
    the same latents. Drawing with a seed leaves the model's random state
    alone, and so does not change the training.

    Args:
        directory: String or path. The folder of the pictures, named after the
            epochs done: `epoch_0001.png`.
        num: Integer. The number of samples in a grid.
        every: Integer. The number of epochs between grids.
        seed: Integer. The seed of the samples.
        value_range: Pair of floats. The values of black and white in the
            samples; defaults to `model.value_range`, or to (0, 1) where the
            model has none.
        sampler: Callable `model -> images`, used in place of
            `model.sample(num, seed=seed)`, for models that need labels or
            other inputs. It should draw with a fixed seed.
        gif: Boolean, string or path. An animation to write when training
            ends: `True` for `samples.gif` in the parent of `directory`,
            `False` for none.
        columns: Integer. The number of columns; defaults to a grid as square
            as possible.

    Raises:
        ValueError: If `num` or `every` is below 1, or before the first step,
            if the model has no samples or these are no images.

    Example:

    ```python
    grid = keras_gen.callbacks.SampleGrid("runs/dcgan/samples", num=36)
    model.fit(dataset, epochs=10, callbacks=[grid])
    ```
    """

    default_gif = "samples.gif"

    def __init__(
        self,
        directory: str | os.PathLike,
        num: int = 64,
        every: int = 1,
        seed: int = 0,
        value_range: tuple[float, float] | None = None,
        sampler: Callable[[Any], Any] | None = None,
        gif: bool | str | os.PathLike = True,
        columns: int | None = None,
    ):
        super().__init__(directory, every=every, gif=gif)
        if num < 1:
            raise ValueError(f"`num` must be at least 1. Received: num={num}.")
        self.num = num
        self.seed = seed
        self.value_range = value_range
        self.sampler = sampler
        self.columns = columns

    def set_model(self, model):
        super().set_model(model)
        if self.sampler is None:
            require_method(
                model,
                "sample",
                "Pass `sampler`, a callable from the model to images.",
            )
            require_images(model)

    def draw(self) -> np.ndarray:
        if self.sampler is not None:
            images = self.sampler(self.model)
        else:
            images = self.model.sample(self.num, seed=self.seed)
        return image_grid(
            side_by_side(images) if isinstance(images, tuple) else images,
            columns=self.columns,
            value_range=range_of(self.model, self.value_range),
        )


def side_by_side(parts: Sequence[Any]) -> np.ndarray:
    """Joins the images of several arrays, each with those of its place.

    Args:
        parts: Sequence of arrays of images of one height, as many in each.
            Gray ones are repeated where others have more channels.

    Returns:
        Array of shape `(num, height, width, channels)`, as wide as all parts.
    """
    parts = [as_images(part) for part in parts]
    channels = max(part.shape[-1] for part in parts)
    parts = [
        np.repeat(part, channels, axis=-1) if part.shape[-1] == 1 else part
        for part in parts
    ]
    return np.concatenate(parts, axis=2)
