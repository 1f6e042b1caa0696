"""The `prior` argument of models: a name, a distribution or a function."""

import math
from collections.abc import Callable

import keras
from keras import ops

from keras_gen.checks import check_option
from keras_gen.distributions.distribution import (
    Distribution,
    SaveableDistribution,
    as_generator,
)
from keras_gen.distributions.normal import IsotropicNormal
from keras_gen.distributions.planar import GaussianMixtureRing, SwissRoll
from keras_gen.distributions.uniform import Uniform
from keras_gen.distributions.von_mises_fisher import HypersphericalUniform

PRIORS = {
    "normal": lambda size, std, components: IsotropicNormal(size, std),
    "uniform": lambda size, std, components: Uniform(size),
    "uniform_unit_variance": lambda size, std, components: Uniform(
        size, -math.sqrt(3.0), math.sqrt(3.0)
    ),
    "uniform_unit_interval": lambda size, std, components: Uniform(
        size, 0.0, 1.0
    ),
    "spherical": lambda size, std, components: HypersphericalUniform(size),
    "mixture": lambda size, std, components: GaussianMixtureRing(components),
    "swiss_roll": lambda size, std, components: SwissRoll(components),
}


@keras.saving.register_keras_serializable(package="keras_gen")
class FromFunction(SaveableDistribution):
    """A function of the user's own, as a distribution.

    Args:
        function: `function(n, labels=None, seed=None)`, which returns a
            tensor of shape `(n, latent_dim)`.
        latent_dim: Integer.

    Example:

    ```python
    def annulus(n, labels=None, seed=None):
        angle = 2 * np.pi * keras.random.uniform((n,), seed=seed)
        return ops.stack([ops.cos(angle), ops.sin(angle)], axis=-1)

    prior = FromFunction(annulus, latent_dim=2)
    ```
    """

    def __init__(self, function: Callable, latent_dim: int):
        self.function = function
        self.event_shape = (latent_dim,)

    def sample(self, n, labels=None, seed=None):
        # Only the function knows what labels it takes.
        return self.draw(n, labels, as_generator(seed))

    def draw(self, n, labels, seed):
        z = self.function(n, labels=labels, seed=seed)
        if len(z.shape) != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                "A function as `prior` must return samples of shape (n, "
                f"{self.latent_dim}). Received: shape={tuple(z.shape)}."
            )
        return ops.cast(z, "float32")


def resolve_prior(
    prior: str | Distribution | Callable,
    latent_dim: int,
    std: float = 1.0,
    num_components: int | None = None,
) -> Distribution:
    """Resolves the `prior` argument of a model.

    Args:
        prior: `Distribution`, a function, or one of `PRIORS`.
        latent_dim: Integer. The size of the latents.
        std: Float. The standard deviation of `"normal"`.
        num_components: Integer or `None`. How many components there must be.

    Raises:
        ValueError: If the size or the number of components differs.

    Example:

    >>> resolve_prior("normal", 8, std=5.0)
    """
    given = prior
    if isinstance(prior, str):
        check_option("prior", prior, PRIORS)
        prior = PRIORS[prior](latent_dim, std, num_components or 10)
    elif not isinstance(prior, Distribution):
        if not callable(prior):
            raise ValueError(
                f"`prior` must be one of {list(PRIORS)}, a distribution of "
                "`keras_gen.distributions`, or a function `prior(n, "
                f"labels=None, seed=None)`. Received: prior={prior!r}."
            )
        return FromFunction(prior, latent_dim)
    vector = isinstance(prior.event_shape[0], int)
    if vector and prior.latent_dim != latent_dim:
        raise ValueError(
            f"`prior` must have events of size {latent_dim}, as `latent_dim` "
            f"or the encoder sets. Received: prior={given!r} of size "
            f"{prior.latent_dim}. Pass `latent_dim={prior.latent_dim}` or "
            "another prior."
        )
    if num_components is not None and prior.num_components != num_components:
        raise ValueError(
            f"`prior` must have {num_components} components, one for each "
            f"class. Received: prior={given!r} with "
            f"{prior.num_components or 'no'} components. Use 'mixture' or "
            "'swiss_roll'."
        )
    return prior
