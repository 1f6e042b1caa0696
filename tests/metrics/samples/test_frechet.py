import numpy as np
import pytest
import scipy.linalg

from keras_gen.metrics import (
    FeatureMoments,
    frechet_distance,
    frechet_distance_from_moments,
)


def random_covariance(rng, dim, rank=None):
    factor = rng.normal(size=(dim, rank or dim))
    return factor @ factor.T / dim


def test_one_dimension_closed_form():
    distance = frechet_distance_from_moments([1.0], [[4.0]], [4.0], [[9.0]])
    # (1 - 4)^2 + (2 - 3)^2, with standard deviations 2 and 3.
    assert distance == pytest.approx(10.0, rel=1e-12)


def test_from_features_uses_unbiased_moments():
    # Standard deviations sqrt(2) and 2 sqrt(2), means 1 and 4.
    a, b = np.array([[0.0], [2.0]]), np.array([[2.0], [6.0]])
    assert frechet_distance(a, b) == pytest.approx(9.0 + 2.0, rel=1e-12)


def test_equal_features_are_at_zero():
    features = np.random.default_rng(0).normal(size=(200, 16))
    trace = np.trace(np.cov(features, rowvar=False))
    assert frechet_distance(features, features) <= 1e-12 * trace


def test_shift_is_its_squared_length():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(300, 8)) @ rng.normal(size=(8, 8))
    shift = rng.normal(size=8)
    distance = frechet_distance(features, features + shift)
    assert distance == pytest.approx(shift @ shift, rel=1e-9)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_scaling_of_unit_covariance(scale):
    dim, mean = 6, np.full(6, 0.5)
    distance = frechet_distance_from_moments(
        mean, np.eye(dim), scale * mean, scale**2 * np.eye(dim)
    )
    expected = dim * (1 - scale) ** 2 + (1 - scale) ** 2 * mean @ mean
    assert distance == pytest.approx(expected, rel=1e-12)


def test_agrees_with_general_matrix_root():
    rng = np.random.default_rng(2)
    mean_a, mean_b = rng.normal(size=(2, 10))
    cov_a, cov_b = random_covariance(rng, 10), random_covariance(rng, 10)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = np.sum((mean_a - mean_b) ** 2) + np.trace(
        cov_a + cov_b - 2.0 * root
    )
    distance = frechet_distance_from_moments(mean_a, cov_a, mean_b, cov_b)
    # sqrtm itself is good to about the root of rounding for such matrices.
    assert distance == pytest.approx(expected, rel=1e-6)


def test_symmetric_in_its_arguments():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(50, 5)), rng.gamma(2.0, size=(70, 5))
    assert frechet_distance(a, b) == pytest.approx(
        frechet_distance(b, a), rel=1e-12
    )


def test_invariant_to_rotation():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(90, 7)), rng.gamma(2.0, size=(90, 7))
    rotation, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(
        frechet_distance(a, b), rel=1e-10
    )


def test_rank_deficient_covariances():
    # Two lines at an angle in a space of 50 dimensions, with deviations 2
    # and 3: the root of the product has one eigenvalue, 2 * 3 * cos(angle).
    angle = 0.3
    line_a, line_b = np.zeros((2, 50))
    line_a[0] = 1.0
    line_b[0], line_b[1] = np.cos(angle), np.sin(angle)
    distance = frechet_distance_from_moments(
        np.zeros(50),
        4.0 * np.outer(line_a, line_a),
        np.zeros(50),
        9.0 * np.outer(line_b, line_b),
    )
    assert distance == pytest.approx(13.0 - 12.0 * np.cos(angle), rel=1e-12)


def test_fewer_samples_than_features():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(20, 200))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features + 1.0) == pytest.approx(200.0)


def test_disjoint_subspaces():
    # The product of the covariances is 0, and so is its root.
    a, b = np.diag([1.0, 2.0, 0.0, 0.0]), np.diag([0.0, 0.0, 3.0, 4.0])
    distance = frechet_distance_from_moments(np.zeros(4), a, np.zeros(4), b)
    assert distance == pytest.approx(10.0, rel=1e-12)


def test_constant_features():
    ones, twos = np.ones((5, 3)), np.full((5, 3), 2.0)
    assert frechet_distance(ones, twos) == pytest.approx(3.0, rel=1e-12)


def test_moments_in_batches_equal_those_at_once():
    rng = np.random.default_rng(6)
    # A mean far from 0 shows sums of squares that cancel.
    features = 1e6 + rng.normal(size=(103, 4)) * [1.0, 2.0, 3.0, 4.0]
    moments = FeatureMoments()
    for batch in np.split(features, [1, 10, 10, 64]):
        assert moments.update(batch) is moments
    assert moments.count == 103
    np.testing.assert_allclose(moments.mean, features.mean(0), rtol=1e-14)
    np.testing.assert_allclose(
        moments.covariance, np.cov(features, rowvar=False), rtol=1e-7
    )


def test_accepts_iterables_of_batches():
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(60, 4)), rng.normal(size=(40, 4)) + 1.0
    streamed = frechet_distance(iter(np.split(a, [7, 30])), np.split(b, 4))
    assert streamed == pytest.approx(frechet_distance(a, b), rel=1e-10)


def test_refuses_what_has_no_distance():
    good = np.random.default_rng(8).normal(size=(10, 3))
    bad = good.copy()
    bad[4, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 30"):
        frechet_distance(good, bad)
    with pytest.raises(ValueError, match="at least 2 samples .*Received: 1"):
        frechet_distance(good, good[:1])
    with pytest.raises(ValueError, match="at least 2 samples .*Received: 0"):
        frechet_distance(good, iter([]))
    with pytest.raises(ValueError, match="width 3 and 2"):
        frechet_distance(good, good[:, :2])
    with pytest.raises(ValueError, match="width 2 after features of width 3"):
        frechet_distance(iter([good, good[:, :2]]), good)
    with pytest.raises(ValueError, match=r"\(samples, dim\).*\(30,\)"):
        frechet_distance(good.ravel(), good)


def test_refuses_what_is_no_covariance():
    zero, eye = np.zeros(2), np.eye(2)
    with pytest.raises(ValueError, match="`cov_b` must be symmetric"):
        frechet_distance_from_moments(zero, eye, zero, [[1, 1], [0, 1]])
    with pytest.raises(
        ValueError, match="semidefinite.* eigenvalues from -1 to 1"
    ):
        frechet_distance_from_moments(zero, np.diag([1.0, -1.0]), zero, eye)
    with pytest.raises(ValueError, match=r"\(dim, dim\)"):
        frechet_distance_from_moments(zero, np.eye(3), zero, eye)
