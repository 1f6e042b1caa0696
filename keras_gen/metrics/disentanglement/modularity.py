"""Modularity and explicitness.

A code is modular if each latent has information on at most one factor. With
the mutual information m of a latent and the factors, and theta the largest of
them, its modularity is `1 - sum_rest m^2 / (theta^2 (F - 1))`. It does not
require that each factor is encoded in a single latent. Nor is it low for
noise, whose little information is uneven by chance: read it beside the mutual
information.

A code is explicit if a linear classifier can predict the factors from it: the
area under the ROC curve, averaged over classes and factors.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.disentanglement.mig import (
    discretize,
    mutual_information_matrix,
)
from keras_gen.metrics.factor_checks import (
    check_splits,
    standardized,
    varying_factors,
)


class ModularityExplicitness(NamedTuple):
    """Result of `modularity_explicitness`.

    Attributes:
        modularity: Float in [0, 1]. The mean over the latents.
        explicitness: Float. The mean over the factors on the test samples; 0.5
            is chance, 1 the maximum.
        train_explicitness: Float. The same on the training samples.
        modularity_per_code: float64 array of shape `(dim,)`.
        explicitness_per_factor: float64 array of shape `(factors,)`, on the
            test samples; NaN for a constant factor.
        mutual_information: float64 array of shape `(dim, factors)`, in nats.
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
        codes: Array of shape `(samples, dim)`. The posterior means.
        factors: Integer array of shape `(samples, factors)`, of which at least
            2 vary.
        test_codes: Array of shape `(test_samples, dim)`. The codes that the
            classifiers are tested on.
        test_factors: Integer array of shape `(test_samples, factors)`.
        num_bins: Integer. The number of bins of each latent, not above the
            number of samples.

    Returns:
        A `ModularityExplicitness`. A constant latent has modularity 0.

    Raises:
        ValueError: If shapes do not fit, samples are too few, a value is not
            finite, or fewer than 2 factors vary.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    modularity_explicitness(factors, factors, factors, factors).modularity
    ```

    Reference:

    - [Ridgeway and Mozer, 2018](https://arxiv.org/abs/1802.05312)
    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359),
      for the bins and the classifier
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
    """Modularity of each latent, from its mutual information with the factors.

    Args:
        mutual_information: Array of shape `(dim, factors)` with at least 2
            factors and values >= 0.

    Returns:
        float64 array of shape `(dim,)`: 1 for information on one factor, 0 for
        equal information on all, or for none.

    Raises:
        ValueError: If there is one factor only, or a value is negative or not
            finite.

    Example:

    ```python
    modularity_per_code([[0.7, 0.0], [0.3, 0.3], [0.0, 0.0]])  # [1, 0, 0]
    ```
    """
    information = finite_array(
        "mutual_information", mutual_information, ("dim", "factors")
    )
    if information.shape[1] < 2 or information.min() < 0.0:
        raise ValueError(
            "`mutual_information` must not be negative, and have at least 2 "
            "factors that vary. Received: "
            f"mutual_information.shape={information.shape} with values from "
            f"{information.min()}."
        )
    theta = information.max(axis=1, keepdims=True)
    ratios = np.divide(
        information, theta, out=np.zeros_like(information), where=theta > 0.0
    )
    rest = (ratios**2).sum(axis=1) - 1.0
    scores = 1.0 - rest / (information.shape[1] - 1)
    return np.where(theta[:, 0] > 0.0, scores, 0.0)


def _areas(codes, classes, test_codes, test_classes):
    """Mean area of one class against the rest, on test and training samples."""
    linear_model = optional_package(
        "sklearn.linear_model",
        "scikit-learn",
        "recipes",
        "`modularity_explicitness`",
    )
    model = linear_model.LogisticRegression(max_iter=1000)
    model.fit(codes, classes)
    means = []
    for inputs, labels in ((test_codes, test_classes), (codes, classes)):
        is_class = labels[:, None] == model.classes_
        present = is_class.any(axis=0) & ~is_class.all(axis=0)
        if not present.any():
            raise ValueError(
                "`test_factors` must hold at least 2 values of each factor, "
                "and of those in `factors`. Received: one value, or none of "
                "them. Take more test samples."
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
    """Area under the receiver operating characteristic (ROC) curve.

    The probability that a positive sample scores above a negative one; equal
    scores count half.

    Args:
        scores: Array of shape `(samples,)`.
        positive: Boolean array of shape `(samples,)`, with true and false
            values.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If all samples are of one class, or scores are not finite.

    Example:

    ```python
    area_under_curve([0.1, 0.4, 0.4, 0.9], [False, False, True, True])  # 0.875
    ```
    """
    scores = finite_array("scores", scores, ("samples",))
    positive = np.asarray(positive, dtype=bool)
    num = int(positive.sum())
    if positive.shape != scores.shape or not 0 < num < positive.size:
        raise ValueError(
            "`positive` must hold one boolean per score, true and false ones. "
            f"Received: positive.shape={positive.shape}, "
            f"scores.shape={scores.shape}, {num} positive."
        )
    _, places, counts = np.unique(
        scores, return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[places]
    above = ranks[positive].sum() - 0.5 * num * (num + 1)
    return float(above / (num * (positive.size - num)))
