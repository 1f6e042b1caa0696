"""Masks of what is hidden of an image."""

import math

import numpy as np
from keras import ops

from keras_gen.backend.noise import uniform

# The fill of the official code: the mean color of ImageNet, in another order.
MEAN_COLOR = (117.0, 104.0, 123.0)
# Of the official code's pattern for images of 128x128.
CELLS = 128 * 600 / 10_000
AREAS = (0.2, 0.3)
BLOCKS = 4


def fill_values(fill, channels: int) -> tuple[float, ...]:
    """The value of hidden pixels, one or one for each channel, checked."""
    if fill is None:
        colored = channels == 3
        fill = 2.0 * np.array(MEAN_COLOR) / 255.0 - 1.0 if colored else 0.0
    values = np.atleast_1d(np.asarray(fill, "float32"))
    if values.shape not in ((1,), (channels,)) or np.abs(values).max() > 1:
        raise ValueError(
            "`fill` must be a number from -1 to 1, or one for each of "
            f"{channels} channels. Received: fill={fill}."
        )
    return tuple(values.tolist())


def hole_side(hole_size, overlap, image_shape) -> int:
    """The side of the hole in the middle, checked."""
    sides, hole = image_shape[:2], hole_size
    if hole is None:
        # Even, as the sides are.
        hole = min(sides) // 4 * 2
    fits = all(side > hole and (side - hole) % 2 == 0 for side in sides)
    if not fits or hole <= 2 * overlap:
        raise ValueError(
            "`hole_size` must be an even number below the sides of the "
            "images, and above twice the `overlap`. Received: "
            f"hole_size={hole}, overlap={overlap}, image_shape="
            f"{image_shape}. Pass another."
        )
    return hole


def center_mask(sides, hole, overlap) -> np.ndarray:
    """A square in the middle, less a border of what stays visible."""
    mask = np.zeros((1, *sides, 1), "bool")
    rows, columns = (
        slice((side - hole) // 2 + overlap, (side + hole) // 2 - overlap)
        for side in sides
    )
    mask[:, rows, columns] = True
    return mask


def block_masks(n, sides, seed):
    """Four squares at random, which cover about a quarter at most.

    Their sides are an eighth to a quarter of the image's shorter one.

    Args:
        n: Integer or scalar tensor. The size of the batch.
        sides: Tuple `(height, width)`.
        seed: `keras.random.SeedGenerator`.

    Returns:
        Boolean tensor of shape `(n, height, width, 1)`.
    """
    draws = uniform((n, BLOCKS, 3), seed)
    size = min(sides) * (1.0 + draws[..., 0]) / 8.0
    inside = []
    for axis, side in enumerate(sides):
        start = draws[..., 1 + axis] * (side - size)
        places = 0.5 + ops.arange(side, dtype="float32")
        places = places - start[..., None]
        inside.append(ops.logical_and(places >= 0.0, places <= size[..., None]))
    blocks = ops.logical_and(inside[0][..., :, None], inside[1][..., None, :])
    return ops.any(blocks, axis=1)[..., None]


def region_masks(n, sides, seed):
    """Random regions of 20 to 30 % of the image.

    Where uniform noise on a coarse grid, interpolated by cubic convolution, is
    lowest. The official code cuts such regions out of one large pattern.

    Args:
        n: Integer or scalar tensor. The size of the batch.
        sides: Tuple `(height, width)`.
        seed: `keras.random.SeedGenerator`.

    Returns:
        Boolean tensor of shape `(n, height, width, 1)`.
    """
    rows, columns = (interpolation(side) for side in sides)
    sizes = len(rows[0]), len(columns[0])
    draws = uniform((n, 1 + math.prod(sizes)), seed)
    grid = ops.reshape(draws[:, 1:], (-1, *sizes))
    field = ops.einsum("hr,nrc,wc->nhw", rows, grid, columns)
    low, high = AREAS
    fraction = low + (high - low) * draws[:, :1]
    ordered = ops.sort(ops.reshape(field, (-1, math.prod(sides))), axis=1)
    place = ops.cast(fraction * math.prod(sides), "int32")
    limit = ops.take_along_axis(ordered, place, axis=1)
    return (field < limit[..., None])[..., None]


def interpolation(side: int) -> np.ndarray:
    """The matrix that interpolates values on a grid at each pixel.

    By the cubic convolution of Keys, with `a = -1/2`.
    """
    places = 1.0 + CELLS * (np.arange(side) + 0.5) / side
    grid = np.arange(math.ceil(CELLS) + 3)
    d = np.abs(places[:, None] - grid)
    near = 1.5 * d**3 - 2.5 * d**2 + 1.0
    far = -0.5 * d**3 + 2.5 * d**2 - 4.0 * d + 2.0
    weights = np.where(d < 1.0, near, np.where(d < 2.0, far, 0.0))
    return weights.astype("float32")
