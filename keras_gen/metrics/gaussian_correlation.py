"""Scores of codes that need no factors: how far are latents from independent?

Two compare the normal distribution of the codes' covariance C with the one of
its diagonal D: by their KL divergence, the total correlation
`(sum_i log C_ii - log det C) / 2`, and by their squared 2-Wasserstein
distance `2 tr C - 2 tr (D^1/2 C D^1/2)^1/2`. The third is the mutual
information of two binned latents, averaged over the pairs.

Source: F. Locatello et al., "Challenging Common Assumptions in the
Unsupervised Learning of Disentangled Representations", 2019,
https://arxiv.org/abs/1811.12359.
"""

from typing import Any

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.factor_checks import check_codes
from keras_gen.metrics.mutual_information_gap import (
    discretize,
    mutual_information_matrix,
)


def gaussian_total_correlation(codes: Any) -> float:
    """Total correlation of a normal distribution fitted to the codes.

    A latent that never varies is independent of all others and left out.

    Args:
        codes: Posterior means or samples `(samples, dim)`, at least 2.

    Returns:
        Nats; 0 if no two latents correlate, infinity if one is a linear
        function of others.

    Raises:
        ValueError: If there are too few codes or they are not finite.

    Example:

    ```python
    gaussian_total_correlation([[0, 0], [0, 1], [1, 0], [1, 1]])  # 0.0
    ```
    """
    return gaussian_total_correlation_from_covariance(_covariance(codes))


def gaussian_total_correlation_from_covariance(covariance: Any) -> float:
    """`(sum_i log C_ii - log det C) / 2`.

    Args:
        covariance: Symmetric, non-negative array `(dim, dim)`.

    Returns:
        Nats; infinity if the matrix of the latents that vary is singular.

    Raises:
        ValueError: If it is no finite covariance matrix.

    Example:

    ```python
    gaussian_total_correlation_from_covariance([[1.0, 0.6], [0.6, 1.0]])
    # -0.5 log(1 - 0.36) = 0.223
    ```
    """
    covariance = _check_covariance(covariance)
    varies = np.diag(covariance) > 0.0
    scale = np.sqrt(np.diag(covariance)[varies])
    correlation = covariance[np.ix_(varies, varies)] / np.outer(scale, scale)
    eigenvalues = np.linalg.eigvalsh(correlation)
    if (eigenvalues <= len(scale) * np.finfo(np.float64).eps).any():
        return float("inf")
    # The log-determinant of the correlations is that of the covariance less
    # the logarithms of its diagonal.
    return max(float(-0.5 * np.log(eigenvalues).sum()), 0.0)


def gaussian_wasserstein_correlation(
    codes: Any, normalize: bool = False
) -> float:
    """Squared distance from a normal distribution to its independent twin.

    Args:
        codes: Posterior means or samples `(samples, dim)`, at least 2.
        normalize: Whether to divide by the codes' total variance. Then the
            score is between 0 and 2 and does not grow with the codes.

    Returns:
        The squared 2-Wasserstein distance; 0 if no two latents correlate.

    Raises:
        ValueError: If there are too few codes or they are not finite.

    Example:

    ```python
    gaussian_wasserstein_correlation([[0, 0], [0, 1], [1, 0], [1, 1]])  # 0.0
    ```
    """
    return gaussian_wasserstein_correlation_from_covariance(
        _covariance(codes), normalize
    )


def gaussian_wasserstein_correlation_from_covariance(
    covariance: Any, normalize: bool = False
) -> float:
    """`2 tr C - 2 tr (D^1/2 C D^1/2)^1/2`, with D the diagonal of C.

    Args:
        covariance: Symmetric, non-negative array `(dim, dim)`.
        normalize: Whether to divide by `tr C`; a covariance of 0 gives 0.

    Returns:
        The squared 2-Wasserstein distance.

    Raises:
        ValueError: If it is no finite covariance matrix.

    Example:

    ```python
    gaussian_wasserstein_correlation_from_covariance([[1, 0.6], [0.6, 1]])
    # 4 - 2 (sqrt(1.6) + sqrt(0.4)) = 0.205
    ```
    """
    covariance = _check_covariance(covariance)
    scale = np.sqrt(np.diag(covariance))
    roots = np.sqrt(
        np.maximum(np.linalg.eigvalsh(covariance * np.outer(scale, scale)), 0.0)
    )
    total = np.trace(covariance)
    distance = max(float(2.0 * total - 2.0 * roots.sum()), 0.0)
    if not normalize:
        return distance
    return distance / float(total) if total > 0.0 else 0.0


def mutual_information_score(codes: Any, num_bins: int = 20) -> float:
    """Mutual information of two latents, averaged over the pairs.

    Args:
        codes: Posterior means `(samples, dim)` with at least 2 latents.
        num_bins: Number of bins that each latent is cut into.

    Returns:
        Nats. It is biased upwards by about
        `(num_bins - 1)^2 / (2 samples)`.

    Raises:
        ValueError: If there are fewer samples than bins, one latent only, or
            a value is not finite.

    Example:

    ```python
    codes = np.random.default_rng(0).normal(size=(5000, 4))
    mutual_information_score(codes)  # about 0.03
    ```
    """
    bins = discretize(codes, num_bins)
    if bins.shape[1] < 2:
        raise ValueError("A pair of latents needs 2 latents, received 1.")
    information = mutual_information_matrix(bins, bins)
    pairs = ~np.eye(len(information), dtype=bool)
    return float(information[pairs].mean())


def _covariance(codes):
    codes = check_codes(codes)
    if len(codes) < 2:
        raise ValueError("A covariance needs at least 2 samples, received 1.")
    codes = codes - codes[0]
    return np.atleast_2d(np.cov(codes, rowvar=False))


def _check_covariance(covariance):
    covariance = finite_array("`covariance`", covariance, ("dim", "dim"))
    diagonal = np.diag(covariance)
    if covariance.shape != covariance.T.shape or not np.allclose(
        covariance, covariance.T, rtol=1e-8, atol=1e-12 * np.abs(diagonal).max()
    ):
        raise ValueError(
            "Expected a symmetric covariance matrix (dim, dim), received "
            f"shape {covariance.shape}. Codes go to the function without "
            "`_from_covariance`."
        )
    if diagonal.min() < 0.0:
        raise ValueError(
            f"A variance cannot be negative, received {diagonal.min()}."
        )
    return covariance
