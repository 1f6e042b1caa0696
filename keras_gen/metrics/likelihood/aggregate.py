"""Densities of the aggregate posterior `q(z) = (1/N) sum_n q(z|x_n)`."""

import math
from typing import Any

import numpy as np

from keras_gen.metrics.checks import check_log_variance, finite_array

LOG_2PI = math.log(2.0 * math.pi)
# Blocks of 128 x 1024 float64 stay in the cache of one core.
_SAMPLE_BLOCK = 128
_REFERENCE_BLOCK = 1024


def draw_noise(
    shape: tuple[int, int], num_samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws examples without replacement, and standard normal noise for them.

    Args:
        shape: Tuple `(examples, dim)`.
        num_samples: Integer. The number of examples drawn; all, in order, if
            there are not more.
        seed: Integer. Seed of the draws.

    Returns:
        Indices of the examples, of shape `(samples,)`, and noise of shape
        `(samples, dim)`.

    Example:

    ```python
    chosen, noise = draw_noise((100, 2), 10, seed=0)
    chosen.shape, noise.shape  # ((10,), (10, 2))
    ```
    """
    # A stream of its own: data made with `default_rng(seed)` would otherwise
    # be the very values of the noise.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    chosen = np.arange(shape[0])
    if num_samples < shape[0]:
        chosen = rng.choice(shape[0], num_samples, replace=False)
    return chosen, rng.standard_normal((len(chosen), shape[1]))


def aggregate_log_densities(
    samples: Any, mean: Any, log_variance: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Log-densities under a uniform mixture of diagonal normal distributions.

    Args:
        samples: Array of shape `(samples, dim)`. The points.
        mean: Array of shape `(components, dim)`. The means of the components.
        log_variance: Array of shape `(components, dim)`. The natural
            logarithms of their variances.

    Returns:
        `log q(z)`, float64 of shape `(samples,)`, and `log q(z_j)` of every
        dimension, float64 of shape `(samples, dim)`.

    Raises:
        ValueError: If shapes do not fit or a value is not finite.

    Example:

    ```python
    aggregate_log_densities([[0.0]], [[0.0]], [[0.0]])  # -0.919 both times
    ```
    """
    samples = finite_array("samples", samples, ("samples", "dim"))
    mean = finite_array("mean", mean, ("components", "dim"))
    log_variance = check_log_variance(log_variance, mean)
    if samples.shape[1] != mean.shape[1]:
        raise ValueError(
            "`samples` and `mean` must have the same dimensions. Received: "
            f"samples.shape={samples.shape}, mean.shape={mean.shape}."
        )
    num, dim = samples.shape
    precision = np.exp(-log_variance)
    joint = np.full(num, -np.inf)
    marginals = np.full((num, dim), -np.inf)
    # Columns next to each other in memory: the blocks read one at a time.
    z, m, p, v = (
        np.ascontiguousarray(array.T)
        for array in (samples, mean, precision, LOG_2PI + log_variance)
    )
    for start in range(0, num, _SAMPLE_BLOCK):
        rows = slice(start, start + _SAMPLE_BLOCK)
        for first in range(0, len(mean), _REFERENCE_BLOCK):
            columns = slice(first, first + _REFERENCE_BLOCK)
            total = 0.0
            for j in range(dim):
                block = z[j, rows, None] - m[j, columns]
                np.square(block, out=block)
                block *= p[j, columns]
                block += v[j, columns]
                block *= -0.5
                total = total + block
                marginals[rows, j] = np.logaddexp(
                    marginals[rows, j], _log_sum_exp(block)
                )
            joint[rows] = np.logaddexp(joint[rows], _log_sum_exp(total))
    log_num = math.log(len(mean))
    return joint - log_num, marginals - log_num


def _log_sum_exp(block):
    """Over the last axis; overwrites the block."""
    peak = block.max(axis=1)
    block -= peak[:, None]
    np.exp(block, out=block)
    return peak + np.log(block.sum(axis=1))
