import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from keras_gen.metrics.disentanglement.mig import discretize
from keras_gen.metrics.disentanglement.modularity import (
    area_under_curve,
    modularity_explicitness,
    modularity_per_code,
)
from tests.metrics.disentanglement.codes import (
    NoiseCodes,
    draw_factors,
    duplicated_codes,
    grid,
    perfect_codes,
    rotated_codes,
)

TRAIN, TEST = draw_factors(2000, seed=1), draw_factors(1000, seed=2)


def run(encode, **options):
    return modularity_explicitness(
        encode(TRAIN), TRAIN, encode(TEST), TEST, **options
    )


def test_modularity_by_hand():
    information = [
        [0.7, 0.0, 0.0],
        [0.3, 0.3, 0.3],
        [0.0, 0.0, 0.0],
        [0.2, 0.4, 0.1],
    ]
    # The last: 1 - (0.04 + 0.01) / (0.16 * 2).
    np.testing.assert_allclose(
        modularity_per_code(information), [1, 0, 0, 0.84375], atol=1e-12
    )


def test_known_codes():
    factors = grid()
    perfect, twice, rotated, dead = (
        modularity_explicitness(codes, factors, codes, factors)
        for codes in (
            perfect_codes(factors),
            duplicated_codes(factors),
            rotated_codes(factors),
            perfect_codes(factors) * [1, 1, 1, 0],
        )
    )
    assert perfect.modularity == pytest.approx(1.0, abs=1e-12)
    assert perfect.explicitness == pytest.approx(1.0, abs=1e-3)
    assert twice.modularity == pytest.approx(1.0, abs=1e-12)
    # Two of the four factors alike: 1 - 1/3 where the sizes are equal.
    assert rotated.modularity_per_code[1] == pytest.approx(2 / 3, abs=0.01)
    np.testing.assert_allclose(
        dead.modularity_per_code, [1, 1, 1, 0], atol=1e-12
    )
    assert dead.modularity == pytest.approx(0.75)
    assert dead.explicitness_per_factor[3] == pytest.approx(0.5, abs=1e-6)
    noise = run(NoiseCodes())
    assert noise.explicitness == pytest.approx(0.5, abs=0.02)


def test_parts_agree_with_scikit_learn():
    rotation = np.random.default_rng(0).normal(size=(4, 3))
    codes, test = TRAIN @ rotation, TEST @ rotation
    result = modularity_explicitness(codes, TRAIN, test, TEST, num_bins=9)
    bins = discretize(codes, 9)
    expected = [
        [mutual_info_score(bins[:, i], TRAIN[:, f]) for f in range(4)]
        for i in range(3)
    ]
    np.testing.assert_allclose(result.mutual_information, expected, atol=1e-12)
    squares = np.sort(np.square(expected), axis=1)
    delta = squares[:, :-1].sum(axis=1) / (3 * squares[:, -1])
    np.testing.assert_allclose(result.modularity_per_code, 1 - delta)
    assert result.modularity == pytest.approx(np.mean(1 - delta))
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    areas = []
    for f in range(4):
        model = LogisticRegression(max_iter=1000)
        model.fit((codes - mean) / deviation, TRAIN[:, f])
        areas.append(
            [
                roc_auc_score(
                    labels[:, f],
                    model.predict_proba((x - mean) / deviation),
                    multi_class="ovr",
                )
                for x, labels in ((test, TEST), (codes, TRAIN))
            ]
        )
    areas = np.array(areas)
    np.testing.assert_allclose(
        result.explicitness_per_factor, areas[:, 0], rtol=1e-9
    )
    assert result.explicitness == pytest.approx(areas[:, 0].mean())
    assert result.train_explicitness == pytest.approx(areas[:, 1].mean())


def test_area_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    positive = rng.random(60) < 0.3
    for scores in (rng.normal(size=60) + positive, rng.integers(4, size=60)):
        assert area_under_curve(scores, positive) == pytest.approx(
            roc_auc_score(positive, scores), rel=1e-12
        )


def test_constant_factor_and_missing_class():
    factors = grid((4, 1, 5))
    codes = perfect_codes(factors)
    seen = factors[:, 2] < 4
    result = modularity_explicitness(
        codes, factors, codes[seen], factors[seen], num_bins=10
    )
    assert result.modularity_per_code[1] == 0.0
    assert result.modularity == pytest.approx(2 / 3)
    np.testing.assert_array_equal(
        np.isnan(result.explicitness_per_factor), [False, True, False]
    )
    assert result.explicitness > 0.98


def test_refuses_bad_input(monkeypatch):
    codes = perfect_codes(TRAIN)
    with pytest.raises(ValueError, match="at least 2 factors"):
        modularity_explicitness(codes, TRAIN[:, :1], codes, TRAIN[:, :1])
    with pytest.raises(ValueError, match=r"num_bins=20, len\(codes\)=9"):
        modularity_explicitness(codes[:9], TRAIN[:9], codes, TRAIN)
    with pytest.raises(
        ValueError, match="`test_factors` must hold at least 2 values"
    ):
        modularity_explicitness(codes, TRAIN, codes[:1], TRAIN[:1])
    with pytest.raises(ValueError, match="NaN"):
        run(lambda x: x * np.nan)
    with pytest.raises(ValueError, match="`factors` must be integers"):
        modularity_explicitness(codes, TRAIN + 0.1, codes, TRAIN)
    with pytest.raises(ValueError, match="must not be negative.* from -0.1"):
        modularity_per_code([[0.1, -0.1]])
    with pytest.raises(ValueError, match="true and false ones.* 2 positive"):
        area_under_curve([0.1, 0.2], [True, True])
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(
        ImportError, match=r"scikit-learn.*pip install -e '\.\[recipes\]'"
    ):
        run(perfect_codes)
