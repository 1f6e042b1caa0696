"""Draws from distributions, and what is tested of them."""

import functools

import numpy as np
import pytest
import scipy.stats
from keras import ops

from keras_gen.distributions import (
    Categorical,
    GaussianMixtureRing,
    IsotropicNormal,
    Joint,
    SwissRoll,
    Uniform,
)
from tests.numerics import array

N = 20000
# Five standard deviations of a mean of N draws of variance one.
SLACK = 5.0 / np.sqrt(N)

RING = GaussianMixtureRing(4, 2.0, 0.3, 0.1)
ROLL = SwissRoll(4, 2.0, 1.5)
PRIORS = {
    "normal": IsotropicNormal(3, std=2.0),
    "uniform": Uniform(3, -1.0, 2.0),
    "categorical": Categorical(4),
    "ring": RING,
    "roll": ROLL,
    "joint": Joint([IsotropicNormal(3), Categorical(4), Uniform(2)]),
}


def drawn(distribution, labels=None, n=N, seed=0):
    """Draws as an array, or as a tuple of them."""
    labels = None if labels is None else ops.convert_to_tensor(labels)
    draws = distribution.sample(n, labels=labels, seed=seed)
    return (
        tuple(map(array, draws)) if isinstance(draws, tuple) else array(draws)
    )


@functools.cache
def many(name):
    """`N` draws of a prior, only to be looked at."""
    return drawn(PRIORS[name])


def check_normal(x, mean, std):
    """Two moments and the shape: five errors wide, for N draws at least."""
    slack = 5.0 / np.sqrt(len(x))
    assert np.mean(x) == pytest.approx(mean, abs=slack * std)
    assert np.std(x) == pytest.approx(std, rel=slack)
    assert scipy.stats.kstest((x - mean) / std, "norm").pvalue > 1e-4


def check_uniform(x, low, high):
    """Inside, and uniform there."""
    assert low <= x.min() and x.max() <= high
    x = (x - low) / (high - low)
    assert scipy.stats.kstest(x, "uniform").pvalue > 1e-4
