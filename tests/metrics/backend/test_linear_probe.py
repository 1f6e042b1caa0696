import numpy as np
import pytest

from keras_gen.metrics import linear_probe


def blobs(n, spread, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    centers = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    return centers[labels] + spread * rng.normal(size=(n, 2)), labels


def test_separate_classes_are_read_and_noise_is_not():
    train, test = blobs(600, 0.3, 0), blobs(300, 0.3, 1)
    options = {"epochs": 10, "learning_rate": 0.05, "batch_size": 50}
    assert linear_probe(*train, *test, **options) < 1.0
    noise = np.random.default_rng(0).normal(size=(900, 2))
    error = linear_probe(noise[:600], train[1], noise[600:], test[1], **options)
    # Chance is 66.7 %; 300 examples have a standard error of 2.7 %.
    assert 55.0 < error < 75.0


def test_overlapping_classes_have_the_error_of_the_nearest_center():
    """For equal spherical classes that rule is the best, and linear."""
    train, test = blobs(4000, 1.2, 0), blobs(4000, 1.2, 1)
    centers = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    distances = ((test[0][:, None] - centers) ** 2).sum(-1)
    best = 100 * np.mean(distances.argmin(1) != test[1])
    found = linear_probe(*train, *test, epochs=10, learning_rate=0.02)
    assert found == pytest.approx(best, abs=1.0) and best > 8.0


def test_seeds_reproduce():
    train, test = blobs(200, 1.2, 0), blobs(200, 1.2, 1)
    assert linear_probe(*train, *test) == linear_probe(*train, *test)


def test_wrong_input():
    x, y = blobs(20, 1.0, 0)
    with pytest.raises(ValueError, match=r"=19, len\(train_labels\)=20"):
        linear_probe(x[1:], y, x, y)
    with pytest.raises(ValueError, match=r"`test_labels` must .* \[7\]"):
        linear_probe(x, y, x, np.full(20, 7))
    x = x.copy()
    x[3] = np.nan
    with pytest.raises(ValueError, match="train_codes"):
        linear_probe(x, y, *blobs(20, 1.0, 0))
