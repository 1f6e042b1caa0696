"""DCI: disentanglement, completeness and informativeness.

A predictor of each factor from the whole code tells how important each latent
is for it: a matrix R of latents times factors. A latent is disentangled if it
matters for one factor, a factor is complete if one latent matters for it: both
are 1 minus the entropy of a row or a column of R, to the base of its length,
and averaged with the shares of the rows or columns in R as weights. The codes
are informative as far as the predictors are right.

Source: C. Eastwood, C. Williams, "A Framework for the Quantitative Evaluation
of Disentangled Representations", 2018,
https://openreview.net/forum?id=By-7dz-AZ. Gradient boosting as in F. Locatello
et al., 2019, https://arxiv.org/abs/1811.12359.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factor_checks import (
    check_splits,
    standardized,
    varying_factors,
)

PREDICTORS = ("gradient_boosting", "random_forest", "logistic", "lasso")


class DCIFromImportance(NamedTuple):
    """What `dci_from_importance` returns.

    Attributes:
        disentanglement: Weighted mean over the latents, in [0, 1].
        completeness: Weighted mean over the factors, in [0, 1].
        disentanglement_per_code: float64 `(dim,)`.
        completeness_per_factor: float64 `(factors,)`.
    """

    disentanglement: float
    completeness: float
    disentanglement_per_code: np.ndarray
    completeness_per_factor: np.ndarray


class DCI(NamedTuple):
    """What `dci` returns.

    Attributes:
        disentanglement: Weighted mean over the latents, in [0, 1].
        completeness: Weighted mean over the factors, in [0, 1].
        informativeness: Mean over the factors of the predictor's accuracy on
            the test samples; for the lasso of its share of explained
            variance.
        train_informativeness: The same on the training samples.
        importance: R, float64 `(dim, factors)`; 0 for a factor of one value.
        disentanglement_per_code: float64 `(dim,)`.
        completeness_per_factor: float64 `(factors,)`; NaN for a factor of one
            value.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    train_informativeness: float
    importance: np.ndarray
    disentanglement_per_code: np.ndarray
    completeness_per_factor: np.ndarray


def dci_from_importance(importance: Any) -> DCIFromImportance:
    """Disentanglement and completeness of an importance matrix.

    The scale of the matrix does not matter. A latent or a factor whose
    importances are all 0 scores 0 and has weight 0.

    Args:
        importance: Non-negative array `(dim, factors)`, at least 2 x 2.

    Returns:
        A `DCIFromImportance`.

    Raises:
        ValueError: If the matrix is too small, or a value is negative or not
            finite.

    Example:

    ```python
    dci_from_importance([[0.0, 3.0], [1.0, 0.0]]).disentanglement  # 1.0
    dci_from_importance([[1.0, 1.0], [1.0, 1.0]]).disentanglement  # 0.0
    ```
    """
    importance = finite_array("`importance`", importance, ("dim", "factors"))
    if min(importance.shape) < 2:
        raise ValueError(
            "Expected the importances of at least 2 latents for 2 factors, "
            f"received shape {importance.shape}."
        )
    if importance.min() < 0.0:
        raise ValueError(
            f"Importances cannot be negative, received {importance.min()}. "
            "Of weights, take the absolute values."
        )
    per_code = _one_minus_entropy(importance)
    per_factor = _one_minus_entropy(importance.T)
    total = max(importance.sum(), np.finfo(np.float64).tiny)
    return DCIFromImportance(
        float(per_code @ importance.sum(axis=1) / total),
        float(per_factor @ importance.sum(axis=0) / total),
        per_code,
        per_factor,
    )


def dci(
    codes: Any,
    factors: Any,
    test_codes: Any,
    test_factors: Any,
    *,
    predictor: str = "gradient_boosting",
    lasso_penalty: float = 0.05,
    seed: int = 0,
    **options: Any,
) -> DCI:
    """Disentanglement, completeness and informativeness of codes.

    Gradient boosting builds trees for each class: with 10,000 samples and
    factors of 40 values it takes minutes. Join values by `bin_factors`, take
    fewer samples, or take the logistic regression or the lasso.

    Args:
        codes: Posterior means `(samples, dim)` with at least 2 latents.
        factors: Integers `(samples, factors)`, of which at least 2 vary.
        test_codes: Codes that the predictors are judged by.
        test_factors: Their factors.
        predictor: What R comes from: `"gradient_boosting"` or
            `"random_forest"`, the trees' feature importances; `"logistic"`,
            the mean over the classes of a logistic regression's absolute
            weights; `"lasso"`, the absolute weights of a linear regression.
            The last two see standardised codes, and the lasso standardised
            factors, whose values it takes as ordered. Logistic weights are
            not sparse: perfect codes get 0.97 from 3,000 samples and 0.99
            from 10,000, noise 0.05.
        lasso_penalty: Weight of the sum of absolute weights in the lasso. In
            units of correlation: a latent that correlates with a factor by
            less has weight 0. Keep it above 3 over the root of the number of
            samples, or chance alone gives latents weight.
        seed: Seed of the predictor.
        **options: Further arguments of scikit-learn's predictor, such as
            `n_estimators=20`.

    Returns:
        A `DCI`.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, fewer than 2
            factors vary, or the predictor is unknown.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    factors = np.indices((4, 5)).reshape(2, -1).T
    dci(factors, factors, factors, factors, predictor="lasso").disentanglement
    ```
    """
    codes, factors, test_codes, test_factors = check_splits(
        codes, factors, test_codes, test_factors
    )
    varying = np.flatnonzero(varying_factors(factors))
    if len(varying) < 2 or codes.shape[1] < 2:
        raise ValueError(
            "Expected at least 2 latents and 2 factors that vary, received "
            f"{codes.shape[1]} and {len(varying)}."
        )
    if predictor in ("logistic", "lasso"):
        codes, test_codes = standardized(codes, test_codes)
    importance = np.zeros((codes.shape[1], factors.shape[1]))
    informativeness = []
    for j in varying:
        target, test_target = factors[:, j], test_factors[:, j]
        if predictor == "lasso":
            targets = standardized(target[:, None], test_target[:, None])
            target, test_target = (values[:, 0] for values in targets)
        model = _predictor(predictor, seed, lasso_penalty, options)
        model.fit(codes, target)
        importance[:, j] = _importance(model)
        informativeness.append(
            (model.score(test_codes, test_target), model.score(codes, target))
        )
    result = dci_from_importance(importance[:, varying])
    per_factor = np.full(factors.shape[1], np.nan)
    per_factor[varying] = result.completeness_per_factor
    test_score, train_score = np.mean(informativeness, axis=0)
    return DCI(
        result.disentanglement,
        result.completeness,
        float(test_score),
        float(train_score),
        importance,
        result.disentanglement_per_code,
        per_factor,
    )


def _one_minus_entropy(matrix):
    """Of each row; 0 for a row of zeros."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(
        matrix, totals, out=np.zeros_like(matrix), where=totals > 0.0
    )
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0.0)
    entropy = -(shares * logs).sum(axis=1) / np.log(matrix.shape[1])
    # Rounding must not take an even row below 0.
    scores = np.clip(1.0 - entropy, 0.0, 1.0)
    return np.where(totals[:, 0] > 0.0, scores, 0.0)


def _predictor(name, seed, lasso_penalty, options):
    if name not in PREDICTORS:
        raise ValueError(
            f"Expected one of the predictors {PREDICTORS}, received {name!r}."
        )
    module = "linear_model" if name in ("logistic", "lasso") else "ensemble"
    module = optional_package(f"sklearn.{module}", "scikit-learn", "`dci`")
    if name == "gradient_boosting":
        return module.GradientBoostingClassifier(random_state=seed, **options)
    if name == "random_forest":
        return module.RandomForestClassifier(random_state=seed, **options)
    if name == "logistic":
        return module.LogisticRegression(**{"max_iter": 1000, **options})
    return module.Lasso(alpha=lasso_penalty, **options)


def _importance(model):
    if hasattr(model, "feature_importances_"):
        return np.abs(model.feature_importances_)
    return np.abs(np.atleast_2d(model.coef_)).mean(axis=0)
