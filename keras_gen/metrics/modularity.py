"""Modularity and explicitness.

A code is modular if each latent holds information on one factor at most. With
the mutual information m of a latent and the factors, theta the largest of
them, its modularity is `1 - sum_rest m^2 / (theta^2 (F - 1))`. It does not ask
that each factor lie in one latent. Nor is it low for noise, whose little
information is uneven by chance: read it beside the mutual information.

A code is explicit if a linear classifier can read the factors from it: the
area under its receiver operating characteristic, averaged over classes and
factors.

Source: K. Ridgeway, M. Mozer, "Learning Deep Disentangled Embeddings with the
F-Statistic Loss", 2018, https://arxiv.org/abs/1802.05312. Bins and classifier
as in F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factor_checks import (
    check_splits,
    standardized,
    varying_factors,
)
from keras_gen.metrics.mutual_information_gap import (
    discretize,
    mutual_information_matrix,
)


class ModularityExplicitness(NamedTuple):
    """What `modularity_explicitness` returns.

    Attributes:
        modularity: Mean over the latents, in [0, 1].
        explicitness: Mean over the factors on the test samples; 0.5 is
            chance, 1 the most.
        train_explicitness: The same on the training samples.
        modularity_per_code: float64 `(dim,)`.
        explicitness_per_factor: Of the test samples, float64 `(factors,)`;
            NaN for a factor of one value.
        mutual_information: In nats, `(dim, factors)`.
    """

    modularity: float
    explicitness: float
    train_explicitness: float
    modularity_per_code: np.ndarray
    explicitness_per_factor: np.ndarray
    mutual_information: np.ndarray


def modularity_explicitness(
    codes: Any,
    factors: Any,
    test_codes: Any,
    test_factors: Any,
    *,
    num_bins: int = 20,
) -> ModularityExplicitness:
    """Modularity and explicitness of codes.

    Args:
        codes: Posterior means `(samples, dim)`.
        factors: Integers `(samples, factors)`, of which at least 2 vary.
        test_codes: Codes that the classifiers are judged by.
        test_factors: Their factors.
        num_bins: Number of bins of each latent, not above the number of
            samples.

    Returns:
        A `ModularityExplicitness`. A latent that never varies counts as 0 in
        the modularity.

    Raises:
        ValueError: If shapes do not fit, samples are too few, a value is not
            finite, or fewer than 2 factors vary.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    modularity_explicitness(factors, factors, factors, factors).modularity
    ```
    """
    codes, factors, test_codes, test_factors = check_splits(
        codes, factors, test_codes, test_factors
    )
    varying = varying_factors(factors)
    information = mutual_information_matrix(
        discretize(codes, num_bins), factors
    )
    modularity = modularity_per_code(information[:, varying])
    train, test = standardized(codes, test_codes)
    areas = np.full((2, factors.shape[1]), np.nan)
    for j in np.flatnonzero(varying):
        areas[:, j] = _areas(train, factors[:, j], test, test_factors[:, j])
    explicitness = np.nanmean(areas, axis=1)
    return ModularityExplicitness(
        float(modularity.mean()),
        float(explicitness[0]),
        float(explicitness[1]),
        modularity,
        areas[0],
        information,
    )


def modularity_per_code(mutual_information: Any) -> np.ndarray:
    """Modularity of each latent, from its information on the factors.

    Args:
        mutual_information: Non-negative array `(dim, factors)` with at least 2
            factors.

    Returns:
        float64 array `(dim,)`: 1 for information on one factor, 0 for equal
        information on all, or for none.

    Raises:
        ValueError: If there is one factor only, or a value is negative or not
            finite.

    Example:

    ```python
    modularity_per_code([[0.7, 0.0], [0.3, 0.3], [0.0, 0.0]])  # [1, 0, 0]
    ```
    """
    information = finite_array(
        "`mutual_information`", mutual_information, ("dim", "factors")
    )
    if information.shape[1] < 2 or information.min() < 0.0:
        raise ValueError(
            "Expected non-negative information on at least 2 factors that "
            f"vary, received shape {information.shape} with values from "
            f"{information.min()}."
        )
    theta = information.max(axis=1, keepdims=True)
    shares = np.divide(
        information, theta, out=np.zeros_like(information), where=theta > 0.0
    )
    rest = (shares**2).sum(axis=1) - 1.0
    scores = 1.0 - rest / (information.shape[1] - 1)
    return np.where(theta[:, 0] > 0.0, scores, 0.0)


def _areas(codes, classes, test_codes, test_classes):
    """Mean area of one class against the rest, on test and training samples."""
    linear_model = optional_package(
        "sklearn.linear_model", "scikit-learn", "`modularity_explicitness`"
    )
    model = linear_model.LogisticRegression(max_iter=1000)
    model.fit(codes, classes)
    means = []
    for inputs, labels in ((test_codes, test_classes), (codes, classes)):
        is_class = labels[:, None] == model.classes_
        present = is_class.any(axis=0) & ~is_class.all(axis=0)
        if not present.any():
            raise ValueError(
                "The test samples hold one value only of a factor, or none "
                "that the training samples hold. Take more of them."
            )
        scores = model.predict_proba(inputs)
        means.append(
            np.mean(
                [
                    area_under_curve(scores[:, c], is_class[:, c])
                    for c in np.flatnonzero(present)
                ]
            )
        )
    return means


def area_under_curve(scores: Any, positive: Any) -> float:
    """Area under the receiver operating characteristic.

    The probability that a positive sample scores above a negative one; equal
    scores count half.

    Args:
        scores: Array `(samples,)`.
        positive: Booleans `(samples,)`, of both kinds.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: If all samples are of one kind, or scores are not finite.

    Example:

    ```python
    area_under_curve([0.1, 0.4, 0.4, 0.9], [False, False, True, True])  # 0.875
    ```
    """
    scores = finite_array("`scores`", scores, ("samples",))
    positive = np.asarray(positive, dtype=bool)
    num = int(positive.sum())
    if positive.shape != scores.shape or not 0 < num < positive.size:
        raise ValueError(
            "Expected a boolean for each score, of both kinds; received "
            f"{positive.shape} for {scores.shape} with {num} positive."
        )
    _, places, counts = np.unique(
        scores, return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[places]
    above = ranks[positive].sum() - 0.5 * num * (num + 1)
    return float(above / (num * (positive.size - num)))
