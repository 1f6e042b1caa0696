import numpy as np
import pytest
from scipy.spatial.distance import pdist

from keras_gen.metrics import (
    class_coverage,
    mean_pairwise_distance,
    pairwise_distance_ratio,
)


def test_class_coverage_counts():
    labels = [0] * 90 + [1] * 7 + [2] * 2 + [3]
    coverage = class_coverage(labels, num_classes=5)
    np.testing.assert_allclose(coverage.shares, [0.9, 0.07, 0.02, 0.01, 0])
    # A fifth of a uniform fraction is 0.04.
    assert coverage.threshold == pytest.approx(0.04)
    assert coverage.num_covered == 2
    assert coverage.min_share == 0.0
    # At the threshold counts as covered.
    assert class_coverage(labels, 5, threshold=0.02).num_covered == 3
    assert class_coverage(labels, 5, threshold=0.0201).num_covered == 2


def test_share_equal_to_the_threshold_is_covered_despite_rounding():
    for size in (50, 150, 350, 1050):
        count = size // 50
        labels = [0] * count + [1] * (size - count)
        assert class_coverage(labels, 2, threshold=0.02).num_covered == 2


def test_class_coverage_refuses_bad_labels():
    with pytest.raises(ValueError, match=r"\[0, 3\)\. .* from 0 to 3"):
        class_coverage([0, 3], num_classes=3)
    with pytest.raises(ValueError, match="from -1 to 0"):
        class_coverage([0, -1], num_classes=3)
    with pytest.raises(ValueError, match="`labels` must be integers.*float64"):
        class_coverage([0.5, 1.0], num_classes=3)
    with pytest.raises(ValueError, match="argmax"):
        class_coverage(np.zeros((4, 3), int), num_classes=3)
    with pytest.raises(ValueError, match="at least one sample"):
        class_coverage([], num_classes=3)


def test_mean_pairwise_distance_is_that_of_all_pairs():
    # More than one block of rows.
    images = np.random.default_rng(0).normal(size=(700, 3, 4, 2)) + 100.0
    expected = pdist(images.reshape(700, -1)).mean()
    assert mean_pairwise_distance(images) == pytest.approx(expected, rel=1e-9)


def test_mean_pairwise_distance_of_a_subset():
    images = np.random.default_rng(1).normal(size=(500, 20))
    exact = mean_pairwise_distance(images)
    subset = mean_pairwise_distance(images, max_images=200, seed=3)
    assert subset != exact
    # The standard error of this subset's mean is about 0.5 %.
    assert subset == pytest.approx(exact, rel=0.03)
    assert subset == mean_pairwise_distance(images, max_images=200, seed=3)


def test_equal_images_are_exactly_zero_apart():
    image = np.random.default_rng(2).uniform(size=(1, 28, 28, 1))
    assert mean_pairwise_distance(np.repeat(image, 10, axis=0)) == 0.0


def test_pairwise_distance_ratio():
    real = np.random.default_rng(3).uniform(size=(40, 6, 6, 1))
    assert pairwise_distance_ratio(real, real) == pytest.approx(1.0)
    assert pairwise_distance_ratio(0.25 * real, real) == pytest.approx(0.25)
    collapsed = np.repeat(real[:1], 40, axis=0)
    assert pairwise_distance_ratio(collapsed, real) == 0.0


def test_distances_refuse_what_has_none():
    images = np.random.default_rng(4).uniform(size=(5, 4, 4, 1))
    with pytest.raises(ValueError, match=r"at least 2 images.*\(1, 4, 4, 1\)"):
        mean_pairwise_distance(images[:1])
    with pytest.raises(ValueError, match="NaN"):
        mean_pairwise_distance(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="Resize"):
        pairwise_distance_ratio(images, images[:, :2])
    with pytest.raises(ValueError, match="different images. Received: 5 equal"):
        pairwise_distance_ratio(images, np.zeros_like(images))
