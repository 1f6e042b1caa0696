"""Unsupervised scores of codes: how dependent are the latents on each other?

Two compare the normal distribution of the codes' covariance C with the one of
its diagonal D: by their KL divergence, the total correlation
`(sum_i log C_ii - log det C) / 2`, and by their squared 2-Wasserstein
distance `2 tr C - 2 tr (D^1/2 C D^1/2)^1/2`. The third is the mutual
information of two binned latents, averaged over the pairs.
"""

from typing import Any

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.disentanglement.mig import (
    discretize,
    mutual_information_matrix,
)
from keras_gen.metrics.factor_checks import check_codes


def gaussian_total_correlation(codes: Any) -> float:
    """Total correlation of a normal distribution fitted to the codes.

    Constant latents are left out.

    Args:
        codes: Array of shape `(samples, dim)`. At least 2 posterior means or
            samples.

    Returns:
        Float, in nats; 0 if no two latents correlate, infinity if one is a
        linear function of others.

    Raises:
        ValueError: If there are too few codes or they are not finite.

    Example:

    ```python
    gaussian_total_correlation([[0, 0], [0, 1], [1, 0], [1, 1]])  # 0.0
    ```

    Reference:

    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359)
    """
    return gaussian_total_correlation_from_covariance(_covariance(codes))


def gaussian_total_correlation_from_covariance(covariance: Any) -> float:
    """`(sum_i log C_ii - log det C) / 2`.

    Args:
        covariance: Array of shape `(dim, dim)`, symmetric and positive
            semidefinite.

    Returns:
        Float, in nats; infinity if the matrix of the latents that vary is
        singular.

    Raises:
        ValueError: If it is not a finite covariance matrix.

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
    """Squared distance of a normal distribution from that of its diagonal.

    Args:
        codes: Array of shape `(samples, dim)`. At least 2 posterior means or
            samples.
        normalize: Boolean. Whether to divide by the total variance of the
            codes. Then the score is between 0 and 2 and does not grow with
            their scale.

    Returns:
        Float. The squared 2-Wasserstein distance; 0 if no two latents
        correlate.

    Raises:
        ValueError: If there are too few codes or they are not finite.

    Example:

    ```python
    gaussian_wasserstein_correlation([[0, 0], [0, 1], [1, 0], [1, 1]])  # 0.0
    ```

    Reference:

    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359)
    """
    return gaussian_wasserstein_correlation_from_covariance(
        _covariance(codes), normalize
    )


def gaussian_wasserstein_correlation_from_covariance(
    covariance: Any, normalize: bool = False
) -> float:
    """`2 tr C - 2 tr (D^1/2 C D^1/2)^1/2`, with D the diagonal of C.

    Args:
        covariance: Array of shape `(dim, dim)`, symmetric and positive
            semidefinite.
        normalize: Boolean. Whether to divide by `tr C`; a covariance of 0 gives
            0.

    Returns:
        The squared 2-Wasserstein distance.

    Raises:
        ValueError: If it is not a finite covariance matrix.

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
        codes: Array of shape `(samples, dim)`. The posterior means of at least
            2 latents.
        num_bins: Integer. The number of bins of each latent.

    Returns:
        Float, in nats. It is biased upwards by about
        `(num_bins - 1)^2 / (2 samples)`.

    Raises:
        ValueError: If there are fewer samples than bins, one latent only, or
            a value is not finite.

    Example:

    ```python
    codes = np.random.default_rng(0).normal(size=(5000, 4))
    mutual_information_score(codes)  # about 0.03
    ```

    Reference:

    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359)
    """
    bins = discretize(codes, num_bins)
    if bins.shape[1] < 2:
        raise ValueError(
            "`codes` must have at least 2 latents. Received: "
            f"codes.shape={bins.shape}."
        )
    information = mutual_information_matrix(bins, bins)
    pairs = ~np.eye(len(information), dtype=bool)
    return float(information[pairs].mean())


def _covariance(codes):
    codes = check_codes(codes)
    if len(codes) < 2:
        raise ValueError(
            "`codes` must hold at least 2 samples. Received: "
            f"codes.shape={codes.shape}."
        )
    codes = codes - codes[0]
    return np.atleast_2d(np.cov(codes, rowvar=False))


def _check_covariance(covariance):
    covariance = finite_array("covariance", covariance, ("dim", "dim"))
    diagonal = np.diag(covariance)
    if covariance.shape != covariance.T.shape or not np.allclose(
        covariance, covariance.T, rtol=1e-8, atol=1e-12 * np.abs(diagonal).max()
    ):
        raise ValueError(
            "`covariance` must be symmetric, of shape (dim, dim). Received: "
            f"covariance.shape={covariance.shape}. Pass codes to the function "
            "without `_from_covariance`."
        )
    if diagonal.min() < 0.0:
        raise ValueError(
            "`covariance` must have variances that are not negative. Received: "
            f"a variance of {diagonal.min()}."
        )
    return covariance
