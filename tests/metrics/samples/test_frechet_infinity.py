import numpy as np
import pytest

from keras_gen.metrics import FeatureMoments, frechet_distance
from keras_gen.metrics.samples.frechet_infinity import (
    extrapolate_to_infinity,
    fid_infinity,
)


class ExactMoments(FeatureMoments):
    """The moments of a standard normal distribution itself."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    @property
    def mean(self):
        return np.zeros(self.dim)

    @property
    def covariance(self):
        return np.eye(self.dim)


def test_line_is_found():
    sizes = np.array([10, 20, 25, 100])
    value, slope = extrapolate_to_infinity(sizes, 3.0 + 7.0 / sizes)
    assert (value, slope) == pytest.approx((3.0, 7.0), rel=1e-12)


def test_line_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    sizes, values = np.arange(5, 25), rng.normal(size=20)
    slope, value = np.polyfit(1.0 / sizes, values, 1)
    assert extrapolate_to_infinity(sizes, values) == pytest.approx(
        (value, slope), rel=1e-9
    )


def test_bias_of_few_samples_is_removed():
    # N(0, I) against its own exact moments: the distance is 0, and what a
    # subset of N has is bias, from the mean dim / N and from the covariance
    # dim (dim + 1) / (4 N), to first order.
    dim = 20
    fake = np.random.default_rng(1).normal(size=(4000, dim))
    result = fid_infinity(ExactMoments(dim), fake, min_size=400)
    assert len(result.sizes) == len(result.distances) == 15
    assert (result.sizes[0], result.sizes[-1]) == (400, 4000)
    slope = dim + dim * (dim + 1) / 4
    # The scatter of a subset's distance is about a tenth of its bias.
    assert result.slope == pytest.approx(slope, rel=0.15)
    assert result.distances[0] == pytest.approx(slope / 400, rel=0.2)
    assert abs(result.distance) < 0.2 * result.distances[-1]


def test_last_point_is_the_distance_of_all_samples():
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(300, 3)), rng.normal(size=(200, 3)) + 1.0
    expected = frechet_distance(real, fake)
    result = fid_infinity(real, fake, num_points=4)
    np.testing.assert_array_equal(result.sizes, [20, 80, 140, 200])
    assert result.distances[-1] == pytest.approx(expected, rel=1e-10)
    fitted = extrapolate_to_infinity(result.sizes, result.distances)
    assert (result.distance, result.slope) == fitted
    # However the real features come.
    for given in (iter(np.split(real, 3)), FeatureMoments().update(real)):
        again = fid_infinity(given, fake, num_points=4)
        np.testing.assert_allclose(again.distances, result.distances)
    other = fid_infinity(real, fake, num_points=4, seed=1)
    assert other.distances[0] != result.distances[0]


def test_refuses_what_has_no_line():
    good = np.random.default_rng(3).normal(size=(10, 3))
    bad = good.copy()
    bad[4, 1] = np.nan
    with pytest.raises(ValueError, match="`fake` must be finite"):
        fid_infinity(good, bad)
    with pytest.raises(ValueError, match="`features` must be finite"):
        fid_infinity(bad, good)
    with pytest.raises(ValueError, match="at least 3 samples"):
        fid_infinity(good, good[:2])
    with pytest.raises(ValueError, match="2 to below 10, .*min_size=10"):
        fid_infinity(good, good, min_size=10)
    with pytest.raises(ValueError, match="num_points=1"):
        fid_infinity(good, good, num_points=1)
    with pytest.raises(ValueError, match="width 3 and 2"):
        fid_infinity(good, good[:, :2])
    with pytest.raises(ValueError, match="2 sizes and 3 values"):
        extrapolate_to_infinity([1, 2], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="at least 2 different ones.* 5 to 5"):
        extrapolate_to_infinity([5, 5], [1.0, 2.0])
    with pytest.raises(ValueError, match="`sizes` must be positive"):
        extrapolate_to_infinity([0, 5], [1.0, 2.0])
