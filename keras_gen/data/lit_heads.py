"""Lit heads: rendered heads under one lamp, of known pose, light and identity.

A head is a smooth union of ellipsoids (skull, jaw, hair, nose, eyes, ears and
so on), whose sizes, places and grays are its identity. It is seen from far
away, without perspective, and reflects the lamp and an even ambient light as
Lambert's law says. The ellipsoids' depths and outlines along each ray are
known in closed form, so that a head is rendered in a few matrix products.

The four factors are the azimuth of the head (positive turns the face to the
right of the image), the elevation from which it is seen (positive from
above), the azimuth of the lamp (positive comes from the right) and the
identity. Every head is symmetric: with both azimuths negated, the image is
mirrored.
"""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_gen.data import checks, pipelines, seeds, sources, splits
from keras_gen.data import images as image_sizes
from keras_gen.data.head_rendering import IDENTITIES, renderer

LIT_HEAD_FACTORS = {
    "azimuth": 15,
    "elevation": 7,
    "light": 15,
    "identity": IDENTITIES,
}
_SIZES = tuple(LIT_HEAD_FACTORS.values())
_COUNT = math.prod(_SIZES)
# The largest azimuth, elevation and azimuth of the lamp.
_REACH = np.radians([75.0, 30.0, 80.0])
_TEST_FRACTION = 0.1

_CHUNK = 64
# The purpose of the draws, for `seeds.fold`.
_ONE_FACTOR = 10


def lit_head_factor_values(factors: np.ndarray) -> np.ndarray:
    """Returns the values of factors from their indices.

    Args:
        factors: Integer array of shape `(..., 4)`. Indices in the order of
            `LIT_HEAD_FACTORS`.

    Returns:
        float32 array of shape `(..., 4)`: the azimuth of the head within 75
        degrees to both sides, the elevation within 30 and the azimuth of the
        lamp within 80, all in radians, and the index of the identity.

    Raises:
        ValueError: If an index is out of its range.

    Example:

    >>> lit_head_factor_values([7, 6, 7, 3])
    array([0.       , 0.5235988, 0.       , 3.       ], dtype=float32)
    """
    factors = np.asarray(factors)
    good = factors.ndim >= 1 and factors.shape[-1] == len(_SIZES)
    if not good or not np.issubdtype(factors.dtype, np.integer):
        raise ValueError(
            "`factors` must be integers of shape (..., 4), the indices of "
            f"{', '.join(LIT_HEAD_FACTORS)}. Received: shape "
            f"{factors.shape}, dtype {factors.dtype}."
        )
    if np.any(factors < 0) or np.any(factors >= _SIZES):
        raise ValueError(
            f"`factors` must lie below {_SIZES}, the sizes of "
            f"{', '.join(LIT_HEAD_FACTORS)}, and not be negative. Received: "
            f"indices from {factors.reshape(-1, 4).min(axis=0)} to "
            f"{factors.reshape(-1, 4).max(axis=0)}."
        )
    middle = (np.array(_SIZES[:3]) - 1) / 2
    angles = (factors[..., :3] - middle) / middle * _REACH
    return np.concatenate([angles, factors[..., 3:]], -1).astype("float32")


def render_lit_heads(
    factor_values: np.ndarray, image_size: int = 64
) -> np.ndarray:
    """Renders heads from the values of their factors.

    Args:
        factor_values: Float array of shape `(count, 4)`. The azimuth, the
            elevation and the azimuth of the lamp, any angles in radians, and
            the index of the identity, from 0 to 999.
            `lit_head_factor_values()` makes them of indices.
        image_size: Integer. The height and width of the images.

    Returns:
        uint8 array of shape `(count, image_size, image_size, 1)`.

    Raises:
        ValueError: If the shape is another, an angle is not finite or there
            is no such identity.

    Example:

    >>> render_lit_heads([[0.5, 0.2, -0.7, 11]]).shape
    (1, 64, 64, 1)
    """
    values = np.asarray(factor_values, "float32")
    if values.ndim != 2 or values.shape[1] != 4:
        raise ValueError(
            "`factor_values` must have the shape (count, 4), the values of "
            f"{', '.join(LIT_HEAD_FACTORS)}. Received: shape {values.shape}."
        )
    if not np.all(np.isfinite(values)):
        raise ValueError(
            "`factor_values` must be finite. Received: "
            f"{values[~np.isfinite(values).all(axis=1)][0]}."
        )
    identity = values[:, 3].astype("int64")
    if np.any(
        (identity != values[:, 3]) | (identity < 0) | (identity >= IDENTITIES)
    ):
        raise ValueError(
            "The identities of `factor_values` must be integers from 0 to "
            f"{IDENTITIES - 1}. Received: values from {values[:, 3].min():g} "
            f"to {values[:, 3].max():g}."
        )
    render = renderer(_side(image_size))
    rendered = [np.empty((0, image_size, image_size, 1), "uint8")]
    for first in range(0, len(values), _CHUNK):
        part = slice(first, first + _CHUNK)
        rendered.append(render(values[part, :3], identity[part]).numpy())
    return np.concatenate(rendered)


def lit_head_identities(split: str = "train") -> np.ndarray:
    """Returns the indices of the identities in a split.

    Args:
        split: String. `"train"`, `"test"`, `"all"`, or a part of them, such
            as `"train[:50%]"`. The split is that of `load("lit_heads")` with
            its default seed.

    Returns:
        1D integer array.

    Raises:
        ValueError: If there is no such split.

    Example:

    >>> len(lit_head_identities("test"))
    100
    """
    everyone = np.arange(_SIZES[3])
    return splits.select(split, {"all": everyone, **_identity_splits(0)})


def build(image_size: int | None, seed: int) -> sources.Source:
    """Builds the `lit_heads` source.

    Args:
        image_size: Integer. The height and width, or `None` for 64.
        seed: Integer. The seed of the permutation that splits the identities.

    Returns:
        A `Source` of `image` (uint8, one channel), `factors` (int64, 4
        indices) and `factor_values` (float32), with splits `all` (every
        image, in the order of `np.unravel_index`), and `train` and `test`:
        all images of 900 and of the other 100 identities.

    Raises:
        ValueError: If the images would not be square or too small.
    """
    render = renderer(_side(image_size or 64))
    with tf.device("CPU:0"):
        tables = [
            tf.constant(lit_head_factor_values(_along(axis))[:, axis])
            for axis in range(len(_SIZES))
        ]

    def gather(indices):
        factors = list(tf.unstack(tf.unravel_index(indices, _SIZES)))
        values = [
            tf.gather(table, index)
            for table, index in zip(tables, factors, strict=True)
        ]
        return {
            "image": render(tf.stack(values[:3], axis=1), factors[3]),
            "factors": tf.stack(factors, axis=1),
            "factor_values": tf.stack(values, axis=1),
        }

    views = _SIZES[3] * np.arange(_COUNT // _SIZES[3])[:, np.newaxis]
    return sources.Source(
        gather=gather,
        splits={
            "all": np.arange(_COUNT),
            **{
                name: (views + identities).reshape(-1)
                for name, identities in _identity_splits(seed).items()
            },
        },
    )


def one_factor_batches(
    batch_size: int = 20,
    *,
    ratio: Mapping[str, float] | None = None,
    image_size: int = 64,
    split: str = "train",
    seed: int = 0,
    start_step: int = 0,
    shard: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Batches of lit heads in each of which one factor alone varies.

    All images of a batch have three factors in common. The fourth, redrawn
    for each batch, is drawn for each image. Angles are uniform over the
    ranges of `lit_head_factor_values()`, identities over those of the split.

    What step `n` draws is a function of the seed and of `n` alone: a run
    resumed with `start_step=n` sees, bit for bit, what the uninterrupted run
    saw from its step `n` on.

    Args:
        batch_size: Integer. The number of images in a batch, over all shards.
        ratio: Mapping from the names in `LIT_HEAD_FACTORS` to how often, in
            proportion, each of them is the one that varies; defaults to 10
            for `identity` and 1 for the others.
        image_size: Integer. The height and width of the images.
        split: String. The identities to draw from, as in
            `lit_head_identities()`.
        seed: Integer. The seed of all draws.
        start_step: Integer. The step to start from.
        shard: Pair `(index, count)`. This process gets the `index`-th of
            `count` equal, contiguous parts of every batch.

    Returns:
        `tf.data.Dataset` without end of pairs: images, float32 in [0, 1] of
        shape `(batch_size, image_size, image_size, 1)`, and the index in
        `LIT_HEAD_FACTORS` of the factor that varies, int32 of shape
        `(batch_size,)`, the same for all images of a batch.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> images, varying = next(iter(one_factor_batches(image_size=32)))
    >>> images.shape, varying.shape
    (TensorShape([20, 32, 32, 1]), TensorShape([20]))
    """
    odds = _cumulated(ratio)
    checks.check_integers(1, batch_size=batch_size)
    checks.check_integers(0, seed=seed, start_step=start_step)
    index, count = shard or (0, 1)
    if not 0 <= index < count or batch_size % count:
        raise ValueError(
            "`shard` must be a pair (index, count) with index < count, and "
            "`batch_size` a multiple of count. Received: "
            f"shard={shard!r}, batch_size={batch_size}."
        )
    size = batch_size // count
    identities = lit_head_identities(split)
    render = renderer(_side(image_size))
    with tf.device("CPU:0"):
        identities = tf.constant(identities, "int64")
        reach = tf.constant(_REACH, "float32")

    @tf.autograph.experimental.do_not_convert
    def batch(step):
        at = seeds.fold(seed, _ONE_FACTOR, step)
        drawn = seeds.uniform(seeds.fold_in(at, 0), ())
        group = tf.reduce_sum(tf.cast(drawn >= odds, "int32"))
        common = seeds.uniform(seeds.fold_in(at, 1), (1, 4))
        varied = seeds.uniform(seeds.fold_in(at, 2), (batch_size, 1))
        varied = varied[index * size : (index + 1) * size]
        u = tf.where(tf.range(4) == group, varied, common)
        identity = tf.cast(u[:, 3] * len(identities), "int64")
        pictures = render(
            (2.0 * u[:, :3] - 1.0) * reach, tf.gather(identities, identity)
        )
        pictures = tf.cast(pictures, "float32") / 255.0
        return pictures, tf.repeat(group, size)

    dataset = tf.data.Dataset.counter(start_step)
    dataset = dataset.map(
        batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(
        pipelines.options_of(shard=shard)
    )


def _cumulated(ratio):
    """The bounds in (0, 1) between the fractions of the factors."""
    if ratio is None:
        ratio = dict.fromkeys(LIT_HEAD_FACTORS, 1) | {"identity": 10}
    weights = np.array([ratio.get(name, -1) for name in LIT_HEAD_FACTORS])
    unknown = set(ratio) - set(LIT_HEAD_FACTORS)
    if unknown or np.any(weights < 0) or not 0 < weights.sum() < np.inf:
        raise ValueError(
            "`ratio` must give each of "
            f"{', '.join(LIT_HEAD_FACTORS)} a weight, none negative and not "
            f"all zero. Received: ratio={dict(ratio)!r}."
        )
    return (np.cumsum(weights) / weights.sum())[:-1].astype("float32")


def _side(image_size):
    height, width = image_sizes.as_size(image_size)
    if height != width or height < 8:
        raise ValueError(
            "`image_size` of 'lit_heads', which are square, must be at least "
            f"8. Received: image_size={image_size!r}. For other proportions, "
            "pass `image_size` to `pipeline()`, which resizes."
        )
    return height


def _identity_splits(seed):
    order = np.random.default_rng(seed).permutation(_SIZES[3])
    test = round(_SIZES[3] * _TEST_FRACTION)
    return {"train": np.sort(order[test:]), "test": np.sort(order[:test])}


def _along(axis):
    factors = np.zeros((_SIZES[axis], len(_SIZES)), "int64")
    factors[:, axis] = np.arange(_SIZES[axis])
    return factors
