"""Losses of classifiers, on examples some of which have no label."""

from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32


def cross_entropy(labels, logits):
    """Mean cross-entropy of the labeled examples, in nats.

    Args:
        labels: Integer tensor of shape `(batch,)`, with -1 for no label.
        logits: Tensor of shape `(batch, num_classes)`.

    Returns:
        Scalar, 0 if no example of the batch that all workers share has a
        label.
    """
    logits, labels = at_least_float32(logits), ops.cast(labels, "int32")
    log_probabilities = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    chosen = ops.take_along_axis(
        log_probabilities, ops.maximum(labels, 0)[:, None], axis=-1
    )
    return -labeled_mean(chosen[:, 0], labels)


def accuracy(labels, logits):
    """Fraction of the labeled examples whose largest logit is their label.

    Args:
        labels: Integer tensor of shape `(batch,)`, with -1 for no label.
        logits: Tensor of shape `(batch, num_classes)`.

    Returns:
        Scalar.
    """
    predicted = ops.cast(ops.argmax(logits, axis=-1), labels.dtype)
    hits = ops.cast(ops.equal(predicted, labels), "float32")
    return labeled_mean(hits, labels)


def labeled_mean(values, labels):
    """The mean over the labeled examples of the batch of all workers."""
    labeled = ops.cast(labels >= 0, values.dtype)
    fraction = replica_mean(ops.mean(labeled))
    return ops.divide_no_nan(ops.mean(labeled * values), fraction)


def source_logits(logits):
    """The logits of being real, of a classifier into classes or "generated".

    With the logits `l_1` to `l_K` of the classes, and 0 for generated examples,
    a softmax of `K + 1` logits has the odds `sum_k exp(l_k)` for any class.

    Args:
        logits: Tensor of shape `(batch, num_classes)`.

    Returns:
        Tensor of shape `(batch,)`, `logsumexp_k l_k`.

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """
    return ops.logsumexp(at_least_float32(logits), axis=-1)


def unlabeled_weights(labels):
    """Weights of mean 1 over the batch of all workers: of unlabeled examples.

    If all of them have labels, each has the weight 1.

    Args:
        labels: Integer tensor of shape `(batch,)`, with -1 for no label.
    """
    unlabeled = ops.cast(labels < 0, "float32")
    fraction = replica_mean(ops.mean(unlabeled))
    weights = ops.divide_no_nan(unlabeled, fraction)
    return ops.where(fraction > 0.0, weights, ops.ones_like(weights))
