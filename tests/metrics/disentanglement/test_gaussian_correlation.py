import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics import mutual_info_score

from keras_gen.metrics.disentanglement.gaussian_correlation import (
    gaussian_total_correlation,
    gaussian_total_correlation_from_covariance,
    gaussian_wasserstein_correlation,
    gaussian_wasserstein_correlation_from_covariance,
    mutual_information_score,
)
from keras_gen.metrics.disentanglement.mig import discretize
from tests.metrics.disentanglement.codes import (
    duplicated_codes,
    grid,
    perfect_codes,
    rotated_codes,
)


def random_covariance(dim=5):
    factor = np.random.default_rng(0).normal(size=(dim, 2 * dim))
    return factor @ factor.T * np.outer(scale := np.arange(1, dim + 1), scale)


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.95])
def test_two_latents_in_closed_form(rho):
    covariance = np.array([[4.0, 2 * rho], [2 * rho, 1.0]])
    assert gaussian_total_correlation_from_covariance(
        covariance
    ) == pytest.approx(-0.5 * np.log(1 - rho**2), abs=1e-12)
    unit = [[1.0, rho], [rho, 1.0]]
    expected = 4.0 - 2.0 * (np.sqrt(1 + rho) + np.sqrt(1 - rho))
    distance = gaussian_wasserstein_correlation_from_covariance
    assert distance(unit) == pytest.approx(expected, abs=1e-12)
    assert distance(unit, normalize=True) == pytest.approx(
        expected / 2.0, abs=1e-12
    )


def test_diagonal_covariance_scores_zero():
    covariance = np.diag([0.5, 3.0, 0.0])
    for score in (
        gaussian_total_correlation_from_covariance,
        gaussian_wasserstein_correlation_from_covariance,
    ):
        assert score(covariance) == pytest.approx(0.0, abs=1e-12)


def test_agrees_with_determinants_and_matrix_roots():
    covariance = random_covariance()
    expected = 0.5 * (
        np.log(np.diag(covariance)).sum() - np.linalg.slogdet(covariance)[1]
    )
    assert gaussian_total_correlation_from_covariance(
        covariance
    ) == pytest.approx(expected, rel=1e-10)
    root = scipy.linalg.sqrtm(covariance * np.diag(covariance)[:, None]).real
    expected = 2 * np.trace(covariance) - 2 * np.trace(root)
    assert gaussian_wasserstein_correlation_from_covariance(
        covariance
    ) == pytest.approx(expected, rel=1e-8)


def test_codes_give_their_covariance():
    codes = np.random.default_rng(1).normal(size=(50, 5))
    codes = codes @ random_covariance() + 100.0
    covariance = np.cov(codes, rowvar=False)
    assert gaussian_total_correlation(codes) == pytest.approx(
        gaussian_total_correlation_from_covariance(covariance), rel=1e-9
    )
    for normalize in (False, True):
        assert gaussian_wasserstein_correlation(
            codes, normalize
        ) == pytest.approx(
            gaussian_wasserstein_correlation_from_covariance(
                covariance, normalize
            ),
            rel=1e-9,
        )


def test_known_codes():
    factors = grid()
    for codes in (perfect_codes(factors), rotated_codes(factors)):
        # Turned by 45 degrees they depend on each other, uncorrelated.
        assert gaussian_total_correlation(codes) < 1e-12
        assert gaussian_wasserstein_correlation(codes) < 1e-12
    assert mutual_information_score(perfect_codes(factors)) < 1e-12
    assert mutual_information_score(rotated_codes(factors)) > 0.1
    assert gaussian_total_correlation(duplicated_codes(factors)) == np.inf
    # Equal latents of variance v: (4 - 2 sqrt 2) v over 2 v.
    assert gaussian_wasserstein_correlation(
        duplicated_codes(factors)[:, [0, 4]], normalize=True
    ) == pytest.approx(2 - np.sqrt(2.0), rel=1e-7)


def test_dead_latents_are_independent():
    rng = np.random.default_rng(2)
    codes = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 3))
    dead = np.concatenate([codes, np.full((100, 1), 0.1)], axis=1)
    assert gaussian_total_correlation(dead) == pytest.approx(
        gaussian_total_correlation(codes), rel=1e-9
    )
    constant = np.full((5, 2), 0.3)
    assert gaussian_total_correlation(constant) == 0.0
    assert gaussian_wasserstein_correlation(constant, normalize=True) == 0.0


def test_information_is_averaged_over_pairs():
    codes = np.random.default_rng(3).normal(size=(400, 3))
    codes[:, 1] += codes[:, 0]
    bins = discretize(codes, 8)
    expected = np.mean(
        [
            mutual_info_score(bins[:, i], bins[:, j])
            for i, j in ((0, 1), (0, 2), (1, 2))
        ]
    )
    assert mutual_information_score(codes, num_bins=8) == pytest.approx(
        expected, rel=1e-12
    )


def test_refuses_bad_input():
    with pytest.raises(ValueError, match="NaN"):
        gaussian_total_correlation([[np.nan], [0.0]])
    with pytest.raises(ValueError, match="at least 2 samples"):
        gaussian_total_correlation([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"at least 2 latents.*\(30, 1\)"):
        mutual_information_score(np.arange(30.0)[:, None])
    with pytest.raises(ValueError, match=r"num_bins=20, len\(codes\)=5"):
        mutual_information_score(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="symmetric"):
        gaussian_total_correlation_from_covariance([[1.0, 0.5], [0.0, 1.0]])
    with pytest.raises(ValueError, match="symmetric"):
        gaussian_wasserstein_correlation_from_covariance(np.ones((3, 2)))
    with pytest.raises(ValueError, match="not negative. Received: .* -1"):
        gaussian_total_correlation_from_covariance([[-1.0]])
