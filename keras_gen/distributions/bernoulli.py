"""Independent Bernoulli distributions, given by their logits."""

from keras import ops


def log_prob(x, logits, event_rank=1):
    """Log-probability of `x` in [0, 1], summed over the last axes.

    `x * logits - softplus(logits)`, which is finite for every finite logit.
    Values between 0 and 1 give the expectation over a Bernoulli draw of `x`.
    """
    terms = x * logits - ops.softplus(logits)
    return ops.sum(terms, axis=tuple(range(-event_rank, 0)))
