"""Separated attribute predictability (SAP).

The SAP score of a factor is the score of the latent that predicts it best
minus that of the second best, averaged over the factors. The score of a latent
is a squared correlation, for ordered factors, or the accuracy of a classifier
that sees this latent alone.

A linear classifier of one latent cannot separate the middle classes of an
ordered factor, so that with `classifier="svm"` perfect codes of factors of
more than 2 values stay far from 1: 0.37 for sizes 3, 6, 8 and 8. The nearest
class mean can, and reaches `1 - 1/K` for K values.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.checks import check_option
from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factor_checks import (
    check_codes,
    check_splits,
    standardized,
    varying_factors,
)


class SAP(NamedTuple):
    """Result of `sap`.

    Attributes:
        score: Float. The mean gap of the factors that vary.
        gaps: float64 array of shape `(factors,)`. The gap of each factor; NaN
            for a constant factor.
        score_matrix: float64 array of shape `(dim, factors)`. The score of each
            latent for each factor.
    """

    score: float
    gaps: np.ndarray
    score_matrix: np.ndarray


def sap(
    codes: Any,
    factors: Any,
    test_codes: Any = None,
    test_factors: Any = None,
    *,
    continuous: bool = False,
    classifier: str = "svm",
    standardize: bool = False,
    seed: int = 0,
) -> SAP:
    """Separated attribute predictability.

    Args:
        codes: Array of shape `(samples, dim)`. The posterior means of at least
            2 latents.
        factors: Integer array of shape `(samples, factors)`; any finite values
            if `continuous`.
        test_codes: Array of shape `(test_samples, dim)`. The codes that
            classifiers are tested on; not needed if `continuous`.
        test_factors: Integer array of shape `(test_samples, factors)`.
        continuous: Boolean. Whether the score of a latent is its squared
            Pearson correlation with the factor, instead of the accuracy of a
            classifier.
        classifier: String. `"svm"`, a linear support vector machine with C =
            0.01 and balanced classes, or `"nearest_mean"`, which predicts the
            class of the nearest mean and does not need scikit-learn.
        standardize: Boolean. Whether to standardize the codes first: the
            support vector machine depends on their scale.
        seed: Integer. Seed of the support vector machine.

    Returns:
        A `SAP`. A constant latent scores 0 if `continuous`, and otherwise the
        frequency of the predicted class.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, no factor
            varies, or the test arrays are missing.
        ImportError: If `classifier` is `"svm"` and scikit-learn is not
            installed.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    sap(factors, factors, continuous=True).score  # 1.0
    ```

    Reference:

    - [Kumar et al., 2018](https://arxiv.org/abs/1711.00848)
    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359),
      for the classifier
    """
    codes = check_codes(codes)
    if codes.shape[1] < 2:
        raise ValueError(
            "`codes` must have at least 2 latents. Received: "
            f"codes.shape={codes.shape}."
        )
    if len(codes) < 2:
        raise ValueError(
            "`codes` must hold at least 2 samples. Received: "
            f"codes.shape={codes.shape}."
        )
    if continuous:
        factors = finite_array("factors", factors, ("samples", "factors"))
        if len(factors) != len(codes):
            raise ValueError(
                "`factors` must have one row per sample. Received: "
                f"len(factors)={len(factors)} for {len(codes)} samples."
            )
        return _gap(squared_correlations(codes, factors), factors)
    if test_codes is None or test_factors is None:
        raise ValueError(
            "`test_codes` and `test_factors` must be given for an accuracy. "
            "Received: None. Pass held-out samples, or `continuous=True`."
        )
    codes, factors, test_codes, test_factors = check_splits(
        codes, factors, test_codes, test_factors
    )
    if standardize:
        codes, test_codes = standardized(codes, test_codes)
    predict = _predictor(classifier, seed)
    matrix = np.zeros((codes.shape[1], factors.shape[1]))
    for j in np.flatnonzero(varying_factors(factors)):
        for i in range(codes.shape[1]):
            answers = predict(codes[:, i], factors[:, j], test_codes[:, i])
            matrix[i, j] = np.mean(answers == test_factors[:, j])
    return _gap(matrix, factors)


def squared_correlations(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Squared Pearson correlation of each latent with each factor.

    Args:
        codes: Array of shape `(samples, dim)`.
        factors: Array of shape `(samples, factors)`.

    Returns:
        float64 array of shape `(dim, factors)`; 0 where one of the variances is
        below 1e-12.

    Example:

    ```python
    squared_correlations(np.eye(3)[:, :1], np.eye(3)[:, 1:2])  # [[0.25]]
    ```
    """
    codes = codes - codes.mean(axis=0)
    factors = factors - factors.mean(axis=0)
    last = len(codes) - 1
    covariance = codes.T @ factors / last
    variances = (codes**2).sum(axis=0) / last, (factors**2).sum(axis=0) / last
    varies = np.logical_and.outer(*(each > 1e-12 for each in variances))
    return np.divide(
        covariance**2,
        np.outer(*variances),
        out=np.zeros_like(covariance),
        where=varies,
    )


def nearest_mean(
    codes: np.ndarray, classes: np.ndarray, test_codes: np.ndarray
) -> np.ndarray:
    """Predicts the class whose mean code is nearest.

    Args:
        codes: Array of shape `(samples,)`. One latent.
        classes: Integer array of shape `(samples,)`.
        test_codes: Array of shape `(test_samples,)`.

    Returns:
        Integer array of shape `(test_samples,)`; the lowest of equally near
        classes.

    Example:

    ```python
    nearest_mean(np.array([0.0, 4.0]), np.array([5, 7]), np.array([3.0])) # [7]
    ```
    """
    values, places = np.unique(classes, return_inverse=True)
    means = np.bincount(places, codes) / np.bincount(places)
    return values[np.abs(test_codes[:, None] - means).argmin(axis=1)]


def _predictor(classifier, seed):
    check_option("classifier", classifier, ("svm", "nearest_mean"))
    if classifier == "nearest_mean":
        return nearest_mean
    svm = optional_package(
        "sklearn.svm",
        "scikit-learn",
        "recipes",
        "`sap` with the classifier 'svm'",
    )

    def predict(codes, classes, test_codes):
        model = svm.LinearSVC(
            C=0.01, class_weight="balanced", random_state=seed
        )
        model.fit(codes[:, None], classes)
        return model.predict(test_codes[:, None])

    return predict


def _gap(matrix, factors):
    varying = varying_factors(factors)
    second, best = np.sort(matrix, axis=0)[-2:]
    gaps = np.where(varying, best - second, np.nan)
    return SAP(float(gaps[varying].mean()), gaps, matrix)
