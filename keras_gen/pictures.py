"""Pictures from arrays: grids, image files, animations, scatter plots.

As in PNG files, one channel is gray, two are gray and opacity, three are RGB
and four RGB and opacity.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_gen.files import atomic_path

_WITH_OPACITY = (".png", ".tif", ".tiff", ".webp")


def image_grid(
    images: Any,
    columns: int | None = None,
    padding: int = 2,
    value_range: tuple[float, float] = (0, 1),
    padding_value: int = 255,
) -> np.ndarray:
    """Lays images out in rows and columns of one picture.

    Args:
        images: Array of shape `(num, height, width, channels)` or `(num,
            height, width)`. More than 4 channels are drawn in gray, each
            image as a row of its channels.
        columns: Integer. The number of columns; defaults to a grid as square
            as possible. Places left over in the last row are black.
        padding: Integer. The width in pixels of the lines between and around
            the images.
        value_range: Pair of floats. The values that become black and white;
            values outside are clipped, and NaN becomes black.
        padding_value: Integer in [0, 255]. The brightness of the lines,
            which are opaque.

    Returns:
        uint8 array of shape `(grid_height, grid_width, channels)`, with 1 to
        4 channels.

    Raises:
        ValueError: If the images have another shape, or an option is out of
            range.

    Example:

    ```python
    image_grid(np.zeros((6, 28, 28, 1)), columns=3).shape  # (62, 92, 1)
    ```
    """
    images = to_uint8(images, value_range)
    if images.shape[-1] > 4:
        images = np.concatenate(np.split(images, images.shape[-1], -1), axis=2)
    num, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(num)) if columns is None else columns
    if columns < 1:
        raise ValueError(
            f"`columns` must be at least 1. Received: columns={columns}."
        )
    if padding < 0:
        raise ValueError(
            f"`padding` must not be negative. Received: padding={padding}."
        )
    if not 0 <= padding_value <= 255:
        raise ValueError(
            "`padding_value` must lie in [0, 255]. Received: "
            f"padding_value={padding_value}."
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
    empty = np.zeros(channels, np.uint8)
    if channels in (2, 4):
        grid[..., -1] = empty[-1] = 255
    for index in range(rows * columns):
        top = padding + index // columns * cell_height
        left = padding + index % columns * cell_width
        grid[top : top + height, left : left + width] = (
            images[index] if index < num else empty
        )
    return grid


def as_images(images: Any) -> np.ndarray:
    """Brings images to one array with a channel axis.

    Args:
        images: Array or tensor of shape `(num, height, width[, channels])`,
            of at least one image.

    Returns:
        Array of shape `(num, height, width, channels)`.

    Raises:
        ValueError: If the shape is another.

    Example:

    ```python
    as_images(np.zeros((6, 28, 28))).shape  # (6, 28, 28, 1)
    ```
    """
    if not isinstance(images, np.ndarray):
        images = keras.ops.convert_to_numpy(images)
    shape = images.shape
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.size == 0:
        raise ValueError(
            "`images` must hold at least one image, as (num, height, width) or "
            f"(num, height, width, channels). Received: images.shape={shape}."
        )
    return images


def to_uint8(
    images: Any, value_range: tuple[float, float] = (0, 1)
) -> np.ndarray:
    """Scales images to uint8, rounded to the nearest value.

    Args:
        images: Array or tensor of shape `(num, height, width[, channels])`,
            of at least one image.
        value_range: Pair of floats. The values that become 0 and 255; values
            outside are clipped, and NaN becomes 0.

    Returns:
        uint8 array of shape `(num, height, width, channels)`.

    Raises:
        ValueError: If the shape or the range is another.

    Example:

    ```python
    to_uint8(np.full((1, 2, 2), 0.0), value_range=(-1, 1))[0, 0, 0]  # [128]
    ```
    """
    images = as_images(images)
    low, high = value_range
    if not low < high:
        raise ValueError(
            "`value_range` must be a pair (low, high) with low < high. "
            f"Received: value_range={value_range}."
        )
    scaled = (images.astype(np.float64) - low) * (255.0 / (high - low))
    scaled = np.clip(np.nan_to_num(scaled, nan=0.0), 0.0, 255.0)
    return np.floor(scaled + 0.5).astype(np.uint8)


def save_image(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Writes a picture; the suffix of the path chooses the format.

    Args:
        path: String or path. The file, such as `"grid.png"`; its folder is
            made if needed. It appears whole or not at all.
        picture: uint8 array of shape `(height, width)` or
            `(height, width, channels)` with 1 to 4 channels, such as
            `image_grid` returns. Formats without opacity, such as JPEG, show
            white where it is transparent.

    Raises:
        ValueError: If the array is another.
        ImportError: If Pillow is missing.

    Example:

    ```python
    save_image("grid.png", image_grid(np.zeros((4, 8, 8, 3))))
    ```
    """
    image = _to_pillow(picture)
    if Path(path).suffix.lower() not in _WITH_OPACITY:
        image = _opaque(image)
    with atomic_path(path) as temporary:
        image.save(temporary)


def picture_size(path: str | os.PathLike) -> tuple[int, int, int]:
    """The size of a picture in a file.

    Args:
        path: String or path. The file.

    Returns:
        The tuple `(height, width, channels)`.

    Raises:
        ImportError: If Pillow is missing.

    Example:

    ```python
    picture_size("grid.png")  # (62, 92, 1)
    ```
    """
    with _pillow().open(path) as image:
        return image.height, image.width, len(image.getbands())


def save_gif(
    path: str | os.PathLike,
    frames: Sequence[np.ndarray | str | os.PathLike],
    seconds_per_frame: float = 0.2,
    hold: float = 2.0,
    max_frames: int = 100,
) -> None:
    """Writes an animation that loops.

    Frames of different size, as of a growing generator, are enlarged to the
    largest by repeating pixels. What is transparent shows white.

    Args:
        path: String or path. The file, ending in `.gif`; its folder is made
            if needed. It appears whole or not at all.
        frames: Sequence of at least one. Pictures as for `save_image`, or
            paths of image files.
        seconds_per_frame: Float. The time that each frame is shown.
        hold: Float. The time in seconds that the last frame is shown.
        max_frames: Integer. Of more frames than this, as many are taken at
            even distances, the first and the last among them.

    Raises:
        ValueError: If there are no frames, or an option is out of range.
        ImportError: If Pillow is missing.

    Example:

    ```python
    frames = [np.full((16, 16), 10 * k, "uint8") for k in range(20)]
    save_gif("brighter.gif", frames)
    ```
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"`path` must end in .gif. Received: path={path}.")
    if len(frames) == 0:
        raise ValueError(
            f"`frames` must hold at least one frame. Received: frames={frames}."
        )
    if max_frames < 2:
        raise ValueError(
            f"`max_frames` must be at least 2. Received: {max_frames=}."
        )
    if seconds_per_frame <= 0 or hold <= 0:
        raise ValueError(
            "`seconds_per_frame` and `hold` must be above 0. Received: "
            f"{seconds_per_frame=}, {hold=}."
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


def save_scatter(
    path: str | os.PathLike, codes: np.ndarray, labels: np.ndarray
) -> None:
    """Draws two-dimensional codes, colored by class.

    Args:
        path: String or path. The file; its suffix chooses the format, its
            folder is made if needed. It appears whole or not at all.
        codes: Array of shape `(num, 2)`.
        labels: Integer array of shape `(num,)`.

    Raises:
        ValueError: If the codes have another dimension, or there is not one
            label for each.
        ImportError: If matplotlib is missing.

    Example:

    ```python
    save_scatter("codes.png", model.encode(images), labels)
    ```
    """
    codes, labels = np.asarray(codes), np.asarray(labels).reshape(-1)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) != len(labels):
        raise ValueError(
            "`codes` must have the shape (num, 2), with one of `labels` for "
            f"each. Received: codes.shape={codes.shape}, "
            f"labels.shape={labels.shape}."
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "`save_scatter` draws with matplotlib, which is not installed. "
            "Install it with `pip install -e '.[recipes]'` in the checkout."
        ) from error
    figure = Figure(figsize=(6, 5.5), layout="constrained")
    axes = figure.subplots()
    for label in np.unique(labels):
        chosen = codes[labels == label]
        axes.scatter(*chosen.T, s=4, label=str(label))
    axes.set_aspect("equal", adjustable="datalim")
    figure.legend(loc="outside right upper", markerscale=3.0)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def check_pillow() -> None:
    """Raises unless Pillow, which reads and writes pictures, is installed.

    Raises:
        ImportError: If it is missing.
    """
    _pillow()


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pictures are read and written by Pillow, which is not installed. "
            "Install it with `pip install -e '.[recipes]'` in the checkout."
        ) from error
    return Image


def _to_pillow(picture):
    picture = np.asarray(picture)
    shape = picture.shape
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    drawable = picture.ndim == 2
    drawable |= picture.ndim == 3 and picture.shape[-1] in (2, 3, 4)
    if picture.dtype != np.uint8 or not drawable:
        raise ValueError(
            "`picture` must be a uint8 array (height, width[, 1 to 4]). "
            f"Received: dtype {picture.dtype}, shape {shape}. Make one from "
            "images by `image_grid`."
        )
    return _pillow().fromarray(np.ascontiguousarray(picture))


def _open(frame):
    if isinstance(frame, str | os.PathLike):
        with _pillow().open(frame) as image:
            return _opaque(image.copy())
    return _opaque(_to_pillow(frame))


def _opaque(image):
    """A gray or RGB picture, white where the given one is transparent."""
    if "A" in image.getbands():
        white = _pillow().new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white.convert(image.mode[:-1])
    return image if image.mode == "L" else image.convert("RGB")
