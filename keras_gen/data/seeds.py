"""Seeds for stateless random operations.

Everything random in a pipeline comes from a seed that is folded from the
user's seed, the purpose of the draw, and its place: its epoch and its step.
"""

import tensorflow as tf

ALGORITHM = "philox"
ORDER, BINARIZE, AUGMENT, DEQUANTIZE, PARTLY_LABELED = range(5)


def fold(seed: int, purpose: int, *places: tf.Tensor | int) -> tf.Tensor:
    """Folds a seed, a purpose and places into one stateless seed.

    Args:
        seed: Integer. The user's seed.
        purpose: Integer. One of `ORDER`, `BINARIZE`, `AUGMENT`, `DEQUANTIZE`
            and `PARTLY_LABELED`.
        *places: Integer scalars, such as the epoch and the step.

    Returns:
        int64 tensor of shape `(2,)`.
    """
    return fold_in(tf.constant([seed, purpose], "int64"), *places)


def fold_in(seed: tf.Tensor, *places: tf.Tensor | int) -> tf.Tensor:
    """Folds more places into a stateless seed of shape `(2,)`."""
    for place in places:
        seed = tf.random.experimental.stateless_fold_in(
            seed, tf.cast(place, "int64"), alg=ALGORITHM
        )
    return seed


def uniform(
    seed: tf.Tensor,
    shape: tuple,
    minval: float = 0.0,
    maxval: float = 1.0,
) -> tf.Tensor:
    """Draws float32 values, uniform in `[minval, maxval)`."""
    return tf.random.stateless_uniform(
        shape, seed, minval, maxval, "float32", alg=ALGORITHM
    )


def coarse_uniform(seed: tf.Tensor, shape: tuple) -> tf.Tensor:
    """Draws float32 values in (0, 1) from a grid, in half the time.

    Two values are made of each 32 random bits: the centers of 65,536 equal
    parts of the unit interval.
    """
    count = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(count + 1) // 2], seed, None, None, "uint32", alg=ALGORITHM
    )
    halves = tf.reshape(tf.bitcast(bits, "uint16"), [-1])[:count]
    return (tf.cast(tf.reshape(halves, shape), "float32") + 0.5) / 65536


def integer(seed: tf.Tensor) -> tf.Tensor:
    """Draws one non-negative int64, to seed operations that take one."""
    return tf.random.stateless_uniform(
        [], seed, 0, 2**62, "int64", alg=ALGORITHM
    )


def indices(seed: tf.Tensor, count: int, size: int) -> tf.Tensor:
    """Draws `count` int64 indices from `0, ..., size - 1`, with replacement."""
    return tf.random.stateless_uniform(
        [count], seed, 0, size, "int64", alg=ALGORITHM
    )


def permutation(seed: tf.Tensor, size: int) -> tf.Tensor:
    """Draws a permutation of `0, ..., size - 1`, as int64."""
    return tf.random.experimental.stateless_shuffle(
        tf.range(size, dtype="int64"), seed, alg=ALGORITHM
    )
