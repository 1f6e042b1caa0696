import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_gen.data import FactorArrays, FactorData
from keras_gen.metrics.disentanglement import beta_vae
from keras_gen.metrics.disentanglement.beta_vae import (
    beta_vae_score,
    beta_vae_score_from_differences,
)
from tests.metrics.disentanglement.codes import (
    SIZES,
    NoiseCodes,
    grid,
    perfect_codes,
    rotated_codes,
)

QUICK = {"num_train": 400, "num_test": 400}
DATA = FactorData(SIZES)


def test_known_codes():
    assert beta_vae_score(DATA, **QUICK).score == 1.0
    scaled = beta_vae_score(DATA, lambda x: 0.5 * x - 3.0, **QUICK)
    assert scaled.score == 1.0
    noise = beta_vae_score(DATA, NoiseCodes(), **QUICK)
    # Three standard errors of a frequency of 1/4 in 400.
    assert noise.score == pytest.approx(0.25, abs=3 * 0.0217)
    assert noise.train_accuracy > noise.score


def test_ignores_order_and_sign_but_not_scale():
    def score(change):
        return beta_vae_score(DATA, change, num_pairs=4, **QUICK).score

    same = score(rotated_codes)
    assert 0.35 < same < 0.9
    changed = score(lambda x: -rotated_codes(x)[:, [3, 1, 0, 2]])
    assert changed == pytest.approx(same, abs=0.006)
    assert score(lambda x: x) > score(lambda x: 1e-3 * x) + 0.1


def test_pairs_share_the_factor_that_is_told(monkeypatch):
    seen = []

    def keep(*parts):
        seen.extend(parts)
        return beta_vae_score_from_differences(*parts)

    monkeypatch.setattr(beta_vae, "beta_vae_score_from_differences", keep)
    beta_vae_score(DATA, num_pairs=50, num_train=300, num_test=100, seed=3)
    for differences, labels in (seen[:2], seen[2:]):
        rows = np.arange(len(labels))
        assert (differences[rows, labels] == 0.0).all()
        assert set(labels) == {0, 1, 2, 3}
        for f, size in enumerate(SIZES):
            # |a - b| of two even draws of n values has mean (n^2 - 1) / 3n.
            mean = differences[labels != f, f].mean()
            assert mean == pytest.approx((size**2 - 1) / (3 * size), rel=0.05)
    assert [len(part) for part in seen] == [300, 300, 100, 100]


def test_classifier_is_a_logistic_regression():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(300, 3)), rng.integers(3, size=300)
    x[np.arange(300), labels] += 1.0
    score = beta_vae_score_from_differences(
        x[:200], labels[:200], x[200:], labels[200:]
    )
    model = LogisticRegression().fit(x[:200], labels[:200])
    assert score.score == np.mean(model.predict(x[200:]) == labels[200:])
    assert score.train_accuracy == np.mean(
        model.predict(x[:200]) == labels[:200]
    )


def test_arrays_of_codes_and_a_constant_factor():
    factors = grid((3, 1, 4))
    data = FactorArrays(perfect_codes(factors), factors)
    assert beta_vae_score(data, num_train=100, num_test=50).score == 1.0


def test_same_seed_same_score():
    scores = [
        beta_vae_score(DATA, rotated_codes, num_pairs=3, seed=seed, **QUICK)
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


def test_refuses_bad_input(monkeypatch):
    with pytest.raises(ValueError, match=r"2 factors that vary.*\(5, 1\)"):
        beta_vae_score(FactorData((5, 1)))
    with pytest.raises(ValueError, match="`num_train` must be above 0"):
        beta_vae_score(DATA, num_train=0)
    with pytest.raises(ValueError, match="NaN"):
        beta_vae_score(DATA, lambda x: x * np.nan, **QUICK)
    with pytest.raises(ValueError, match="one label per difference"):
        beta_vae_score_from_differences([[0.0]], [0, 1], [[0.0]], [0])
    with pytest.raises(ValueError, match="`train_labels` must hold at least 2"):
        beta_vae_score_from_differences([[0.0]] * 2, [1, 1], [[0.0]], [0])
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(
        ImportError, match=r"scikit-learn.*pip install -e '\.\[recipes\]'"
    ):
        beta_vae_score(DATA, **QUICK)
