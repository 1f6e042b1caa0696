"""Normal distributions with diagonal covariance.

A distribution is given by its mean and the logarithm of its variance, of
shape `(..., *event)`.
"""

import math

from keras import ops

LOG_2PI = math.log(2.0 * math.pi)


def _sum_event(x, event_rank):
    return ops.sum(x, axis=tuple(range(-event_rank, 0))) if event_rank else x


def sample(mean, log_variance, noise):
    """A reparameterised draw, `mean + exp(log_variance / 2) * noise`."""
    return mean + ops.exp(0.5 * log_variance) * noise


def log_prob(x, mean, log_variance, event_rank=1):
    """Log-density of `x`, summed over the last `event_rank` axes."""
    squares = ops.square(x - mean) * ops.exp(-log_variance)
    return -0.5 * _sum_event(LOG_2PI + log_variance + squares, event_rank)


def standard_log_prob(x, event_rank=1):
    """Log-density of `x` under the standard normal distribution."""
    return -0.5 * _sum_event(LOG_2PI + ops.square(x), event_rank)


def kl_divergence(mean, log_variance, event_rank=1):
    """KL divergence from the standard normal distribution, in closed form.

    `KL(N(m, v) || N(0, 1)) = (m^2 + v - 1 - log v) / 2` for each coordinate.
    """
    terms = ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance
    return 0.5 * _sum_event(terms, event_rank)


def kl_divergence_between(
    mean, log_variance, prior_mean, prior_log_variance, event_rank=1
):
    """KL divergence of one normal distribution from another.

    `KL(N(m, v) || N(n, w)) = (log w - log v + (v + (m - n)^2) / w - 1) / 2`
    for each coordinate.
    """
    ratio = ops.exp(log_variance - prior_log_variance)
    squares = ops.square(mean - prior_mean) * ops.exp(-prior_log_variance)
    terms = prior_log_variance - log_variance + ratio + squares - 1.0
    return 0.5 * _sum_event(terms, event_rank)


def product(mean, variance, other_mean, other_variance):
    """Mean and variance of the normalised product of two densities.

    Precisions add up; the means are weighted by them.
    """
    precision = 1.0 / variance + 1.0 / other_variance
    product_variance = 1.0 / precision
    weighted = mean / variance + other_mean / other_variance
    return product_variance * weighted, product_variance
