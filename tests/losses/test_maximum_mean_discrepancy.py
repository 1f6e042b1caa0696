import numpy as np
import pytest

from keras_gen.losses.maximum_mean_discrepancy import (
    gaussian_kernel,
    inverse_multiquadric_kernel,
    maximum_mean_discrepancy,
)
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    gradient,
    tensor,
)

H = 1.3


def kernel(squares):
    return gaussian_kernel(squares, H)


def mmd(x, y, **options):
    return float(
        array(maximum_mean_discrepancy(tensor(x), tensor(y), kernel, **options))
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pairs(x, y, fn):
    return np.array([[fn(np.sum((a - b) ** 2)) for b in y] for a in x])


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("sizes", [(5, 7), (2, 2)])
def test_the_sums_over_pairs(rng, sizes, unbiased):
    x, y = (rng.normal(size=(size, 3)) for size in sizes)
    y += 0.5

    def k(squares):
        return np.exp(-squares / (2 * H**2))

    def within(x):
        values = pairs(x, x, k)
        if not unbiased:
            return values.mean()
        return values[~np.eye(len(x), dtype=bool)].mean()

    expected = within(x) + within(y) - 2.0 * pairs(x, y, k).mean()
    found = mmd(x, y, unbiased=unbiased)
    assert found == pytest.approx(expected, abs=1e-6)
    assert mmd(y, x, unbiased=unbiased) == pytest.approx(found, abs=1e-6)
    shifted = mmd(x + 4.0, y + 4.0, unbiased=unbiased)
    assert shifted == pytest.approx(found, abs=1e-5)


def test_equal_batches_have_none(rng):
    x = rng.normal(size=(6, 2))
    assert mmd(x, x[::-1]) == pytest.approx(0.0, abs=1e-6)
    assert mmd(x, x + 0.1) > 0.0


def test_batches_of_one_distribution(rng):
    """The unbiased estimate has the mean 0, the other is above it."""
    draws = rng.normal(size=(200, 2, 10, 2))
    unbiased = [mmd(x, y, unbiased=True) for x, y in draws]
    error = np.std(unbiased) / len(draws) ** 0.5
    assert abs(np.mean(unbiased)) < 3.0 * error
    assert min(mmd(x, y) for x, y in draws) > 0.0
    assert mmd(draws[0, 0, :1], draws[0, 1, :1], unbiased=True) <= 0.0


def test_of_two_normal_distributions_it_is_known(rng):
    """`E k` of x ~ N(m, I) and y ~ N(0, I), by Gaussian integrals."""
    n, dim = 1500, 4
    mean = np.array([0.8, -0.5, 0.3, 0.0])
    x, y = rng.normal(size=(2, n, dim))
    within = (H**2 / (H**2 + 2.0)) ** (dim / 2)
    across = within * np.exp(-np.sum(mean**2) / (2.0 * (H**2 + 2.0)))
    found = mmd(x + mean, y, unbiased=True)
    assert found == pytest.approx(2.0 * (within - across), abs=0.006)


def test_kernels_are_1_at_no_distance():
    squares = np.array([0.0, 1.5, 40.0])
    found = array(gaussian_kernel(tensor(squares), 2.0))
    np.testing.assert_allclose(found, np.exp(-squares / 8.0), rtol=1e-5)
    found = inverse_multiquadric_kernel(squares, 3, std=2.0)
    c = 2.0 * 3 * 4.0 * np.array([0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
    expected = np.mean(c / (c + squares[:, None]), axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[0] == 1.0
    found = inverse_multiquadric_kernel(squares, 3, scales=(0.5,))
    np.testing.assert_allclose(found, 3.0 / (3.0 + squares), rtol=1e-12)


@pytest.mark.parametrize("unbiased", [False, True])
def test_gradient(rng, unbiased):
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))
    with double_precision():

        def distance(x):
            return maximum_mean_discrepancy(x, tensor(y), kernel, unbiased)

        found = gradient(distance, x)
        expected = difference_quotients(
            lambda x: mmd(x, y, unbiased=unbiased), x
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-10)
