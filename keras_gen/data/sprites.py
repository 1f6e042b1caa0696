"""Sprites: white shapes on black, one image for each setting of five factors.

The factors are those of dSprites: 3 shapes (square, ellipse, heart), 6 scales
from 0.5 to 1, 40 orientations in [0, 2 pi), 32 horizontal and 32 vertical
positions: 737,280 images. They are rendered when asked for. As in dSprites, a
square looks the same after a quarter turn and an ellipse after a half turn,
so that an image does not always determine the orientation.

The three shapes have equal areas at equal scale, and turn about their
centroid. Orientation grows clockwise as seen on the screen, y grows downwards.

Reference: L. Matthey, I. Higgins, D. Hassabis, A. Lerchner, dSprites:
Disentanglement testing Sprites dataset, 2017.
"""

import math

import numpy as np
import tensorflow as tf

from keras_gen.data import images as image_sizes
from keras_gen.data import sources

SPRITE_FACTORS = {
    "shape": 3,
    "scale": 6,
    "orientation": 40,
    "position_x": 32,
    "position_y": 32,
}
_SIZES = tuple(SPRITE_FACTORS.values())
_COUNT = math.prod(_SIZES)

# All lengths are fractions of the image's side, at scale 1. No shape reaches
# farther than `_RADIUS` from its center.
_RADIUS = 0.225
_SQUARE = 0.15
_ELLIPSE = (0.22, 0.09 / (math.pi * 0.22))
# The heart is (x^2 + y^2 - 1)^3 <= x^2 y^3, of area 3.66197 and with its
# centroid at y = 0.29348 before it is scaled to the square's area.
_HEART = 0.3 / math.sqrt(3.66197)
_HEART_CENTER = 0.29348
_CHUNK = 256


def sprite_factor_values(factors: np.ndarray) -> np.ndarray:
    """Returns the values of factors from their indices.

    Args:
        factors: Integer array of shape `(..., 5)`. Indices in the order of
            `SPRITE_FACTORS`.

    Returns:
        float32 array of shape `(..., 5)`: the shape (1 square, 2 ellipse, 3
        heart), the scale in [0.5, 1], the orientation in [0, 2 pi) radians,
        and the positions in [0, 1].

    Raises:
        ValueError: If an index is out of its range.

    Example:

    >>> sprite_factor_values([2, 5, 10, 31, 0])
    array([3.       , 1.       , 1.5707964, 1.       , 0.       ],
          dtype=float32)
    """
    factors = _check_factors(factors)
    steps = np.array([1.0, 0.5 / 5, 2 * math.pi / 40, 1 / 31, 1 / 31])
    start = np.array([1.0, 0.5, 0.0, 0.0, 0.0])
    return (start + factors * steps).astype("float32")


def render_sprites(
    factors: np.ndarray, image_size: int = 64, antialias: bool = False
) -> np.ndarray:
    """Renders sprites from their factor indices.

    Args:
        factors: Integer array of shape `(count, 5)`. Indices in the order of
            `SPRITE_FACTORS`.
        image_size: Integer. The height and width of the images. At 64, one
            step of a position is one pixel.
        antialias: Boolean. Whether a pixel's gray is the fraction of it that
            the shape covers (4x4 samples). Otherwise each pixel is 0 or 255,
            by its center.

    Returns:
        uint8 array of shape `(count, image_size, image_size, 1)`.

    Raises:
        ValueError: If a factor is out of its range.

    Example:

    >>> render_sprites([[0, 5, 0, 16, 16], [2, 5, 20, 0, 31]]).shape
    (2, 64, 64, 1)
    """
    factors = np.atleast_2d(_check_factors(factors))
    samples = 4 if antialias else 1
    side = image_size * samples
    images = np.empty((len(factors), image_size, image_size, 1), "uint8")
    centers = np.arange(side) + 0.5
    for first in range(0, len(factors), _CHUNK):
        chunk = factors[first : first + _CHUNK]
        # Exact in binary at multiples of 16: all images are rounded alike.
        place = side * (33 + 2 * chunk[:, 3:]) / 128
        dx = centers[np.newaxis, np.newaxis, :] - place[:, 0, None, None]
        dy = centers[np.newaxis, :, np.newaxis] - place[:, 1, None, None]
        inside = _inside(chunk[:, :3], dx / side, dy / side)
        cells = inside.reshape(-1, image_size, samples, image_size, samples)
        cover = cells.mean(axis=(2, 4))
        images[first : first + _CHUNK, ..., 0] = np.round(255 * cover)
    return images


def _check_factors(factors):
    factors = np.asarray(factors)
    good = factors.ndim >= 1 and factors.shape[-1] == len(_SIZES)
    if not good or not np.issubdtype(factors.dtype, np.integer):
        raise ValueError(
            "`factors` must be integers of shape (..., 5), the indices of "
            f"{', '.join(SPRITE_FACTORS)}. Received: shape {factors.shape}, "
            f"dtype {factors.dtype}."
        )
    if np.any(factors < 0) or np.any(factors >= _SIZES):
        raise ValueError(
            f"`factors` must lie below {_SIZES}, the sizes of "
            f"{', '.join(SPRITE_FACTORS)}, and not be negative. Received: "
            f"indices from {factors.reshape(-1, 5).min(axis=0)} to "
            f"{factors.reshape(-1, 5).max(axis=0)}."
        )
    return factors


def _inside(looks, dx, dy):
    """Which points lie inside a sprite.

    Args:
        looks: Integer array of shape `(count, 3)`. The shape, the scale and
            the orientation.
        dx: Array of shape `(count or 1, 1, width)`. The distance from the
            sprite's center, in units of the image's side.
        dy: Array of shape `(count or 1, height, 1)`. The same downwards.

    Returns:
        Boolean array of shape `(count, height, width)`.
    """
    count, height, width = len(looks), dy.shape[1], dx.shape[2]
    dx = np.broadcast_to(dx, (count, 1, width))
    dy = np.broadcast_to(dy, (count, height, 1))
    cosines, sines = _quarter_turns(_SIZES[2])
    scale = (0.5 + looks[:, 1] / 10)[:, None, None]
    cos = cosines[looks[:, 2]][:, None, None] / scale
    sin = sines[looks[:, 2]][:, None, None] / scale
    inside = np.empty((count, height, width), bool)
    for shape, contains in enumerate((_square, _ellipse, _heart)):
        of = looks[:, 0] == shape
        u = cos[of] * dx[of] + sin[of] * dy[of]
        v = cos[of] * dy[of] - sin[of] * dx[of]
        inside[of] = contains(u, v)
    return inside


def _quarter_turns(steps):
    """Cosines and sines in which quarter turns are exact."""
    first = np.arange(steps // 4) * (2 * math.pi / steps)
    cos, sin = np.cos(first), np.sin(first)
    cosines = np.concatenate([cos, -sin, -cos, sin])
    sines = np.concatenate([sin, cos, -sin, -cos])
    return cosines, sines


def _square(u, v):
    return (np.abs(u) <= _SQUARE) & (np.abs(v) <= _SQUARE)


def _ellipse(u, v):
    return (u / _ELLIPSE[0]) ** 2 + (v / _ELLIPSE[1]) ** 2 <= 1


def _heart(u, v):
    x, y = u / _HEART, _HEART_CENTER - v / _HEART
    xx, yy = x * x, y * y
    bulge = xx + yy - 1
    return bulge * bulge * bulge <= xx * yy * y


def build(image_size: int | None, seed: int) -> sources.Source:
    """Builds the `sprites` source.

    Args:
        image_size: Integer. A multiple of 16, or `None` for 64.
        seed: Integer. The seed of the permutation that splits the images.

    Returns:
        A `Source` of `image` (uint8, 0 or 255, one channel), `factors`
        (int64, 5 indices) and `factor_values` (float32), with splits `all`
        (every image, in the order of `np.unravel_index`), and `train` and
        `test`, 90 % and 10 % of them in a seeded random order.

    Raises:
        ValueError: If the size is another.
    """
    height, width = image_sizes.as_size(image_size or 64)
    if height != width or height % 16:
        raise ValueError(
            "`image_size` of 'sprites', which are square, must be a multiple "
            f"of 16. Received: image_size={image_size!r}. For other sizes, "
            "pass `image_size` to `pipeline()`, which resizes."
        )
    order = np.random.default_rng(seed).permutation(_COUNT)
    train = _COUNT * 9 // 10
    return sources.Source(
        gather=_gather(height),
        splits={
            "all": np.arange(_COUNT),
            "train": order[:train],
            "test": order[train:],
        },
    )


def _gather(side):
    """Makes images by moving pre-rendered sprites to their places.

    A sprite's center falls on one of a few places within a pixel, so one
    small picture for each look and each such place is enough.
    """
    phases = max(1, 64 // math.gcd(side, 64))
    looks = np.stack(np.unravel_index(np.arange(720), _SIZES[:3]), axis=1)
    reach = math.ceil(_RADIUS * side) + 1
    grid = np.arange(-reach, reach + 1)
    # Center of a sprite, in pixels from the first pixel's center.
    centers = side * (33 + 2 * np.arange(32)) / 128 - 0.5
    whole = np.floor(centers).astype("int64")
    bank = np.empty(
        (len(looks), phases, phases, grid.size, grid.size), "float32"
    )
    for row in range(phases):
        for column in range(phases):
            dx = (grid - (centers - whole)[column])[None, None, :] / side
            dy = (grid - (centers - whole)[row])[None, :, None] / side
            bank[:, row, column] = 255 * _inside(looks, dx, dy)
    with tf.device("CPU:0"):
        pictures = tf.constant(bank.reshape(-1, grid.size, grid.size))
        corners = tf.constant(whole - reach, "int32")
        tables = [
            tf.constant(sprite_factor_values(_along(axis))[:, axis])
            for axis in range(len(_SIZES))
        ]

    def window(position):
        return tf.range(side) - tf.gather(corners, position)[:, tf.newaxis]

    def gather(indices):
        look, place = indices // 1024, indices % 1024
        x, y = place // 32, place % 32
        factors = [look // 240, look // 40 % 6, look % 40, x, y]
        values = [
            tf.gather(table, index)
            for table, index in zip(tables, factors, strict=True)
        ]
        picture = (look * phases + y % phases) * phases + x % phases
        # A matrix of zeros and ones moves the columns, which is much faster
        # than to gather single bytes.
        columns = tf.one_hot(window(x), grid.size, axis=1)
        rows = tf.clip_by_value(window(y), 0, grid.size - 1)
        image = tf.matmul(tf.gather(pictures, picture), columns)
        image = tf.cast(tf.gather(image, rows, batch_dims=1), "uint8")
        return {
            "image": image[..., tf.newaxis],
            "factors": tf.stack(factors, axis=1),
            "factor_values": tf.stack(values, axis=1),
        }

    return gather


def _along(axis):
    factors = np.zeros((_SIZES[axis], len(_SIZES)), "int64")
    factors[:, axis] = np.arange(_SIZES[axis])
    return factors
