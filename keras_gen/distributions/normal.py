"""Normal distributions with diagonal covariance."""

import math

import keras
from keras import ops

from keras_gen.backend import noise
from keras_gen.checks import check_positive
from keras_gen.distributions.distribution import (
    Distribution,
    SaveableDistribution,
    as_float,
    sum_event,
)

LOG_2PI = math.log(2.0 * math.pi)
# Bounds of learned log-variances: of a posterior, out of the way of any trained
# model; of a likelihood of images in [0, 1], at least that of rounding them to
# 256 levels, so that pixels which never change keep a variance.
POSTERIOR_BOUNDS = (-20.0, 15.0)
LIKELIHOOD_BOUNDS = (-math.log(12.0 * 255.0**2), 15.0)


class Normal(Distribution):
    """Independent normal distributions, given by mean and log-variance.

    Args:
        mean: Tensor of shape `(batch, *event_shape)`, or `event_shape` for a
            single distribution.
        log_variance: Tensor of the same shape, or a float.
        event_rank: Integer. The number of axes of an event.

    Example:

    >>> q = Normal(ops.zeros((8, 2)), ops.zeros((8, 2)))
    >>> z = q.sample(5, seed=0)  # (5, 8, 2)
    >>> q.log_prob(z)  # (5, 8)
    """

    mean = None  # In place of the base's property.

    def __init__(self, mean, log_variance, event_rank: int = 1):
        self.mean = as_float(mean, like=mean)
        self.log_variance = as_float(log_variance, like=mean)
        self.event_rank = event_rank
        self.event_shape = tuple(mean.shape)[len(mean.shape) - event_rank :]

    @classmethod
    def learned(cls, mean, log_variance, event_rank=1, bounds=POSTERIOR_BOUNDS):
        """Of a network's outputs: the log-variance is bounded.

        Args:
            mean: Tensor of shape `(batch, *event_shape)`.
            log_variance: Tensor of the same shape.
            event_rank: Integer. The number of axes of an event.
            bounds: Pair of floats that log-variances come close to, but do
                not leave.
        """
        return cls(mean, soft_clip(log_variance, *bounds), event_rank)

    @property
    def variance(self):
        """The variance of each component of an event."""
        return ops.exp(self.log_variance)

    def draw(self, n, labels, seed):
        if len(self.mean.shape) == self.event_rank:
            eps = noise.normal((n, *self.event_shape), seed)
            return self.reparameterize(eps)
        # By example first: each worker draws for its own rows of the batch.
        batch, *rest = ops.shape(self.mean)
        eps = noise.normal((batch, n, *rest), seed)
        return self.reparameterize(ops.swapaxes(eps, 0, 1))

    def reparameterize(self, eps):
        """The draw that standard normal noise stands for.

        `mean + exp(log_variance / 2) * eps`, through which gradients pass to
        the parameters (the reparameterization trick).

        Args:
            eps: Tensor of shape `(..., *event_shape)`.
        """
        eps = as_float(eps, like=self.mean)
        return self.mean + ops.exp(0.5 * self.log_variance) * eps

    def log_prob(self, x, labels=None):
        terms = LOG_2PI + self.log_variance + self.squared_distance(x)
        return -0.5 * sum_event(terms, self.event_rank)

    def kl_divergence(self, other):
        """`(log w - log v + (v + (m - n)^2) / w - 1) / 2`, summed.

        For `N(m, v)` from `N(n, w)`; `None` if the other is not normal.
        """
        if not isinstance(other, Normal):
            return None
        ratio = ops.subtract(self.log_variance, other.log_variance)
        distance = other.squared_distance(self.mean)
        terms = ops.add(distance, ops.expm1(ratio) - ratio)
        return 0.5 * sum_event(terms, self.event_rank)

    def squared_distance(self, x):
        """`(x - mean)^2 / variance`, component by component."""
        squares = ops.square(as_float(x, like=self.mean) - self.mean)
        return squares * ops.exp(-self.log_variance)

    def product(self, other: "Normal") -> "Normal":
        """The normalized product of two densities.

        Precisions add up; the means are weighted by them.
        """
        precision = 1.0 / self.variance + 1.0 / other.variance
        weighted = self.mean / self.variance + other.mean / other.variance
        mean, log_variance = weighted / precision, -ops.log(precision)
        return Normal(mean, log_variance, self.event_rank)

    def product_over(self, members) -> "Normal":
        """The normalized products of the densities of several of the batch.

        Args:
            members: Boolean tensor of shape `(products, batch)`, of which each
                row names one at least.
        """
        log_precision = ops.where(members[..., None], -self.log_variance, -1e30)
        total = ops.logsumexp(log_precision, axis=1)
        weights = ops.exp(log_precision - total[:, None])
        return Normal(ops.sum(weights * self.mean, axis=1), -total)


def soft_clip(x, low: float, high: float):
    """`x` where it is inside of bounds, and the nearer bound far outside.

    Smooth: unlike that of `ops.clip`, the slope fades out, beginning at a
    distance of 1 inside, so that what has left a bound can come back.

    Args:
        x: Float tensor.
        low: Float.
        high: Float.

    Example:

    >>> soft_clip(ops.array([-50.0, 1.0, 50.0]), -20.0, 15.0)  # [-20, 1, 15]
    """
    raised = ops.elu(as_float(x, like=x) - (low + 1.0))
    return high - 1.0 - ops.elu(high - low - 2.0 - raised)


@keras.saving.register_keras_serializable(package="keras_gen")
class IsotropicNormal(SaveableDistribution, Normal):
    """The normal distribution of mean 0 and covariance `std^2 I`.

    Args:
        latent_dim: Integer. The size of a vector.
        std: Float, above 0. The standard deviation of each component.

    Example:

    >>> IsotropicNormal(8, std=5.0).sample(100, seed=0)
    """

    event_rank = 1

    def __init__(self, latent_dim: int, std: float = 1.0):
        check_positive(latent_dim=latent_dim, std=std)
        self.event_shape = (latent_dim,)
        self.std = std

    @property
    def mean(self):
        return as_float(ops.zeros(self.event_shape))

    @property
    def log_variance(self):
        return as_float(2.0 * math.log(self.std))

    def draw(self, n, labels, seed):
        return self.std * noise.normal((n, *self.event_shape), seed)
