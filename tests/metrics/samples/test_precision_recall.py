import numpy as np
import pytest
from scipy.spatial.distance import cdist

from keras_gen.metrics.samples.precision_recall import (
    density_coverage,
    expected_coverage,
    precision_recall,
    realism_scores,
)


def brute_force(real, fake, k, strict):
    """All distances at once, by differences."""
    radii = [
        # Sorted, the first of a point's distances is that to itself.
        np.sort(cdist(points, points), axis=1)[:, k]
        for points in (real, fake)
    ]
    distances = cdist(real, fake)
    compare = np.less if strict else np.less_equal
    in_real = compare(distances, radii[0][:, None])
    in_fake = compare(distances, radii[1])
    return {
        "precision": in_real.any(axis=0).mean(),
        "recall": in_fake.any(axis=1).mean(),
        "density": in_real.sum() / (k * len(fake)),
        "coverage": in_real.any(axis=1).mean(),
    }


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("block_size", [None, 1, 7, 64])
def test_agrees_with_all_distances_at_once(k, strict, block_size):
    rng = np.random.default_rng(k)
    real, fake = rng.normal(size=(80, 3)), rng.normal(size=(60, 3)) + 1.1
    expected = brute_force(real, fake, k, strict)
    options = {"strict": strict, "block_size": block_size}
    pr = precision_recall(real, fake, k, **options)
    dc = density_coverage(real, fake, k, **options)
    assert pr._asdict() | dc._asdict() == pytest.approx(expected, rel=1e-14)
    # Numbers that are not at their bounds, so that all could be wrong.
    assert 0.1 < pr.precision != pr.recall < 1.0
    assert max(pr.precision, dc.coverage) < 1.0


def test_large_common_offset_costs_nothing():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    moved = density_coverage(real + 1e7, fake + 1e7)
    assert moved == pytest.approx(density_coverage(real, fake), rel=1e-14)


def test_far_sets_share_nothing():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(2, 40, 4))
    assert precision_recall(real, fake + 100.0) == (0.0, 0.0)
    assert density_coverage(real, fake + 100.0) == (0.0, 0.0)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_copy_of_a_set(k):
    # Distances that are rounded, in one block and in several: a ball's
    # surface must be exactly where its neighbor's copy is.
    real = np.random.default_rng(2).normal(size=(500, 17))
    for block_size in (None, 64):
        options = {"k": k, "block_size": block_size}
        assert precision_recall(real, real.copy(), **options) == (1.0, 1.0)
        strict = density_coverage(real, real.copy(), **options)
        assert strict == (1.0, 1.0)
        loose = density_coverage(real, real.copy(), strict=False, **options)
        assert loose == (pytest.approx((k + 1) / k, rel=1e-14), 1.0)


def test_surface_of_a_ball():
    # Whole numbers, whose distances are exact: the ball of 10 and that of 11
    # have radius 1, and 12 is on the surface of the latter.
    real, fake = [[10.0], [11.0]], [[12.0], [12.0]]
    assert precision_recall(real, fake, k=1).precision == 1.0
    assert precision_recall(real, fake, k=1, strict=True).precision == 0.0
    assert density_coverage(real, fake, k=1) == (0.0, 0.0)
    assert density_coverage(real, fake, k=1, strict=False) == (1.0, 0.5)
    # Two equal samples are each other's neighbors, at distance 0.
    assert precision_recall(real, fake, k=1).recall == 0.0
    assert precision_recall([[12.0], [0.0]], fake, k=1).recall == 0.5


def test_repeated_samples():
    # A ball without extent, on whose surface its own copies are: rounding
    # must neither open nor close it.
    points = np.random.default_rng(8).normal(size=(30, 50)) + 2.0
    real = np.repeat(points, 2, axis=0)
    assert precision_recall(real, points, k=1).precision == 1.0
    assert precision_recall(real, points, k=1, strict=True).precision == 0.0
    assert density_coverage(real, points, k=1) == (0.0, 0.0)
    assert density_coverage(real, points, k=1, strict=False) == (2.0, 1.0)
    # A copy is in the very center of a ball, not next to it.
    assert np.all(np.isinf(realism_scores(points, points, max_percentile=100)))


def test_arguments_have_their_places():
    # Samples of one of two modes: all are real, half of the real is missing.
    rng = np.random.default_rng(3)
    modes = rng.normal(size=(2, 100, 2))
    real = np.concatenate([modes[0], modes[1] + 50.0])
    fake = rng.normal(size=(200, 2))
    pr, dc = precision_recall(real, fake), density_coverage(real, fake)
    assert pr.precision > 0.9 and 0.4 < pr.recall <= 0.5
    assert dc.coverage <= 0.5
    # Each real ball of the mode meets twice as many samples as real ones.
    assert dc.density > 0.8
    swapped = precision_recall(fake, real)
    assert swapped == (pr.recall, pr.precision)


def test_density_exceeds_one_where_samples_crowd():
    # Both samples lie in the balls of 0 and 1, none in that of 5.
    real, fake = [[0.0], [1.0], [5.0]], [[0.5], [0.6]]
    density, coverage = density_coverage(real, fake, k=1)
    assert (density, coverage) == (2.0, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("num_real", "num_fake", "dim"), [(60, 60, 2), (60, 150, 20), (90, 30, 5)]
)
def test_expectations_for_equal_distributions(num_real, num_fake, dim):
    rng = np.random.default_rng(5)
    values = np.array(
        [
            density_coverage(
                rng.normal(size=(num_real, dim)),
                rng.normal(size=(num_fake, dim)),
            )
            for _ in range(300)
        ]
    )
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    expected = [1.0, expected_coverage(num_real, num_fake)]
    assert np.all(np.abs(values.mean(axis=0) - expected) < 3.5 * error)
    # Tight enough to tell k from k + 1 neighbors.
    assert np.all(error < 0.01)


def test_expected_coverage():
    # A lone neighbor is real with probability (N - 1) / (N + M - 1).
    assert expected_coverage(4, 3, k=1) == pytest.approx(0.5, rel=1e-14)
    assert expected_coverage(4, 3, k=2) == pytest.approx(1 - 0.5 * 2 / 5)
    assert expected_coverage(10**6, 10**6) == pytest.approx(31 / 32, abs=1e-5)


def test_realism():
    real = [[0.0], [1.0], [3.0], [7.0]]
    # Radii 1, 1, 2, 4; up to the median, 1.5, those of 0 and 1.
    scores = realism_scores(real, [[1.5], [6.0], [1.0]], k=1)
    np.testing.assert_allclose(scores, [2.0, 0.2, np.inf], rtol=1e-12)
    # With all balls, 6 lies in that of 7.
    scores = realism_scores(real, [[1.5], [6.0]], k=1, max_percentile=100)
    np.testing.assert_allclose(scores, [2.0, 4.0], rtol=1e-12)
    # Inside of a ball is where the realism is 1 or more.
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(2, 60, 3))
    inside = realism_scores(real, fake, max_percentile=100, block_size=7) >= 1
    assert inside.mean() == precision_recall(real, fake).precision


def test_realism_of_copies_of_a_repeated_sample():
    real = [[0.0], [0.0], [5.0], [5.0]]
    scores = realism_scores(real, [[0.0], [1.0]], k=1, max_percentile=100)
    np.testing.assert_array_equal(scores, [1.0, 0.0])


def test_refuses_what_has_no_region():
    good = np.random.default_rng(7).normal(size=(10, 3))
    bad = good.copy()
    bad[2, 2] = np.inf
    with pytest.raises(
        ValueError, match="`real` must hold at least 11 samples"
    ):
        precision_recall(good, good, k=10)
    with pytest.raises(
        ValueError, match="`fake` must hold at least 4 samples.*k=3"
    ):
        precision_recall(good, good[:3])
    assert density_coverage(good, good[:1]).density >= 0.0
    with pytest.raises(ValueError, match="`k` must be above 0"):
        density_coverage(good, good, k=0)
    with pytest.raises(ValueError, match="`fake` must be finite.* in 1 of 30"):
        density_coverage(good, bad)
    with pytest.raises(ValueError, match="width 3 and 2"):
        density_coverage(good, good[:, :2])
    with pytest.raises(ValueError, match=r"\(samples, dim\)"):
        realism_scores(good.ravel(), good)
    with pytest.raises(ValueError, match=r"in \(0, 100\]"):
        realism_scores(good, good, max_percentile=0)
    with pytest.raises(ValueError, match="`block_size` must be above 0"):
        density_coverage(good, good, block_size=0)
    with pytest.raises(ValueError, match="k=5, num_real=5"):
        expected_coverage(5, 5, k=5)


def test_pruned_balls_of_outliers_hold_nothing():
    """The outlier's ball reaches back to the crowd, and holds a fake."""
    real = np.array([[0.0], [1.0], [2.0], [3.0], [50.0]])
    fake = np.array([[0.5], [1.5], [2.5], [30.0]])
    whole = precision_recall(real, fake, k=1)
    assert whole == (1.0, 1.0)
    # Of five radii four are 1; of the fakes' four, three are.
    pruned = precision_recall(real, fake, k=1, max_percentile=75.0)
    assert pruned.precision == 0.75
    assert pruned.recall == 0.8
    with pytest.raises(ValueError, match="max_percentile"):
        precision_recall(real, fake, k=1, max_percentile=0.0)
