"""Losses of reconstructions: one term for each entry, summed by example.

The papers sum over the entries of an example and average over the batch. A
mean over the entries would change the balance with every other term of a loss
by their number.
"""

from keras import ops

from keras_gen.precision import at_least_float32


def binary_crossentropy(x, logits):
    """Cross-entropy of each entry in nats, `softplus(logits) - x * logits`.

    Args:
        x: Tensor with values in [0, 1].
        logits: Tensor of the same shape, the logits of the reconstruction.

    Returns:
        Tensor of the same shape. Its smallest value, at `sigmoid(logits) =
        x`, is the entropy of `x`, not 0.
    """
    logits = at_least_float32(logits)
    return ops.softplus(logits) - x * logits


def squared_error(x, reconstruction):
    """`(x - reconstruction)^2` of each entry."""
    return ops.square(x - at_least_float32(reconstruction))


def half_squared_error(x, reconstruction):
    """`(x - reconstruction)^2 / 2` of each entry.

    It is the negative log-likelihood of a normal distribution of variance
    one, but for the constant `log(2 pi) / 2`.
    """
    return 0.5 * squared_error(x, reconstruction)


def sum_by_example(terms):
    """Sums over all axes but the first.

    Args:
        terms: Tensor of shape `(batch, ...)`.

    Returns:
        Tensor of shape `(batch,)`.
    """
    return ops.sum(terms, axis=tuple(range(1, len(terms.shape))))
