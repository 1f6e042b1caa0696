"""Distributions of codes: what an adversarial autoencoder is held to.

A prior is drawn from, and that is all that training asks of it. It is one of
the classes of this file or any function `prior(n, labels=None, seed=None)`
that returns a tensor of shape `(n, latent_dim)`. `labels` is `None` or a tensor
of `n` integers, the component that each draw is to come from, with -1 for any;
`seed` a `keras.random.SeedGenerator`.

The ring of Gaussians and the swiss roll are those of the figures of A.
Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644
"""

import math
import zlib

import keras
from keras import ops

from keras_gen.distributions import normal
from keras_gen.engine import noise
from keras_gen.models.reconstructing import require_option

PRIORS = ("normal", "uniform", "mixture", "swiss_roll")


class Prior:
    """A distribution of vectors.

    Attributes:
        latent_dim: Integer. The size of a vector.
        num_classes: Integer, the number of components that `labels` choose
            from, or `None`.
    """

    num_classes: int | None = None

    def __init__(self, latent_dim: int):
        self.latent_dim = latent_dim

    def sample(self, n, labels=None, seed=None):
        """Draws vectors.

        Args:
            n: Integer, or a scalar tensor.
            labels: Tensor of `n` integers, the component of each draw, with
                -1 for any; or `None` for any.
            seed: `keras.random.SeedGenerator`, integer or `None`.

        Returns:
            Tensor of shape `(n, latent_dim)`.
        """
        if labels is not None and self.num_classes is None:
            raise ValueError(
                f"{type(self).__name__} has no components that labels could "
                f"choose. Received: labels={labels}. Use `labels=None`, or a "
                "mixture."
            )
        return self.draw(n, labels, as_generator(seed))

    def draw(self, n, labels, seed):
        """Draws vectors; `seed` gives new numbers each time it is used."""
        raise TypeError(f"{type(self).__name__} defines no `draw`.")

    def log_prob(self, z, labels=None):
        """Log-density of vectors, in nats.

        Args:
            z: Tensor of shape `(n, latent_dim)`.
            labels: As in `sample`. The density is that of the component.

        Returns:
            Tensor of shape `(n,)`.
        """
        raise TypeError(f"{type(self).__name__} has no density.")

    def get_config(self):
        return {"latent_dim": self.latent_dim}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        same = type(self) is type(other)
        return same and self.get_config() == other.get_config()

    def __hash__(self):
        return hash((type(self), *self.get_config().items()))


@keras.saving.register_keras_serializable(package="keras_gen")
class Normal(Prior):
    """The normal distribution of mean 0 and covariance `std^2 I`.

    Args:
        latent_dim: Integer. The size of a vector.
        std: Float. The standard deviation of each entry.

    Example:

    >>> Normal(8, std=5.0).sample(100, seed=0)
    """

    def __init__(self, latent_dim: int, std: float = 1.0):
        super().__init__(latent_dim)
        self.std = positive("std", std)

    def draw(self, n, labels, seed):
        return self.std * noise.normal((n, self.latent_dim), seed)

    def log_prob(self, z, labels=None):
        return normal.log_prob(z, 0.0, 2.0 * math.log(self.std))

    def get_config(self):
        return {**super().get_config(), "std": self.std}


@keras.saving.register_keras_serializable(package="keras_gen")
class UniformCube(Prior):
    """The uniform distribution on a cube.

    Args:
        latent_dim: Integer. The size of a vector.
        low: Float. The smallest value of each entry.
        high: Float. The largest.

    Example:

    >>> UniformCube(8).sample(100, seed=0)
    """

    def __init__(self, latent_dim: int, low: float = -1.0, high: float = 1.0):
        super().__init__(latent_dim)
        positive("high - low", high - low)
        self.low = low
        self.high = high

    def draw(self, n, labels, seed):
        return noise.uniform((n, self.latent_dim), seed, self.low, self.high)

    def log_prob(self, z, labels=None):
        inside = ops.all((z >= self.low) & (z <= self.high), axis=-1)
        density = -self.latent_dim * math.log(self.high - self.low)
        return ops.where(inside, density, -math.inf)

    def get_config(self):
        return {**super().get_config(), "low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package="keras_gen")
class Categorical(Prior):
    """One-hot vectors of classes that are all as likely.

    Args:
        num_classes: Integer. The number of classes, the size of a vector.

    Example:

    >>> Categorical(10).sample(100, seed=0)
    """

    def __init__(self, num_classes: int):
        super().__init__(num_classes)
        self.num_classes = num_classes

    def draw(self, n, labels, seed):
        return ops.one_hot(
            chosen(n, labels, self.num_classes, seed), self.num_classes
        )

    def log_prob(self, z, labels=None):
        """Log-probability of one-hot vectors, in nats."""
        return -math.log(self.num_classes) * ops.sum(z, axis=-1)

    def get_config(self):
        return {"num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="keras_gen")
class GaussianMixtureRing(Prior):
    """Normal distributions in the plane, like the petals of a flower.

    Petal `k` lies `shift` from the origin in the direction `2 pi k /
    num_classes`; all are as likely.

    Args:
        num_classes: Integer. The number of petals.
        shift: Float. The distance of their means from the origin.
        radial_std: Float. The standard deviation away from the origin.
        tangential_std: Float. That across.

    Example:

    >>> GaussianMixtureRing(10).sample(100, seed=0)
    """

    def __init__(
        self,
        num_classes: int = 10,
        shift: float = 1.4,
        radial_std: float = 0.5,
        tangential_std: float = 0.05,
    ):
        super().__init__(2)
        self.num_classes = num_classes
        self.shift = shift
        self.radial_std = positive("radial_std", radial_std)
        self.tangential_std = positive("tangential_std", tangential_std)

    def draw(self, n, labels, seed):
        petal = ops.cast(chosen(n, labels, self.num_classes, seed), "float32")
        angle = (2.0 * math.pi / self.num_classes) * petal
        radial, tangential = ops.unstack(noise.normal((n, 2), seed), 2, axis=1)
        radial = self.shift + self.radial_std * radial
        tangential = self.tangential_std * tangential
        sin, cos = ops.sin(angle), ops.cos(angle)
        return ops.stack(
            [
                radial * cos - tangential * sin,
                radial * sin + tangential * cos,
            ],
            axis=-1,
        )

    def log_prob(self, z, labels=None):
        petals = ops.arange(self.num_classes, dtype="float32")
        angles = (2.0 * math.pi / self.num_classes) * petals
        sin, cos = ops.sin(angles), ops.cos(angles)
        x, y = z[:, :1], z[:, 1:]
        terms = ops.stack(
            [x * cos + y * sin - self.shift, y * cos - x * sin], axis=-1
        )
        log_variances = [
            2.0 * math.log(self.radial_std),
            2.0 * math.log(self.tangential_std),
        ]
        petals = normal.log_prob(
            terms, 0.0, ops.convert_to_tensor(log_variances, terms.dtype)
        )
        mixture = ops.logsumexp(petals, axis=-1) - math.log(self.num_classes)
        if labels is None:
            return mixture
        labels = ops.cast(labels, "int32")
        mask = ops.one_hot(labels, self.num_classes, dtype=petals.dtype)
        return ops.where(labels < 0, mixture, ops.sum(mask * petals, axis=-1))

    def get_config(self):
        return {
            "num_classes": self.num_classes,
            "shift": self.shift,
            "radial_std": self.radial_std,
            "tangential_std": self.tangential_std,
        }


@keras.saving.register_keras_serializable(package="keras_gen")
class SwissRoll(Prior):
    """A spiral in the plane, cut into pieces of equal probability.

    With `t = sqrt(u)`, `u` uniform on [0, 1], the point lies `radius t` from
    the origin, at the angle `2 pi turns t`. Piece `k` has `u` from `k /
    num_classes` to `(k + 1) / num_classes`.

    Args:
        num_classes: Integer. The number of pieces.
        radius: Float. The distance of the outer end from the origin.
        turns: Float. The turns from the origin to the outer end.

    Example:

    >>> SwissRoll(10).sample(100, seed=0)
    """

    def __init__(
        self, num_classes: int = 10, radius: float = 3.0, turns: float = 2.0
    ):
        super().__init__(2)
        self.num_classes = num_classes
        self.radius = positive("radius", radius)
        self.turns = turns

    def draw(self, n, labels, seed):
        piece = ops.cast(chosen(n, labels, self.num_classes, seed), "float32")
        u = (piece + noise.uniform((n,), seed)) / self.num_classes
        t = ops.sqrt(u)
        angle = 2.0 * math.pi * self.turns * t
        directions = ops.stack([ops.cos(angle), ops.sin(angle)], axis=-1)
        return self.radius * ops.expand_dims(t, -1) * directions

    def get_config(self):
        return {
            "num_classes": self.num_classes,
            "radius": self.radius,
            "turns": self.turns,
        }


class FunctionPrior(Prior):
    """A function of the user's own, as a prior.

    Args:
        function: `function(n, labels=None, seed=None)`, which returns a
            tensor of shape `(n, latent_dim)`.
        latent_dim: Integer.
    """

    def __init__(self, function, latent_dim):
        super().__init__(latent_dim)
        self.function = function

    def get_config(self):
        return {**super().get_config(), "function": self.function}

    def sample(self, n, labels=None, seed=None):
        z = self.function(n, labels=labels, seed=as_generator(seed))
        if len(z.shape) != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"A prior returns codes of shape (n, {self.latent_dim}). "
                f"Received: shape={tuple(z.shape)}."
            )
        return ops.cast(z, "float32")


def make_prior(prior, latent_dim, std=1.0, num_classes=None):
    """The prior that a constructor was given or told of.

    Args:
        prior: `Prior`, a function, or one of `PRIORS`.
        latent_dim: Integer. The size of the codes.
        std: Float. That of `"normal"`.
        num_classes: Integer, the components that labels are to choose from,
            or `None`.

    Returns:
        `Prior`.
    """
    given = prior
    if isinstance(prior, str):
        require_option("prior", prior, PRIORS)
        if prior == "normal":
            prior = Normal(latent_dim, std)
        elif prior == "uniform":
            prior = UniformCube(latent_dim)
        elif prior == "mixture":
            prior = GaussianMixtureRing(num_classes or 10)
        else:
            prior = SwissRoll(num_classes or 10)
    elif not isinstance(prior, Prior):
        if not callable(prior):
            raise ValueError(
                f"`prior` must be one of {list(PRIORS)}, a prior, or a "
                "function `prior(n, labels=None, seed=None)`. Received: "
                f"prior={prior!r}."
            )
        return FunctionPrior(prior, latent_dim)
    if prior.latent_dim != latent_dim:
        raise ValueError(
            f"The prior has codes of size {prior.latent_dim}, the encoder of "
            f"size {latent_dim}. Received: prior={given!r}. Pass "
            f"`latent_dim={prior.latent_dim}` or another prior."
        )
    if num_classes is not None and prior.num_classes != num_classes:
        raise ValueError(
            "The prior must have a component for each of the "
            f"{num_classes} classes. Received: prior={given!r} with "
            f"{prior.num_classes or 'no'} components. Use 'mixture' or "
            "'swiss_roll'."
        )
    return prior


def as_generator(seed):
    """A source of new numbers at each use, for an integer as well."""
    if not isinstance(seed, int):
        return seed
    # Neighbouring seeds overlap on PyTorch, where Keras adds the seed and the
    # number of the draw.
    mixed = zlib.crc32(f"prior {seed}".encode())
    return keras.random.SeedGenerator(mixed % (2**31 - 1))


def chosen(n, labels, num_classes, seed):
    """`labels`, with a component at random for `None` and for -1."""
    drawn = noise.labels((n,), num_classes, seed)
    if labels is None:
        return drawn
    labels = ops.cast(labels, "int32")
    return ops.where(labels < 0, ops.cast(drawn, "int32"), labels)


def positive(name, value):
    """`value`, if it is above zero."""
    if value <= 0:
        raise ValueError(f"`{name}` must be above 0. Received: {name}={value}.")
    return value
