"""Entropies of predicted classes, in nats."""

from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32


def conditional_entropy(logits):
    """`E[H(p(y|x))]`, how uncertain predictions are, on average.

    Args:
        logits: Tensor of shape `(batch, num_classes)`.

    Returns:
        Scalar from 0 to `log num_classes`.
    """
    log_p = ops.log_softmax(at_least_float32(logits), axis=-1)
    return -ops.mean(ops.sum(ops.exp(log_p) * log_p, axis=-1))


def marginal_entropy(logits):
    """`H(E[p(y|x)])`, how evenly classes are predicted.

    The mean is over the batch that all workers share. It is never below the
    conditional entropy; the difference is the mutual information of an example
    and its class.

    Args:
        logits: Tensor of shape `(batch, num_classes)`.

    Returns:
        Scalar from 0 to `log num_classes`.
    """
    p = ops.softmax(at_least_float32(logits), axis=-1)
    mean = replica_mean(ops.mean(p, axis=0))
    return -ops.sum(mean * ops.log(ops.maximum(mean, 1e-30)))
