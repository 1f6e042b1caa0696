"""Scenes: a textured shape on a ground, with what translates into each other.

An image shows one shape, a disc, a square or a triangle of equal areas, at a
random place, of a random size and turned by a random angle. It has one of six
colors, and stripes or dots, whose phase is random; the ground is light or
dark. These are its attributes. With the image come

- `layout`, its label map: each part in a flat color that says what it is, as
  facades and streets are labeled. All attributes follow from it, but neither
  the phase of the texture nor, up to the symmetries of the shape, its
  direction;
- `edges`, the outline of the shape, white on black, from which neither color
  nor texture follows;
- `mask`, the shape in white on black;
- `degraded`, the image as a bad camera sees it: blurred, of less contrast,
  darker to the borders, with noise;
- `binary_attributes`, a 0 or 1 for each shape, color, texture and ground, and
  `center`, where the shape is;
- `caption`, the attributes in words.

Images are rendered when they are asked for, in any size.
"""

import math

import numpy as np
import tensorflow as tf

from keras_gen.data import images as image_sizes
from keras_gen.data import sources

SCENE_ATTRIBUTES = {
    "shape": ("disc", "square", "triangle"),
    "color": ("red", "yellow", "green", "cyan", "blue", "magenta"),
    "texture": ("stripes", "dots"),
    "ground": ("light", "dark"),
}
_SIZES = tuple(len(names) for names in SCENE_ATTRIBUTES.values())
_TRAIN, _TEST = 20_000, 2_000
_COLORS = (
    (0.9, 0.2, 0.2),
    (0.9, 0.8, 0.2),
    (0.2, 0.75, 0.25),
    (0.2, 0.8, 0.85),
    (0.25, 0.35, 0.95),
    (0.85, 0.3, 0.85),
)
_GROUNDS = (0.85, 0.2)
# Lengths are fractions of the image's side. Of the shapes, each has the area
# of the disc of its radius; the triangle reaches 1.56 radii from its center.
_RADII = (0.16, 0.24)
_SQUARE = math.sqrt(math.pi) / 2
_TRIANGLE = math.sqrt(math.pi / (3 * math.sqrt(3)))
# How a bad camera sees: the standard deviation of its blur, as a fraction of
# the side, and of its noise; its contrast, and the gray that it is drawn to.
_BLUR = 0.02
_NOISE = 0.06
_FADED = (0.6, 0.45)
# Periods of a texture along the side, and how dark its gaps are.
_FREQUENCY = 8.0
_CONTRAST = 0.6
# In a layout, dots are of half the brightness.
_LAYOUT = (1.0, 0.5)


def build(image_size: int | None, seed: int) -> sources.Source:
    """Builds the `scenes` source.

    Args:
        image_size: Integer, or `None` for 64.
        seed: Integer. The seed of all scenes.

    Returns:
        A `Source` of `image`, `layout` and `degraded` (uint8, three
        channels), `edges` and `mask` (uint8, one channel), `attributes`
        (int64, the indices in the order of `SCENE_ATTRIBUTES`),
        `binary_attributes` (int64, each of the names in that order), `center`
        (float32, x and y from the top left in units of the side) and
        `caption`, with splits `train` of 20,000 and `test` of 2,000 scenes,
        and `all`.

    Raises:
        ValueError: If the images would not be square.
    """
    height, width = image_sizes.as_size(image_size or 64)
    if height != width:
        raise ValueError(
            "`image_size` of 'scenes', which are square, must be one side. "
            f"Received: image_size={image_size!r}. For other sizes, pass "
            "`image_size` to `pipeline()`, which resizes."
        )
    count = _TRAIN + _TEST
    rng = np.random.default_rng(seed)
    attributes = np.stack([rng.integers(0, n, count) for n in _SIZES], axis=1)
    radius = rng.uniform(*_RADII, count)
    # Nothing is cut off by the border.
    reach = 2 * _TRIANGLE * radius + 0.02
    center = reach[:, None] + rng.random((count, 2)) * (1 - 2 * reach)[:, None]
    angle = rng.uniform(0.0, 2.0 * math.pi, count)
    phases = rng.random((count, 2))
    places = np.column_stack([center, radius, angle, phases]).astype("float32")
    noise = rng.normal(0.0, _NOISE, (2 * height, 2 * height, 3))
    windows = rng.integers(0, height, (count, 2))
    with tf.device("CPU:0"):
        attributes = tf.constant(attributes, "int64")
        places = tf.constant(places)
        noise = tf.constant(noise, "float32")
        windows = tf.constant(windows, "int64")

    def gather(indices):
        chosen, where = (
            tf.gather(attributes, indices),
            tf.gather(places, indices),
        )
        pictures = render(chosen, where, height)
        seen = degrade(pictures["image"], noise, tf.gather(windows, indices))
        flags = [tf.one_hot(chosen[:, i], n) for i, n in enumerate(_SIZES)]
        return {
            **pictures,
            "degraded": seen,
            "attributes": chosen,
            "binary_attributes": tf.cast(tf.concat(flags, 1), "int64"),
            "center": where[:, :2],
            "caption": _captions(chosen),
        }

    splits = {
        "train": np.arange(_TRAIN),
        "test": np.arange(_TRAIN, count),
        "all": np.arange(count),
    }
    return sources.Source(splits, gather=gather)


def render(attributes, places, side: int) -> dict[str, tf.Tensor]:
    """Renders scenes.

    Args:
        attributes: Integer tensor of shape `(count, 4)`. The indices in the
            order of `SCENE_ATTRIBUTES`.
        places: Float tensor of shape `(count, 6)`. The center, x and y from
            the top left, and the radius, in units of the side; the angle in
            radians; the two phases of the texture, in periods.
        side: Integer. The height and width of the images.

    Returns:
        Dict of uint8 tensors: `image`, `layout`, `edges` and `mask`.
    """
    shape, color, texture, ground = tf.unstack(attributes, axis=1)
    x, y, radius, angle, *phases = tf.unstack(places[:, :, None, None], axis=1)
    grid = (tf.range(side, dtype="float32") + 0.5) / side
    dx, dy = grid[None, None, :] - x, grid[None, :, None] - y
    u = tf.cos(angle) * dx + tf.sin(angle) * dy
    v = tf.cos(angle) * dy - tf.sin(angle) * dx
    distance = side * _chosen(shape, _distances(u, v, radius))
    mask = tf.clip_by_value(0.5 - distance, 0.0, 1.0)[..., None]
    edges = tf.clip_by_value(1.5 - tf.abs(distance), 0.0, 1.0)[..., None]
    waves = [
        tf.sin(2.0 * math.pi * (_FREQUENCY * axis + phase))
        for axis, phase in zip((u, v), phases, strict=True)
    ]
    pattern = tf.tanh(4.0 * _chosen(texture, [waves[0], waves[0] * waves[1]]))
    bright = 1.0 - _CONTRAST * (0.5 - 0.5 * pattern)[..., None]
    paint = tf.gather(tf.constant(_COLORS), color)[:, None, None, :]
    flat = tf.gather(tf.constant(_LAYOUT), texture)[:, None, None, None]
    behind = tf.gather(tf.constant(_GROUNDS), ground)[:, None, None, None]
    pictures = {
        "image": mask * bright * paint + (1.0 - mask) * behind,
        "layout": mask * flat * paint + (1.0 - mask) * behind,
        "edges": edges,
        "mask": mask,
    }
    return {
        name: tf.cast(tf.round(255.0 * picture), "uint8")
        for name, picture in pictures.items()
    }


def degrade(images, noise, windows) -> tf.Tensor:
    """Images as a bad camera sees them.

    Args:
        images: uint8 tensor of shape `(count, side, side, 3)`.
        noise: Float tensor of shape `(2 * side, 2 * side, 3)`, of which each
            image has a part.
        windows: Integer tensor of shape `(count, 2)`. Where its part begins.

    Returns:
        uint8 tensor of the shape of `images`.
    """
    side = images.shape[1]
    x = tf.cast(images, "float32") / 255.0
    # Weights of all pixels of a row or a column: of a Gaussian, cut off by the
    # border.
    places = tf.range(side, dtype="float32")
    distances = (places[:, None] - places[None, :]) / (_BLUR * side)
    weights = tf.exp(-0.5 * distances**2)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    x = tf.einsum("ih,nhwc->niwc", weights, x)
    x = tf.einsum("jw,niwc->nijc", weights, x)
    contrast, gray = _FADED
    x = gray + contrast * (x - gray)
    radii = (places + 0.5) / side - 0.5
    x *= 1.0 - 0.5 * (radii[:, None, None] ** 2 + radii[None, :, None] ** 2)
    rows, columns = (
        windows[:, i, None] + tf.range(side, dtype="int64") for i in range(2)
    )
    parts = tf.gather(tf.gather(noise, rows), columns, axis=2, batch_dims=1)
    x = tf.clip_by_value(x + parts, 0.0, 1.0)
    return tf.cast(tf.round(255.0 * x), "uint8")


def _distances(u, v, radius):
    """How far points are outside of each shape, less than 0 inside."""
    third = math.sqrt(3.0) / 2.0
    triangle = tf.maximum(v, third * tf.abs(u) - 0.5 * v)
    return [
        tf.sqrt(u * u + v * v) - radius,
        tf.maximum(tf.abs(u), tf.abs(v)) - _SQUARE * radius,
        triangle - _TRIANGLE * radius,
    ]


def _chosen(index, options):
    """Of some tensors, for each example the one of its index."""
    parts = tf.one_hot(index, len(options))
    return sum(
        parts[:, i, None, None] * option for i, option in enumerate(options)
    )


def _captions(attributes):
    shape, color, texture, ground = (
        tf.gather(tf.constant(names), attributes[:, i])
        for i, names in enumerate(SCENE_ATTRIBUTES.values())
    )
    words = ["a", color, shape, "with", texture, "on", ground, "ground"]
    count = tf.shape(attributes)[0]
    words = [
        tf.fill([count], word) if isinstance(word, str) else word
        for word in words
    ]
    return tf.strings.join(words, separator=" ")
