import sys

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid
from sklearn.svm import LinearSVC

from keras_gen.metrics.disentanglement.sap import (
    nearest_mean,
    sap,
    squared_correlations,
)
from tests.metrics.disentanglement.codes import (
    NoiseCodes,
    draw_factors,
    duplicated_codes,
    grid,
    perfect_codes,
    rotated_codes,
)

TRAIN, TEST = draw_factors(3000, seed=1), draw_factors(2000, seed=2)


def discrete(encode, **options):
    return sap(encode(TRAIN), TRAIN, encode(TEST), TEST, **options)


def test_continuous_of_known_codes():
    factors = grid()

    def score(codes):
        return sap(codes, factors, continuous=True).score

    assert score(perfect_codes(factors)) == pytest.approx(1.0, abs=1e-12)
    assert score(duplicated_codes(factors)) == pytest.approx(0.0, abs=1e-12)
    # Both turned latents hold half of each factor's variance.
    assert score(rotated_codes(factors)) == pytest.approx(0.0, abs=1e-12)
    assert score(NoiseCodes()(factors)) < 0.02


def test_continuous_is_the_squared_correlation():
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    expected = np.corrcoef(codes.T, factors.T)[:3, 3:] ** 2
    found = squared_correlations(codes, factors)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    result = sap(codes, factors, continuous=True)
    np.testing.assert_allclose(result.score_matrix, expected, rtol=1e-12)
    top = np.sort(expected, axis=0)
    np.testing.assert_allclose(result.gaps, top[2] - top[1], rtol=1e-9)
    assert result.score == pytest.approx(result.gaps.mean())


def test_support_vectors_cannot_cut_out_middle_classes():
    # Known for factors of sizes 3, 6, 8, 8 and so many samples; with C = 0.01
    # the number of samples matters.
    train, test = draw_factors(10000, seed=1), draw_factors(5000, seed=2)
    arrays = perfect_codes(train), train, perfect_codes(test), test
    raw = sap(*arrays)
    np.testing.assert_allclose(
        np.diag(raw.score_matrix), [1.0, 0.49, 0.38, 0.38], atol=0.03
    )
    assert raw.score == pytest.approx(0.37, abs=0.01)
    scaled = sap(*arrays, standardize=True)
    assert scaled.score == pytest.approx(0.48, abs=0.02)


def test_nearest_mean_can():
    result = discrete(perfect_codes, classifier="nearest_mean")
    np.testing.assert_array_equal(np.diag(result.score_matrix), np.ones(4))
    # An uninformative latent scores chance, 1/3, 1/6, 1/8, 1/8.
    expected = 1.0 - np.mean([1 / 3, 1 / 6, 1 / 8, 1 / 8])
    assert result.score == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("classifier", ["svm", "nearest_mean"])
def test_discrete_floors(classifier):
    assert discrete(duplicated_codes, classifier=classifier).score == 0.0
    noise = discrete(NoiseCodes(4), classifier=classifier)
    assert 0.0 <= noise.score < 0.02


def test_classifiers_are_those_of_scikit_learn():
    train, test = rotated_codes(TRAIN), rotated_codes(TEST)
    svm = sap(train, TRAIN, test, TEST, seed=4).score_matrix
    mean = sap(train, TRAIN, test, TEST, classifier="nearest_mean").score_matrix
    for i, f in ((0, 0), (3, 2)):
        x, y = train[:, [i]], TRAIN[:, f]
        model = LinearSVC(C=0.01, class_weight="balanced", random_state=4)
        model.fit(x, y)
        assert svm[i, f] == model.score(test[:, [i]], TEST[:, f])
        model = NearestCentroid().fit(x, y)
        expected = model.score(test[:, [i]], TEST[:, f])
        # Classes of equally near means may be chosen otherwise.
        assert mean[i, f] == pytest.approx(expected, abs=0.01)


def test_nearest_mean_by_hand():
    codes, classes = np.array([0.0, 2.0, 9.0, 11.0]), np.array([4, 4, 7, 7])
    answers = nearest_mean(codes, classes, np.array([-9.0, 5.4, 5.6]))
    np.testing.assert_array_equal(answers, [4, 4, 7])


def test_constant_latents_and_factors():
    factors = grid((4, 1, 5))
    codes = np.concatenate(
        [perfect_codes(factors), np.full((20, 1), 0.1)], axis=1
    )
    for options in (
        {"continuous": True},
        {
            "test_codes": codes,
            "test_factors": factors,
            "classifier": "nearest_mean",
        },
    ):
        result = sap(codes, factors, **options)
        np.testing.assert_array_equal(
            np.isnan(result.gaps), [False, True, False]
        )
        assert np.isfinite(result.score) and result.score > 0.7
    assert (sap(codes, factors, continuous=True).score_matrix[3] == 0).all()


def test_refuses_bad_input(monkeypatch):
    codes = perfect_codes(TRAIN)
    with pytest.raises(
        ValueError, match="`test_codes` and `test_factors` must be given"
    ):
        sap(codes, TRAIN)
    with pytest.raises(ValueError, match="'svm', 'nearest_mean'.*'tree'"):
        discrete(perfect_codes, classifier="tree")
    with pytest.raises(ValueError, match=r"2 latents.*\(3000, 1\)"):
        sap(codes[:, :1], TRAIN, continuous=True)
    with pytest.raises(ValueError, match="NaN"):
        sap(codes * np.nan, TRAIN, continuous=True)
    with pytest.raises(ValueError, match="`factors` must be integers"):
        sap(codes, TRAIN + 0.5, codes, TRAIN)
    with pytest.raises(ValueError, match="4 constant factors of 3000 samples"):
        sap(codes, 0 * TRAIN, continuous=True)
    with pytest.raises(ValueError, match="at least 2 samples"):
        sap(codes[:1], TRAIN[:1], continuous=True)
    with pytest.raises(ValueError, match="=2000 for 3000 samples"):
        sap(codes, TEST, continuous=True)
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(
        ImportError, match="classifier 'svm' needs scikit-learn"
    ):
        discrete(perfect_codes)
    assert discrete(perfect_codes, classifier="nearest_mean").score > 0.7
