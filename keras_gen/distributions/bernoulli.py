"""Independent Bernoulli distributions, given by their logits."""

import math

from keras import ops

from keras_gen.distributions.distribution import (
    Distribution,
    as_float,
    sum_event,
)


class Bernoulli(Distribution):
    """Independent Bernoulli distributions.

    Args:
        logits: Tensor of shape `(..., *event_shape)`.
        event_rank: Integer. The number of axes of an event.

    Example:

    >>> Bernoulli(ops.zeros((8, 28, 28, 1)), event_rank=3).log_prob(x)  # (8,)
    """

    def __init__(self, logits, event_rank: int = 1):
        self.logits = as_float(logits, like=logits)
        self.event_rank = event_rank
        self.event_shape = tuple(logits.shape)[len(logits.shape) - event_rank :]

    @property
    def mean(self):
        return ops.sigmoid(self.logits)

    def log_prob(self, x, labels=None):
        """`x * logits - softplus(logits)`, finite for every finite logit.

        Values of `x` between 0 and 1 give the expectation over a Bernoulli
        draw of `x`.
        """
        x = as_float(x, like=self.logits)
        terms = x * self.logits - ops.softplus(self.logits)
        return sum_event(terms, self.event_rank)


def bernoulli_kl(p: float, q, epsilon: float = 1e-7):
    """KL divergence of Bernoulli distributions, component by component.

    `p log(p / q) + (1 - p) log((1 - p) / (1 - q))`, whose derivative by `q` is
    `(1 - p) / (1 - q) - p / q`.

    Args:
        p: Float in (0, 1).
        q: Tensor of probabilities, kept `epsilon` away from 0 and 1.
        epsilon: Float.

    Returns:
        Tensor of the shape of `q`.
    """
    q = ops.clip(as_float(q, like=q), epsilon, 1.0 - epsilon)
    rest = math.log1p(-p) - ops.log1p(-q)
    return p * (math.log(p) - ops.log(q)) + (1.0 - p) * rest
