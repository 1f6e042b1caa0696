import numpy as np
import pytest

from keras_gen.data import FactorArrays, FactorData, sprite_factor_data
from tests.metrics.disentanglement.codes import SIZES, grid


def sets():
    yield FactorData(SIZES)
    shuffled = np.random.default_rng(0).permutation(grid())
    yield FactorArrays(shuffled * 2.0, shuffled)


@pytest.mark.parametrize("data", sets(), ids=["grid", "arrays"])
def test_draws_are_uniform_and_independent(data):
    assert data.factor_sizes == SIZES and data.num_factors == 4
    factors = data.sample_factors(20000, np.random.default_rng(1))
    assert factors.shape == (20000, 4) and factors.dtype == np.int64
    for column, size in zip(factors.T, SIZES, strict=True):
        frequencies = np.bincount(column, minlength=size) / 20000
        # Six standard errors of a frequency.
        np.testing.assert_allclose(frequencies, 1 / size, atol=6 * 0.0034)
    correlation = np.corrcoef(factors, rowvar=False)
    np.testing.assert_allclose(correlation, np.eye(4), atol=0.04)


@pytest.mark.parametrize("data", sets(), ids=["grid", "arrays"])
def test_partners_share_one_factor_and_draw_the_others(data):
    rng = np.random.default_rng(2)
    factors = data.sample_factors(20000, rng)
    columns = rng.integers(4, size=20000)
    partners = data.sample_matching(factors, columns, rng)
    rows = np.arange(20000)
    assert (partners[rows, columns] == factors[rows, columns]).all()
    for f, size in enumerate(SIZES):
        other = columns != f
        equal = (partners[other, f] == factors[other, f]).mean()
        assert equal == pytest.approx(1 / size, abs=0.025)


def test_arrays_find_their_images():
    factors = np.random.default_rng(3).permutation(grid())
    images = np.arange(len(factors))[:, None, None, None]
    data = FactorArrays(images, factors, ("a", "b", "c", "d"))
    assert data.factor_names == ("a", "b", "c", "d")
    found = data.images(factors[[7, 900, 7]])
    np.testing.assert_array_equal(found.ravel(), [7, 900, 7])


def test_arrays_that_lack_settings():
    factors = np.array([[0, 0], [0, 1], [1, 1], [2, 0], [0, 1]])
    data = FactorArrays(np.arange(5.0)[:, None], factors)
    rng = np.random.default_rng(4)
    drawn = data.sample_factors(500, rng)
    partners = data.sample_matching(drawn, np.zeros(500, int), rng)
    have = {tuple(row) for row in factors}
    assert {tuple(row) for row in drawn} == have
    assert {tuple(row) for row in partners} == have
    # Of equal settings the first; two in three zeros have a one.
    assert data.images([[0, 1]]) == [[1.0]]
    zeros = partners[partners[:, 0] == 0]
    assert zeros[:, 1].mean() == pytest.approx(2 / 3, abs=0.15)
    with pytest.raises(ValueError, match=r"1 of 2 .* such as \[2, 1\]"):
        data.images([[0, 0], [2, 1]])
    with pytest.raises(ValueError, match=r"sizes \(3, 2\)"):
        data.images([[0, 7]])


def test_sprites():
    data = sprite_factor_data(image_size=32)
    assert data.factor_sizes == (3, 6, 40, 32, 32)
    assert data.factor_names[2] == "orientation"
    images = data.images(data.sample_factors(3, np.random.default_rng(0)))
    assert images.shape == (3, 32, 32, 1) and images.dtype == np.float32
    assert images.min() == 0.0 and images.max() == 1.0


def test_wrong_input():
    with pytest.raises(ValueError, match="at least one factor"):
        FactorData(())
    with pytest.raises(ValueError, match="at least one value"):
        FactorData((3, 0))
    with pytest.raises(ValueError, match="one name for each of the 2"):
        FactorData((3, 4), factor_names=("shape",))
    with pytest.raises(ValueError, match="counted from 0"):
        FactorArrays(np.zeros((2, 1)), [[0], [-1]])
    with pytest.raises(ValueError, match=r"=3, len\(factors\)=2"):
        FactorArrays(np.zeros((3, 1)), [[0], [1]])
    for factors, message in (
        ([[0.0], [1.5]], "integers. Received: 1.5"),
        ([[np.nan]], "integers. Received: nan"),
        ([[np.inf]], "integers. Received: inf"),
        ([0, 1], r"shape \(num, factors\)"),
        (np.zeros((0, 2)), r"factors.shape=\(0, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            FactorArrays(np.zeros((len(factors), 1)), factors)
