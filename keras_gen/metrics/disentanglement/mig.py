"""The mutual information gap (MIG).

For each factor v, the mutual information I(z_j; v) of the best latent minus
that of the second best, over the entropy H(v), averaged over the factors: 1 if
each factor is encoded in a single latent, 0 if two latents encode it equally.

There are two estimates, whose values differ. `mig_hist` bins the posterior
means (Locatello et al., 2019); `mig_sampled` uses the entropies of the
aggregate posteriors, as in the paper (Chen et al., 2018). Compare only values
of the same estimate.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import check_log_variance
from keras_gen.metrics.factor_checks import (
    check_codes,
    check_factors,
    varying_factors,
)
from keras_gen.metrics.likelihood.aggregate import (
    aggregate_log_densities,
    draw_noise,
)


class MutualInformationGap(NamedTuple):
    """Result of `mig_hist` and `mig_sampled`.

    Attributes:
        score: Float. The mean gap of the factors that vary.
        gaps: float64 array of shape `(factors,)`. The gap of each factor over
            its entropy; NaN for a constant factor.
        mutual_information: float64 array of shape `(dim, factors)`, in nats.
        entropies: float64 array of shape `(factors,)`. The entropies of the
            factors in nats.
    """

    score: float
    gaps: np.ndarray
    mutual_information: np.ndarray
    entropies: np.ndarray


def mig_hist(
    codes: Any, factors: Any, num_bins: int = 20
) -> MutualInformationGap:
    """Mutual information gap of binned codes.

    The bins have equal width between the smallest and the largest value of each
    latent. A factor with more values than bins cannot reach 1: for the 40
    orientations of sprites take `num_bins=40`, or merge values by
    `bin_factors`. With few samples per bin the estimate is biased upwards; take
    thousands.

    Args:
        codes: Array of shape `(samples, dim)`. The posterior means of at least
            2 latents.
        factors: Integer array of shape `(samples, factors)`.
        num_bins: Integer. The number of bins, from 2 to the number of samples.

    Returns:
        A `MutualInformationGap`. A constant latent has no information.

    Raises:
        ValueError: If shapes do not fit, samples are too few, a value is not
            finite, or no factor varies.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    mig_hist(factors, factors).score  # 1.0
    ```

    Reference:

    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359)
    """
    codes = check_codes(codes)
    factors = check_factors(factors, len(codes))
    bins = discretize(codes, num_bins)
    return _gap(
        mutual_information_matrix(bins, factors), _entropies(factors), factors
    )


def mig_sampled(
    mean: Any,
    log_variance: Any,
    factors: Any,
    num_samples: int = 10000,
    seed: int = 0,
) -> MutualInformationGap:
    """Mutual information gap of the aggregate posteriors.

    `I(z_j; v) = E log q(z_j|v) - E log q(z_j)`, where q(z_j) is the mixture of
    the posteriors of all examples and q(z_j|v) that of the examples with the
    value v. Both expectations are over the same draws from the posteriors, one
    for each example, so that their noise partly cancels. Estimates below 0 are
    set to 0.

    The factors should be independent and uniform among the examples, as on the
    full grid. The paper leaves out the shape of dSprites: pass only the columns
    of the factors to evaluate.

    Args:
        mean: Array of shape `(examples, dim)`. The means of `q(z|x)` of at
            least 2 latents.
        log_variance: Array of shape `(examples, dim)`. The natural logarithms
            of the variances.
        factors: Integer array of shape `(examples, factors)`.
        num_samples: Integer. The number of latents drawn, each from another
            example; all examples if there are fewer.
        seed: Integer. Seed of the draws.

    Returns:
        A `MutualInformationGap`.

    Raises:
        ValueError: If shapes do not fit, examples are fewer than 2, a value
            is not finite, or no factor varies.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    log_variance = np.full((20, 2), -10.0)
    mig_sampled(factors, log_variance, factors).score  # 1.0 within 0.001
    ```

    Reference:

    - [Chen et al., 2018](https://arxiv.org/abs/1802.04942)
    """
    mean = check_codes(mean)
    log_variance = check_log_variance(log_variance, mean)
    factors = check_factors(factors, len(mean))
    if num_samples < 2 or len(mean) < 2:
        raise ValueError(
            "There must be at least 2 examples and 2 draws. Received: "
            f"len(mean)={len(mean)}, {num_samples=}."
        )
    chosen, noise = draw_noise(mean.shape, num_samples, seed)
    samples = mean[chosen] + noise * np.exp(0.5 * log_variance[chosen])
    _, marginal = aggregate_log_densities(samples, mean, log_variance)
    information = np.empty((mean.shape[1], factors.shape[1]))
    for index, column in enumerate(factors.T):
        conditional = np.empty_like(marginal)
        for value in np.unique(column[chosen]):
            of, drawn = column == value, column[chosen] == value
            _, conditional[drawn] = aggregate_log_densities(
                samples[drawn], mean[of], log_variance[of]
            )
        information[:, index] = (conditional - marginal).mean(axis=0)
    return _gap(np.maximum(information, 0.0), _entropies(factors), factors)


def discretize(codes: Any, num_bins: int = 20) -> np.ndarray:
    """Bins each column, with equal widths from its minimum to its maximum.

    Args:
        codes: Array of shape `(samples, dim)`.
        num_bins: Integer. The number of bins, from 2 to the number of samples.

    Returns:
        int64 array of shape `(samples, dim)` of bins from 0 to `num_bins - 1`.
        A constant column lies in one bin.

    Raises:
        ValueError: If there are too few samples or a value is not finite.

    Example:

    ```python
    discretize([[0.0], [1.0], [10.0]], num_bins=3)  # [[0], [0], [2]]
    ```
    """
    codes = check_codes(codes)
    if not 2 <= num_bins <= len(codes):
        raise ValueError(
            "`num_bins` must be from 2 to the number of samples. Received: "
            f"{num_bins=}, len(codes)={len(codes)}."
        )
    bins = np.zeros(codes.shape, dtype=np.int64)
    for j, column in enumerate(codes.T):
        if column.min() < column.max():
            edges = np.linspace(column.min(), column.max(), num_bins + 1)
            bins[:, j] = np.searchsorted(edges[1:-1], column, side="right")
    return bins


def mutual_information_matrix(a: Any, b: Any) -> np.ndarray:
    """Mutual information in nats between the columns of two integer arrays.

    Args:
        a: Integer array of shape `(samples, m)`, such as binned codes.
        b: Integer array of shape `(samples, n)`, such as factors.

    Returns:
        float64 array of shape `(m, n)`: `sum p(a,b) log p(a,b) / (p(a) p(b))`
        of the relative frequencies.

    Raises:
        ValueError: If the arrays differ in length or are not integers.

    Example:

    ```python
    mutual_information_matrix([[0], [1]], [[1], [0]])  # [[log 2]]
    ```
    """
    a = check_factors(a)
    b = check_factors(b, len(a))
    information = np.empty((a.shape[1], b.shape[1]))
    numbered = [np.unique(column, return_inverse=True)[1] for column in b.T]
    for i, column in enumerate(a.T):
        rows = np.unique(column, return_inverse=True)[1]
        for j, columns in enumerate(numbered):
            shape = rows.max() + 1, columns.max() + 1
            counts = np.zeros(shape)
            np.add.at(counts, (rows, columns), 1.0)
            information[i, j] = _mutual_information(counts / len(a))
    return information


def _mutual_information(joint):
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    seen = joint > 0.0
    information = joint[seen] @ np.log(joint[seen] / expected[seen])
    # Below is rounding, which modularity would take for information.
    return information if information > 1e-12 else 0.0


def _entropies(factors):
    entropies = np.empty(factors.shape[1])
    for index, column in enumerate(factors.T):
        probabilities = np.unique(column, return_counts=True)[1] / len(column)
        entropies[index] = -probabilities @ np.log(probabilities)
    return entropies


def _gap(information, entropies, factors):
    if len(information) < 2:
        raise ValueError(
            "There must be at least 2 latents. Received: 1 latent."
        )
    varying = varying_factors(factors)
    second, best = np.sort(information, axis=0)[-2:]
    gaps = np.full(len(entropies), np.nan)
    gaps[varying] = (best - second)[varying] / entropies[varying]
    return MutualInformationGap(
        float(gaps[varying].mean()), gaps, information, entropies
    )
