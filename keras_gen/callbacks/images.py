"""Pictures from arrays: grids, image files, animations."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_gen.callbacks.files import atomic_path


def image_grid(
    images: Any,
    columns: int | None = None,
    padding: int = 2,
    value_range: tuple[float, float] = (0, 1),
    padding_value: int = 255,
) -> np.ndarray:
    """Lays images out in rows and columns of one picture.

    Args:
        images: Array or tensor `(num, height, width, channels)` with 1 (grey)
            or 3 (RGB) channels, or `(num, height, width)`.
        columns: Number of columns; by default as square a grid as can be.
            Places left over in the last row are black.
        padding: Width in pixels of the lines between and around the images.
        value_range: Values that become black and white; values outside are
            clipped, and NaN becomes black.
        padding_value: Brightness of the lines, 0 to 255.

    Returns:
        A uint8 array `(grid_height, grid_width, channels)`.

    Raises:
        ValueError: If the images have another shape, or an option is out of
            range.

    Example:

    ```python
    image_grid(np.zeros((6, 28, 28, 1)), columns=3).shape  # (62, 92, 1)
    ```
    """
    images = to_uint8(images, value_range)
    num, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(num)) if columns is None else columns
    if columns < 1 or padding < 0 or not 0 <= padding_value <= 255:
        raise ValueError(
            "Expected columns >= 1, padding >= 0 and padding_value in "
            f"[0, 255]; received {columns}, {padding} and {padding_value}."
        )
    rows = math.ceil(num / columns)
    cell_height, cell_width = height + padding, width + padding
    grid = np.full(
        (
            rows * cell_height + padding,
            columns * cell_width + padding,
            channels,
        ),
        padding_value,
        dtype=np.uint8,
    )
    for index in range(rows * columns):
        top = padding + index // columns * cell_height
        left = padding + index % columns * cell_width
        grid[top : top + height, left : left + width] = (
            images[index] if index < num else 0
        )
    return grid


def to_uint8(
    images: Any, value_range: tuple[float, float] = (0, 1)
) -> np.ndarray:
    """Brings images to uint8 values, rounded to the nearest.

    Args:
        images: Array or tensor `(num, height, width[, channels])`, grey or
            RGB, at least one.
        value_range: Values that become 0 and 255; values outside are clipped,
            and NaN becomes 0.

    Returns:
        A uint8 array `(num, height, width, channels)`.

    Raises:
        ValueError: If the shape or the range is another.

    Example:

    ```python
    to_uint8(np.full((1, 2, 2), 0.0), value_range=(-1, 1))[0, 0, 0]  # [128]
    ```
    """
    if not isinstance(images, np.ndarray):
        images = keras.ops.convert_to_numpy(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.size == 0:
        raise ValueError(
            "Expected at least one image, as (num, height, width, channels) "
            f"with 1 or 3 channels; received shape {images.shape}."
        )
    low, high = value_range
    if not low < high:
        raise ValueError(
            f"`value_range` must be (low, high), received {value_range}."
        )
    scaled = (images.astype(np.float64) - low) * (255.0 / (high - low))
    scaled = np.clip(np.nan_to_num(scaled, nan=0.0), 0.0, 255.0)
    return np.floor(scaled + 0.5).astype(np.uint8)


def save_image(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Writes a picture; the suffix of the path chooses the format.

    Args:
        path: The file, such as `"grid.png"`; its folder is made if needed. It
            appears whole or not at all.
        picture: A uint8 array `(height, width)` or `(height, width, channels)`
            with 1 or 3 channels, such as `image_grid` returns.

    Raises:
        ValueError: If the array is another.

    Example:

    ```python
    save_image("grid.png", image_grid(np.zeros((4, 8, 8, 3))))
    ```
    """
    image = _to_pillow(picture)
    with atomic_path(path) as temporary:
        image.save(temporary)


def save_gif(
    path: str | os.PathLike,
    frames: Sequence[np.ndarray | str | os.PathLike],
    seconds_per_frame: float = 0.2,
    hold: float = 2.0,
    max_frames: int = 100,
) -> None:
    """Writes an animation that repeats for ever.

    Frames of different size, as a growing generator gives them, are enlarged
    to the largest by repeating pixels.

    Args:
        path: The file, ending in `.gif`; its folder is made if needed. It
            appears whole or not at all.
        frames: Pictures as for `save_image`, or paths of image files; at
            least one.
        seconds_per_frame: Time that each frame is shown.
        hold: Time that the last frame is shown.
        max_frames: Of more frames than this, as many are taken at even
            distances, the first and the last among them.

    Raises:
        ValueError: If there are no frames, or an option is out of range.

    Example:

    ```python
    frames = [np.full((16, 16), 10 * k, "uint8") for k in range(20)]
    save_gif("brighter.gif", frames)
    ```
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"Expected a path ending in .gif, received {path}.")
    if len(frames) == 0:
        raise ValueError("An animation needs at least one frame.")
    if max_frames < 2 or seconds_per_frame <= 0 or hold <= 0:
        raise ValueError(
            "Expected max_frames >= 2 and positive times; received "
            f"max_frames={max_frames}, seconds_per_frame={seconds_per_frame} "
            f"and hold={hold}."
        )
    if len(frames) > max_frames:
        chosen = np.linspace(0, len(frames) - 1, max_frames).round()
        frames = [frames[int(index)] for index in chosen]
    images = [_open(frame) for frame in frames]
    size = tuple(max(image.size[axis] for image in images) for axis in (0, 1))
    images = [
        image
        if image.size == size
        else image.resize(size, _pillow().Resampling.NEAREST)
        for image in images
    ]
    durations = [round(1000 * seconds_per_frame)] * len(images)
    durations[-1] = round(1000 * hold)
    with atomic_path(path) as temporary:
        images[0].save(
            temporary,
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
        )


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Writing pictures needs Pillow: `pip install pillow`."
        ) from error
    return Image


def _to_pillow(picture):
    picture = np.asarray(picture)
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    grey = picture.ndim == 2
    colour = picture.ndim == 3 and picture.shape[-1] == 3
    if picture.dtype != np.uint8 or not (grey or colour):
        raise ValueError(
            "Expected a uint8 picture (height, width[, 1 or 3]), received "
            f"dtype {picture.dtype} and shape {picture.shape}. Use "
            "`image_grid` to make one from images."
        )
    return _pillow().fromarray(np.ascontiguousarray(picture))


def _open(frame):
    if isinstance(frame, str | os.PathLike):
        with _pillow().open(frame) as image:
            return image.convert("L" if image.mode == "L" else "RGB")
    return _to_pillow(frame)
