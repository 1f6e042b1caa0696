import numpy as np
import pytest

from keras_gen.metrics.samples.kernel_distance import (
    kernel_distance,
    polynomial_mmd,
)


def brute_force_mmd(x, y, degree, gamma, coef0):
    """The definition, pair by pair."""

    def kernel(u, v):
        return (
            gamma * sum(p * q for p, q in zip(u, v, strict=True)) + coef0
        ) ** (degree)

    def within(points):
        pairs = [
            kernel(points[i], points[j])
            for i in range(len(points))
            for j in range(len(points))
            if i != j
        ]
        return sum(pairs) / len(pairs)

    across = [kernel(u, v) for u in x for v in y]
    return within(x) + within(y) - 2.0 * sum(across) / len(across)


def test_three_points_by_hand():
    # Pairs of x: 0, 0, 2 with k = (product + 1)^3: 1, 1, 27; of y all
    # products 1: 8, 8, 8; across, 3 times each of 1, 8, 27.
    x, y = [[0.0], [1.0], [2.0]], [[1.0], [1.0], [1.0]]
    expected = (1 + 1 + 27) / 3 + 8 - 2 * (1 + 8 + 27) / 3
    assert polynomial_mmd(x, y) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("degree", "gamma", "coef0"), [(3, None, 1.0), (2, 0.7, 0.3), (1, 1.0, 0)]
)
def test_agrees_with_the_definition(degree, gamma, coef0):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(9, 4)) + 0.5
    expected = brute_force_mmd(x, y, degree, gamma or 0.25, coef0)
    value = polynomial_mmd(x, y, degree, gamma, coef0)
    assert value == pytest.approx(expected, rel=1e-12)


def test_degree_one_is_the_unbiased_distance_of_means():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(30, 3)) + 1.0
    shift = x.mean(0) - y.mean(0)
    noise = x.var(0, ddof=1).sum() / 20 + y.var(0, ddof=1).sum() / 30
    value = polynomial_mmd(x, y, degree=1, gamma=1.0)
    assert value == pytest.approx(shift @ shift - noise, rel=1e-12)


def test_whole_sets_as_subsets_give_the_discrepancy_of_the_sets():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 4)) + 1.0
    distance = kernel_distance(x, y, subsets=3, subset_size=50)
    assert distance.mean == pytest.approx(polynomial_mmd(x, y), rel=1e-12)
    # A subset as large as the set, without replacement, is the set.
    assert distance.std == pytest.approx(0.0, abs=1e-12)


def test_unbiased_for_one_distribution():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 4000, 8))
    values = [
        polynomial_mmd(x[rows], y[rows])
        for rows in np.split(np.arange(4000), 80)
    ]
    # Independent halves: 3 standard errors about 0. With the diagonal the
    # mean would be about 2 E[k(x, x)] / 50 = 0.4 higher, 20 of them.
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    assert np.mean(values) + 0.3 > 10 * error
    assert min(values) < 0.0 < max(values)


def test_sees_a_shift():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 300, 8))
    near = kernel_distance(x, y, subsets=10, subset_size=100)
    far = kernel_distance(x, y + 1.0, subsets=10, subset_size=100)
    assert far.mean > 10 * far.std
    assert abs(near.mean) < far.mean / 10


def test_mean_and_deviation_over_seeded_subsets():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 4)), rng.normal(size=(80, 4))
    options = {"subsets": 5, "subset_size": 20}
    distance = kernel_distance(x, y, seed=7, **options)
    draws = np.random.default_rng(7)
    values = [
        polynomial_mmd(
            x[draws.choice(60, 20, replace=False)],
            y[draws.choice(80, 20, replace=False)],
        )
        for _ in range(5)
    ]
    assert distance.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert distance.std == pytest.approx(np.std(values), rel=1e-12)
    assert distance == kernel_distance(x, y, seed=7, **options)
    assert distance != kernel_distance(x, y, seed=8, **options)


def test_refuses_what_has_no_distance():
    good = np.random.default_rng(6).normal(size=(10, 3))
    bad = good.copy()
    bad[4, 1] = np.nan
    with pytest.raises(
        ValueError, match="2 to 8, .*smaller set.*subset_size=9"
    ):
        kernel_distance(good, good[:8], subset_size=9)
    with pytest.raises(ValueError, match="subset_size=1000"):
        kernel_distance(good, good)
    with pytest.raises(ValueError, match="subset_size=1 "):
        kernel_distance(good, good, subset_size=1)
    with pytest.raises(ValueError, match="`subsets` must be above 0"):
        kernel_distance(good, good, subsets=0, subset_size=5)
    with pytest.raises(ValueError, match="`degree` must be above 0"):
        polynomial_mmd(good, good, degree=0)
    with pytest.raises(ValueError, match="`features_b` must be finite"):
        polynomial_mmd(good, bad)
    with pytest.raises(ValueError, match="at least 2 samples"):
        polynomial_mmd(good[:1], good)
    with pytest.raises(ValueError, match="width 3 and 2"):
        polynomial_mmd(good, good[:, :2])
    with pytest.raises(ValueError, match=r"\(samples, dim\)"):
        polynomial_mmd(good.ravel(), good)
