import sys

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import Lasso

from keras_gen.metrics.disentanglement.dci import dci, dci_from_importance
from tests.metrics.disentanglement.codes import (
    NoiseCodes,
    draw_factors,
    duplicated_codes,
    grid,
    perfect_codes,
    rotated_codes,
)

TRAIN, TEST = draw_factors(1500, seed=1), draw_factors(500, seed=2)
QUICK = {
    "gradient_boosting": {"n_estimators": 8, "max_depth": 2},
    "random_forest": {"n_estimators": 20, "min_samples_leaf": 20},
    "logistic": {},
    "lasso": {"lasso_penalty": 0.1},
}


def run(encode, predictor):
    return dci(
        encode(TRAIN),
        TRAIN,
        encode(TEST),
        TEST,
        predictor=predictor,
        **QUICK[predictor],
    )


def test_known_matrices():
    permutation = 3.0 * np.eye(4)[[2, 0, 3, 1]]
    assert dci_from_importance(permutation)[:2] == (1.0, 1.0)
    uniform = dci_from_importance(np.ones((5, 3)))
    assert uniform[:2] == pytest.approx((0.0, 0.0), abs=1e-12)
    # One latent for all factors: they are complete, it is not disentangled.
    alone = dci_from_importance([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert alone[:2] == pytest.approx((0.0, 1.0), abs=1e-12)
    # Both copies are disentangled, the factors lie in two of four.
    copies = dci_from_importance(np.concatenate([np.eye(2), np.eye(2)]))
    assert copies[:2] == pytest.approx((1.0, 0.5), abs=1e-12)
    nothing = dci_from_importance(np.zeros((3, 2)))
    assert nothing[:2] == (0.0, 0.0)


def test_weighted_by_hand():
    result = dci_from_importance([[3.0, 1.0], [0.0, 4.0]])
    row = 1.0 - entropy([0.75, 0.25], base=2)
    column = 1.0 - entropy([0.2, 0.8], base=2)
    np.testing.assert_allclose(result.disentanglement_per_code, [row, 1.0])
    np.testing.assert_allclose(result.completeness_per_factor, [1.0, column])
    assert result.disentanglement == pytest.approx(0.5 * row + 0.5)
    assert result.completeness == pytest.approx(3 / 8 + 5 / 8 * column)


def test_agrees_with_scipy_at_any_scale():
    importance = np.random.default_rng(0).exponential(size=(6, 4)) ** 2
    per_code = 1.0 - entropy(importance, axis=1, base=4)
    per_factor = 1.0 - entropy(importance, axis=0, base=6)
    for scale in (1.0, 1e-200, 1e6):
        result = dci_from_importance(scale * importance)
        assert result.disentanglement == pytest.approx(
            np.average(per_code, weights=importance.sum(axis=1)), rel=1e-12
        )
        assert result.completeness == pytest.approx(
            np.average(per_factor, weights=importance.sum(axis=0)), rel=1e-12
        )


@pytest.mark.parametrize(
    ("predictor", "least"),
    [
        ("gradient_boosting", 0.98),
        ("random_forest", 0.85),
        ("logistic", 0.93),
        ("lasso", 0.9999),
    ],
)
def test_known_codes(predictor, least):
    perfect = run(perfect_codes, predictor)
    assert least <= perfect.disentanglement <= 1.0
    assert least <= perfect.completeness <= 1.0
    assert perfect.informativeness > 0.95
    rotated = run(rotated_codes, predictor)
    # Each latent serves two factors, each factor needs two latents of four.
    assert rotated.disentanglement == pytest.approx(0.5, abs=0.1)
    assert rotated.completeness == pytest.approx(0.5, abs=0.1)
    noise = run(NoiseCodes(), predictor)
    assert noise.disentanglement < 0.1 and noise.completeness < 0.1
    assert noise.informativeness < 0.25


def test_copies_are_disentangled_but_not_complete():
    result = run(duplicated_codes, "logistic")
    assert result.disentanglement > 0.9
    # Two of eight latents: 1 - log 2 / log 8.
    assert result.completeness == pytest.approx(2 / 3, abs=0.05)


def test_predictors_are_those_of_scikit_learn():
    codes, test = rotated_codes(TRAIN), rotated_codes(TEST)
    found = dci(codes, TRAIN, test, TEST, seed=3, n_estimators=4)
    scores = []
    for f in range(4):
        model = GradientBoostingClassifier(n_estimators=4, random_state=3)
        model.fit(codes, TRAIN[:, f])
        np.testing.assert_allclose(
            found.importance[:, f], model.feature_importances_, rtol=1e-12
        )
        scores.append(model.score(test, TEST[:, f]))
    assert found.informativeness == pytest.approx(np.mean(scores))
    assert found.train_informativeness > found.informativeness
    lasso = run(rotated_codes, "lasso")
    scaled = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    target = (TRAIN[:, 1] - TRAIN[:, 1].mean()) / TRAIN[:, 1].std()
    weights = Lasso(alpha=0.1).fit(scaled, target).coef_
    np.testing.assert_allclose(lasso.importance[:, 1], np.abs(weights))
    again = dci_from_importance(lasso.importance)
    assert lasso.disentanglement == again.disentanglement
    assert lasso.completeness == again.completeness


def test_constant_latents_and_factors():
    factors = grid((4, 1, 5))
    codes = np.concatenate(
        [perfect_codes(factors), np.full((20, 1), 0.1)], axis=1
    )
    for predictor in ("lasso", "logistic"):
        result = dci(codes, factors, codes, factors, predictor=predictor)
        assert result.disentanglement > 0.99
        assert result.disentanglement_per_code[3] == 0.0
        np.testing.assert_array_equal(
            np.isnan(result.completeness_per_factor), [False, True, False]
        )
        assert (result.importance[:, 1] == 0.0).all()


def test_refuses_bad_input(monkeypatch):
    with pytest.raises(
        ValueError, match="must not be negative. Received: .* -1"
    ):
        dci_from_importance([[1.0, -1.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="at least 2 latents"):
        dci_from_importance([[1.0], [1.0]])
    with pytest.raises(ValueError, match="NaN"):
        dci_from_importance([[np.nan, 1.0], [0.0, 1.0]])
    codes = perfect_codes(TRAIN)
    with pytest.raises(ValueError, match="'random_forest', 'logistic'"):
        dci(codes, TRAIN, codes, TRAIN, predictor="svm")
    with pytest.raises(ValueError, match="2 factors that vary"):
        dci(codes, TRAIN[:, :1], codes, TRAIN[:, :1])
    with pytest.raises(ValueError, match="`factors` must be integers"):
        dci(codes, TRAIN * 0.3, codes, TRAIN)
    with pytest.raises(ValueError, match="at least 2 samples"):
        dci(codes[:1], TRAIN[:1], codes, TRAIN)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(
        ImportError, match=r"scikit-learn.*pip install -e '\.\[recipes\]'"
    ):
        run(perfect_codes, "lasso")
