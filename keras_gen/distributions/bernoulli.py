"""Independent Bernoulli distributions, given by their logits or means."""

import math

from keras import ops


def log_prob(x, logits, event_rank=1):
    """Log-probability of `x` in [0, 1], summed over the last axes.

    `x * logits - softplus(logits)`, which is finite for every finite logit.
    Values between 0 and 1 give the expectation over a Bernoulli draw of `x`.
    """
    terms = x * logits - ops.softplus(logits)
    return ops.sum(terms, axis=tuple(range(-event_rank, 0)))


def kl_divergence(p, q, epsilon=1e-7):
    """KL divergence of a Bernoulli distribution from another, by entries.

    `p log(p / q) + (1 - p) log((1 - p) / (1 - q))`. Its derivative by `q` is
    `(1 - p) / (1 - q) - p / q`.

    Args:
        p: Float in (0, 1).
        q: Tensor of probabilities, which are kept `epsilon` away from 0
            and 1.
        epsilon: Float.

    Returns:
        Tensor of the shape of `q`.
    """
    q = ops.clip(q, epsilon, 1.0 - epsilon)
    return p * (math.log(p) - ops.log(q)) + (1.0 - p) * (
        math.log1p(-p) - ops.log1p(-q)
    )
