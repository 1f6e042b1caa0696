"""Distributions: objects to draw from, with densities and KL divergences."""

from keras_gen.distributions.bernoulli import Bernoulli, bernoulli_kl
from keras_gen.distributions.distribution import Distribution, Joint
from keras_gen.distributions.masked import Masked
from keras_gen.distributions.mixture import Mixture
from keras_gen.distributions.normal import IsotropicNormal, Normal
from keras_gen.distributions.planar import GaussianMixtureRing, SwissRoll
from keras_gen.distributions.priors import FromFunction, resolve_prior
from keras_gen.distributions.uniform import Categorical, Uniform
from keras_gen.distributions.von_mises_fisher import (
    HypersphericalUniform,
    VonMisesFisher,
)

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "FromFunction",
    "GaussianMixtureRing",
    "HypersphericalUniform",
    "IsotropicNormal",
    "Joint",
    "Masked",
    "Mixture",
    "Normal",
    "SwissRoll",
    "Uniform",
    "VonMisesFisher",
    "bernoulli_kl",
    "resolve_prior",
]
