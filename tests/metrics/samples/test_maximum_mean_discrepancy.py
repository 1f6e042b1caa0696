import numpy as np
import pytest

from keras_gen.metrics import maximum_mean_discrepancy


def samples(shift=0.0, n=30, m=20, dim=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, dim)), rng.normal(shift, 1.0, (m, dim))


def by_pairs(x, y, scales, std):
    """The definition, pair by pair."""
    total = 0.0
    for scale in scales:
        c = 2 * x.shape[1] * std**2 * scale

        def k(a, b, c=c):
            return c / (c + np.sum((a - b) ** 2))

        def within(z, k=k):
            n = len(z)
            pairs = [
                k(z[i], z[j]) for i in range(n) for j in range(n) if i != j
            ]
            return np.mean(pairs)

        cross = np.mean([k(a, b) for a in x for b in y])
        total += within(x) + within(y) - 2 * cross
    return total / len(scales)


@pytest.mark.parametrize("std", [1.0, 2.5])
@pytest.mark.parametrize("scales", [(0.1, 1.0, 10.0), (0.7,)])
def test_it_is_the_mean_over_pairs_and_scales(scales, std):
    x, y = samples(0.5)
    found = maximum_mean_discrepancy(x, y, scales, std)
    assert found == pytest.approx(by_pairs(x, y, scales, std), rel=1e-9)


def test_the_estimate_is_unbiased():
    """The mean over many pairs of small samples of one distribution is 0."""
    rng = np.random.default_rng(1)
    found = [
        maximum_mean_discrepancy(*rng.normal(size=(2, 8, 2)))
        for _ in range(2000)
    ]
    error = np.std(found) / np.sqrt(2000)
    assert abs(np.mean(found)) < 4 * error and min(found) < 0.0


def test_it_grows_with_the_distance():
    found = [
        maximum_mean_discrepancy(*samples(shift, 400, 400))
        for shift in (0.0, 0.5, 1.0, 3.0)
    ]
    assert abs(found[0]) < 0.01
    assert found[0] < found[1] < found[2] < found[3]


def test_wrong_input():
    x, y = samples()
    with pytest.raises(ValueError, match=r"\(30, 3\), y.shape=\(20, 2\)"):
        maximum_mean_discrepancy(x, y[:, :2])
    with pytest.raises(ValueError, match="std=0"):
        maximum_mean_discrepancy(x, y, std=0)
    with pytest.raises(ValueError, match="at least 2"):
        maximum_mean_discrepancy(x[:1], y)
    x[0] = np.nan
    with pytest.raises(ValueError, match="`x`"):
        maximum_mean_discrepancy(x, y)
