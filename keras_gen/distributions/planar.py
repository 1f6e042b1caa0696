"""Distributions in the plane, of components that labels can choose from.

Those of the figures of A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B.
Frey, "Adversarial Autoencoders", 2015, https://arxiv.org/abs/1511.05644
"""

import dataclasses
import math

import keras
from keras import ops

from keras_gen.backend import noise
from keras_gen.checks import check_positive
from keras_gen.distributions.distribution import SaveableDistribution, as_float
from keras_gen.distributions.normal import IsotropicNormal


@keras.saving.register_keras_serializable(package="keras_gen")
@dataclasses.dataclass(eq=False)
class GaussianMixtureRing(SaveableDistribution):
    """A mixture of Gaussians in the plane, like the petals of a flower.

    The mean of component `k` lies `shift` from the origin in the direction
    `2 pi k / num_components`; all are equally probable.

    Args:
        num_components: Integer. The number of Gaussians.
        shift: Float. The distance of their means from the origin.
        radial_std: Float. The standard deviation along the radius.
        tangential_std: Float. The standard deviation across it.

    Example:

    >>> GaussianMixtureRing(10).sample(100, seed=0)
    """

    num_components: int = 10
    shift: float = 1.4
    radial_std: float = 0.5
    tangential_std: float = 0.05
    event_shape = (2,)

    def __post_init__(self):
        check_positive(num_components=self.num_components)
        check_positive(radial_std=self.radial_std)
        check_positive(tangential_std=self.tangential_std)

    def draw(self, n, labels, seed):
        cos, sin = self.directions(labels)
        radial, tangential = ops.unstack(noise.normal((n, 2), seed), 2, axis=1)
        radial = self.shift + self.radial_std * radial
        tangential = self.tangential_std * tangential
        x = radial * cos - tangential * sin
        y = radial * sin + tangential * cos
        return ops.stack([x, y], axis=-1)

    def log_prob(self, x, labels=None):
        n = self.num_components
        cos, sin = self.directions(ops.arange(n))
        x, y = ops.split(as_float(x), 2, axis=-1)
        radial = (x * cos + y * sin - self.shift) / self.radial_std
        tangential = (y * cos - x * sin) / self.tangential_std
        z = ops.stack([radial, tangential], axis=-1)
        log_scale = math.log(self.radial_std * self.tangential_std)
        components = IsotropicNormal(2).log_prob(z) - log_scale
        mixture = ops.logsumexp(components, axis=-1) - math.log(n)
        if labels is None:
            return mixture
        labels = ops.cast(labels, "int32")
        mask = ops.one_hot(labels, n, dtype=components.dtype)
        chosen = ops.sum(mask * components, axis=-1)
        return ops.where(labels < 0, mixture, chosen)

    def directions(self, labels):
        """Cosine and sine of the angles of the means of components."""
        angles = (2.0 * math.pi / self.num_components) * as_float(labels)
        return ops.cos(angles), ops.sin(angles)


@keras.saving.register_keras_serializable(package="keras_gen")
@dataclasses.dataclass(eq=False)
class SwissRoll(SaveableDistribution):
    """A spiral in the plane, cut into pieces of equal probability.

    With `t = sqrt(u)`, `u` uniform on [0, 1], the point lies `radius t` from
    the origin, at the angle `2 pi turns t`. Piece `k` has `u` from `k /
    num_components` to `(k + 1) / num_components`.

    Args:
        num_components: Integer. The number of pieces.
        radius: Float. The distance of the outer end from the origin.
        turns: Float. The turns from the origin to the outer end.

    Example:

    >>> SwissRoll(10).sample(100, seed=0)
    """

    num_components: int = 10
    radius: float = 3.0
    turns: float = 2.0
    event_shape = (2,)

    def __post_init__(self):
        check_positive(num_components=self.num_components, radius=self.radius)

    def draw(self, n, labels, seed):
        piece = as_float(labels) + noise.uniform((n,), seed)
        t = ops.sqrt(piece / self.num_components)
        angle = 2.0 * math.pi * self.turns * t
        directions = ops.stack([ops.cos(angle), ops.sin(angle)], axis=-1)
        return self.radius * ops.expand_dims(t, -1) * directions
