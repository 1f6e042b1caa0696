import numpy as np
import pytest
from scipy.spatial import ConvexHull

from keras_gen.metrics.likelihood.rate_distortion import rate_distortion_curve


def test_small_case_by_hand():
    points = [(6, 4), (0, 9), (3, 6), (2, 5), (7, 5), (2, 6)]
    curve = rate_distortion_curve(points)
    np.testing.assert_array_equal(curve.pareto, [1, 3, 0])
    np.testing.assert_array_equal(curve.hull, [1, 3, 0])
    np.testing.assert_allclose(curve.slopes, [2.0, 0.25])
    assert curve.area == pytest.approx(2 * 7.0 + 4 * 4.5)
    assert curve.best == 3
    np.testing.assert_allclose(curve.negative_elbos, [10, 9, 9, 7, 12, 8])
    assert curve.gaps is None


def test_pareto_holds_what_the_hull_leaves_out():
    curve = rate_distortion_curve([(0, 4), (1, 3.5), (2, 0)])
    np.testing.assert_array_equal(curve.pareto, [0, 1, 2])
    np.testing.assert_array_equal(curve.hull, [0, 2])


def test_hull_agrees_with_scipy():
    points = np.random.default_rng(0).uniform(0, 10, size=(60, 2))
    curve = rate_distortion_curve(points)
    assert set(curve.hull) <= set(ConvexHull(points).vertices)
    for weight in np.linspace(0.02, 50, 200):
        assert (points @ [weight, 1.0]).argmin() in curve.hull
    assert (np.diff(curve.slopes) < 0).all() and (curve.slopes > 0).all()


def test_linear_model_of_normal_data():
    # The best rate and distortion at weight beta, by reverse water-filling:
    # the slope of the curve at beta is -beta, and D + R is least at 1.
    eigenvalues, variance = np.array([4.0, 1.0, 0.3]), 0.2
    betas = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    level = betas[:, None] * variance
    ratio = np.maximum(eigenvalues / level, 1.0)
    rates = 0.5 * np.log(ratio).sum(axis=1)
    errors = np.minimum(eigenvalues, level).sum(axis=1)
    distortions = errors / (2 * variance) + 1.5 * np.log(2 * np.pi * variance)
    # At beta 1, D + R is the likelihood of the fixed-noise linear model.
    spectrum = np.maximum(eigenvalues, variance)
    nll = 0.5 * (np.log(2 * np.pi * spectrum) + eigenvalues / spectrum).sum()
    curve = rate_distortion_curve(
        np.stack([rates, distortions], axis=1), lower_bound=nll, tolerance=1e-9
    )
    np.testing.assert_array_equal(curve.hull, [4, 3, 2, 1, 0])
    assert curve.best == 2
    assert curve.gaps[2] == pytest.approx(0.0, abs=1e-12)
    falling = betas[::-1]
    assert (curve.slopes < falling[:-1]).all()
    assert (curve.slopes > falling[1:]).all()


def test_one_model_is_a_curve():
    curve = rate_distortion_curve([(3.0, 80.0)])
    assert curve.area == 0.0 and len(curve.slopes) == 0 and curve.best == 0


def test_bounds():
    points = [(1.0, 9.0), (4.0, 7.0)]
    np.testing.assert_allclose(
        rate_distortion_curve(points, lower_bound=10.0).gaps, [0.0, 1.0]
    )
    np.testing.assert_allclose(
        rate_distortion_curve(points, lower_bound=[9.5, 10.5]).gaps, 0.5
    )
    with pytest.raises(ValueError, match=r"D \+ R = 10 of model 0, 0.5 below"):
        rate_distortion_curve(points, lower_bound=10.5)
    assert rate_distortion_curve(points, 10.5, tolerance=0.5).gaps[0] == -0.5
    with pytest.raises(ValueError, match="3 values for 2 models"):
        rate_distortion_curve(points, lower_bound=[1.0, 2.0, 3.0])


def test_refuses_bad_points():
    with pytest.raises(ValueError, match="Received: a rate of -1"):
        rate_distortion_curve([(-1.0, 9.0)])
    with pytest.raises(ValueError, match="NaN"):
        rate_distortion_curve([(np.nan, 9.0)])
    with pytest.raises(ValueError, match=r"points.shape=\(1, 3\)"):
        rate_distortion_curve([(1.0, 2.0, 3.0)])
    with pytest.raises(ValueError, match="list of"):
        rate_distortion_curve([])
