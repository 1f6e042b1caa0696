"""Uniform distributions, on a cube and of one-hot vectors."""

import math

import keras
from keras import ops

from keras_gen.backend import noise
from keras_gen.checks import check_positive
from keras_gen.distributions.distribution import SaveableDistribution, as_float


@keras.saving.register_keras_serializable(package="keras_gen")
class Uniform(SaveableDistribution):
    """The uniform distribution on a cube.

    Args:
        latent_dim: Integer. The size of a vector.
        low: Float. The smallest value of each component.
        high: Float. The largest.

    Example:

    >>> Uniform(8).sample(100, seed=0)
    """

    def __init__(self, latent_dim: int, low: float = -1.0, high: float = 1.0):
        check_positive(latent_dim=latent_dim)
        if not low < high:
            raise ValueError(
                f"`high` must be above `low`. Received: low={low}, high={high}."
            )
        self.event_shape = (latent_dim,)
        self.low = low
        self.high = high

    @property
    def mean(self):
        return ops.full(self.event_shape, 0.5 * (self.low + self.high))

    def draw(self, n, labels, seed):
        return noise.uniform((n, *self.event_shape), seed, self.low, self.high)

    def log_prob(self, x, labels=None):
        x = as_float(x)
        inside = ops.all((x >= self.low) & (x <= self.high), axis=-1)
        density = -self.latent_dim * math.log(self.high - self.low)
        return ops.where(inside, density, -math.inf)


@keras.saving.register_keras_serializable(package="keras_gen")
class Categorical(SaveableDistribution):
    """One-hot vectors of equally probable classes.

    Args:
        num_components: Integer. The number of classes, the size of a vector.

    Example:

    >>> Categorical(10).sample(100, seed=0)
    """

    def __init__(self, num_components: int):
        check_positive(num_components=num_components)
        self.num_components = num_components
        self.event_shape = (num_components,)

    @property
    def mean(self):
        return ops.full(self.event_shape, 1.0 / self.num_components)

    def draw(self, n, labels, seed):
        return ops.one_hot(labels, self.num_components)

    def log_prob(self, x, labels=None):
        """Log-probability of one-hot vectors, in nats."""
        return -math.log(self.num_components) * ops.sum(as_float(x), axis=-1)
