"""Codes of which it is known how well they separate four factors."""

import numpy as np

SIZES = (3, 6, 8, 8)


def grid(sizes=SIZES):
    """Every setting of the factors, integers `(1152, 4)`."""
    return np.indices(sizes).reshape(len(sizes), -1).T


def draw_factors(num, seed=0, sizes=SIZES):
    rng = np.random.default_rng([seed, 99])
    return rng.integers(sizes, size=(num, len(sizes)))


def perfect_codes(factors):
    """One latent for each factor."""
    return np.asarray(factors, dtype=np.float64)


def rotated_codes(factors, sizes=SIZES):
    """Pairs of factors, brought to one scale, turned by 45 degrees."""
    sizes = np.asarray(sizes)
    codes = (factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)
    a, b = codes[:, ::2], codes[:, 1::2]
    return np.concatenate([a + b, a - b], axis=1) / np.sqrt(2.0)


def duplicated_codes(factors):
    """Every factor in two latents."""
    return np.concatenate([factors, factors], axis=1).astype(np.float64)


class NoiseCodes:
    """An encoder that does not look: new noise at every call."""

    def __init__(self, dim=10, seed=0):
        self.dim = dim
        self.rng = np.random.default_rng([seed, 77])

    def __call__(self, factors):
        return self.rng.normal(size=(len(factors), self.dim))
