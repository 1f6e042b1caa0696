"""Random draws for the examples of a batch.

Where several workers share a global batch, each draws the noise of the
whole batch from the common seed and keeps its own rows: together they see
what a single worker would have seen, and no two workers see the same noise.
"""

import keras
from keras import ops

from keras_gen import backend


def own_rows(x):
    """The rows of this worker, of a tensor of the global batch."""
    index, count = backend.replica()
    if count == 1:
        return x
    shape = ops.shape(x)
    return ops.reshape(x, (count, shape[0] // count, *shape[1:]))[index]


def _drawn(draw, shape):
    return own_rows(draw((shape[0] * backend.replica()[1], *shape[1:])))


def normal(shape, seed, dtype=None):
    """Standard normal noise, one row for each example of the batch.

    Args:
        shape: Tuple. The first entry is the size of the batch.
        seed: `keras.random.SeedGenerator` or integer.
        dtype: String. Defaults to `keras.config.floatx()`.

    Returns:
        Tensor of the given shape.
    """
    return _drawn(
        lambda shape: keras.random.normal(shape, dtype=dtype, seed=seed), shape
    )


def uniform(shape, seed, minval=0.0, maxval=1.0, dtype=None):
    """Uniform noise in `[minval, maxval)`, one row for each example.

    Args:
        shape: Tuple. The first entry is the size of the batch.
        seed: `keras.random.SeedGenerator` or integer.
        minval: Float.
        maxval: Float.
        dtype: String. Defaults to `keras.config.floatx()`.

    Returns:
        Tensor of the given shape.
    """
    return _drawn(
        lambda shape: keras.random.uniform(
            shape, minval, maxval, dtype=dtype, seed=seed
        ),
        shape,
    )


def permuted(x, seed, groups=None):
    """The examples of a batch in random order.

    Args:
        x: Structure of tensors, whose rows stay together. The batch is the
            one that all workers share: a row may be another worker's.
        seed: `keras.random.SeedGenerator` or integer.
        groups: Integer tensor of shape `(batch,)`, or `None`. Examples change
            places with others of their group alone.

    Returns:
        The structure, which no gradient passes through.
    """
    whole = keras.tree.map_structure(
        lambda leaf: backend.gather(ops.stop_gradient(leaf)), x
    )
    n = ops.shape(keras.tree.flatten(whole)[0])[0]
    draws = keras.random.uniform((n,), seed=seed)
    order = ops.argsort(draws)
    if groups is not None:
        groups = ops.cast(backend.gather(groups), draws.dtype)
        # By group, in random order; and the places of the groups, in theirs.
        order = ops.argsort(2.0 * groups + draws)
        places = ops.arange(n, dtype=draws.dtype) / ops.cast(n, draws.dtype)
        places = ops.argsort(2.0 * groups + places)
        order = ops.take(order, ops.argsort(places))
    return keras.tree.map_structure(
        lambda leaf: own_rows(ops.take(leaf, order, axis=0)), whole
    )


def labels(shape, num_classes, seed):
    """Uniform class labels, one row for each example.

    Args:
        shape: Tuple. The first entry is the size of the batch.
        num_classes: Integer.
        seed: `keras.random.SeedGenerator` or integer.

    Returns:
        int32 tensor of the given shape with values below `num_classes`.
    """
    return _drawn(
        lambda shape: keras.random.randint(shape, 0, num_classes, seed=seed),
        shape,
    )
