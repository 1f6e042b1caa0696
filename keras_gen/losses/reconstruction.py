"""Reconstruction losses: one term for each component, summed by example.

The papers sum over the components (pixels) of an example and average over the
batch. A mean over the components would change the balance with every other
term of a loss by their number.
"""

from keras import ops

from keras_gen.backend.precision import at_least_float32


def binary_crossentropy(x, logits):
    """Cross-entropy of each component in nats, `softplus(logits) - x * logits`.

    Args:
        x: Tensor with values in [0, 1].
        logits: Tensor of the same shape, the logits of the reconstruction.

    Returns:
        Tensor of the same shape. Its smallest value, at `sigmoid(logits) =
        x`, is the entropy of `x`, not 0.
    """
    logits = at_least_float32(logits)
    return ops.softplus(logits) - ops.cast(x, logits.dtype) * logits


def squared_error(x, reconstruction):
    """`(x - reconstruction)^2` of each component."""
    reconstruction = at_least_float32(reconstruction)
    return ops.square(ops.cast(x, reconstruction.dtype) - reconstruction)


def half_squared_error(x, reconstruction):
    """`(x - reconstruction)^2 / 2` of each component.

    It is the negative log-likelihood of a normal distribution of variance
    one, up to the constant `log(2 pi) / 2`.
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
