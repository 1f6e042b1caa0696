"""SAP: how far is the best latent ahead of the second best?

The separated attribute predictability of a factor is the score of the one
latent that predicts it best minus that of the second best, averaged over the
factors. The score of a latent is a squared correlation, for factors whose
values are ordered, or the accuracy of a classifier that sees it alone.

A linear classifier of one number cannot cut out the middle classes of an
ordered factor, so that with `classifier="svm"` perfect codes of factors of
more than 2 values stay far from 1: 0.37 for sizes 3, 6, 8 and 8. The nearest
class mean can, and reaches `1 - 1/K` of K values.

Source: A. Kumar et al., "Variational Inference of Disentangled Latent Concepts
from Unlabeled Observations", 2018, https://arxiv.org/abs/1711.00848. Settings
as in F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factor_checks import (
    check_codes,
    check_splits,
    standardized,
    varying_factors,
)


class SAP(NamedTuple):
    """What `sap` returns.

    Attributes:
        score: Mean gap of the factors that vary.
        gaps: Gap of each factor, float64 `(factors,)`; NaN for a factor of
            one value.
        score_matrix: Score of each latent for each factor, `(dim, factors)`.
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
        codes: Posterior means `(samples, dim)` with at least 2 latents.
        factors: Integers `(samples, factors)`; any finite numbers if
            `continuous`.
        test_codes: Codes that classifiers are judged by. Not needed if
            `continuous`.
        test_factors: Their factors.
        continuous: Whether a latent's score is its squared Pearson
            correlation with the factor, instead of a classifier's accuracy.
        classifier: `"svm"`, a linear support vector machine with C = 0.01 and
            balanced classes, or `"nearest_mean"`, which answers with the
            class of the nearest mean and needs no scikit-learn.
        standardize: Whether to scale codes to mean 0 and variance 1 first:
            the support vector machine depends on the scale.
        seed: Seed of the support vector machine.

    Returns:
        A `SAP`. A latent that never varies scores 0 if `continuous`, the
        share of the class that is answered otherwise.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, no factor
            varies, or the test arrays are missing.
        ImportError: If the support vector machine is asked for and
            scikit-learn is not installed.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    sap(factors, factors, continuous=True).score  # 1.0
    ```
    """
    codes = check_codes(codes)
    if codes.shape[1] < 2:
        raise ValueError(
            "A gap between two latents needs 2 latents, received 1."
        )
    if len(codes) < 2:
        raise ValueError("Predicting factors needs at least 2 samples.")
    if continuous:
        factors = finite_array("`factors`", factors, ("samples", "factors"))
        if len(factors) != len(codes):
            raise ValueError(
                f"Expected factors of {len(codes)} samples, received "
                f"{len(factors)}."
            )
        return _gap(squared_correlations(codes, factors), factors)
    if test_codes is None or test_factors is None:
        raise ValueError(
            "An accuracy needs `test_codes` and `test_factors`, which the "
            "classifiers were not fitted to; or pass `continuous=True`."
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
        codes: Array `(samples, dim)`.
        factors: Array `(samples, factors)`.

    Returns:
        float64 array `(dim, factors)`; 0 where one of the variances is below
        1e-12.

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
    """Answers each code with the class whose mean code is nearest.

    Args:
        codes: One latent, `(samples,)`.
        classes: Integers `(samples,)`.
        test_codes: `(test_samples,)`.

    Returns:
        Integers `(test_samples,)`; the lowest class of equally near ones.

    Example:

    ```python
    nearest_mean(np.array([0.0, 4.0]), np.array([5, 7]), np.array([3.0])) # [7]
    ```
    """
    values, places = np.unique(classes, return_inverse=True)
    means = np.bincount(places, codes) / np.bincount(places)
    return values[np.abs(test_codes[:, None] - means).argmin(axis=1)]


def _predictor(classifier, seed):
    if classifier == "nearest_mean":
        return nearest_mean
    if classifier != "svm":
        raise ValueError(
            "Expected the classifier 'svm' or 'nearest_mean', received "
            f"{classifier!r}."
        )
    svm = optional_package(
        "sklearn.svm",
        "scikit-learn",
        "`sap` with a support vector machine (`nearest_mean` is without)",
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
