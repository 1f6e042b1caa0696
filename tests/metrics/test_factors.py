import keras
import numpy as np
import pytest

from keras_gen.metrics.factor_checks import (
    check_codes,
    check_factors,
    check_log_variance,
    check_splits,
    standardized,
    varying_factors,
)
from keras_gen.metrics.factors import (
    FactorArrays,
    FactorData,
    bin_factors,
    encode_factors,
    sprite_factor_data,
)
from tests.metrics.codes import SIZES, draw_factors, grid


def sets():
    yield FactorData(SIZES)
    shuffled = np.random.default_rng(0).permutation(grid())
    yield FactorArrays(shuffled * 2.0, shuffled)


@pytest.mark.parametrize("data", sets(), ids=["grid", "arrays"])
def test_draws_are_even_and_independent(data):
    assert data.factor_sizes == SIZES and data.num_factors == 4
    factors = data.sample_factors(20000, np.random.default_rng(1))
    assert factors.shape == (20000, 4) and factors.dtype == np.int64
    for column, size in zip(factors.T, SIZES, strict=True):
        shares = np.bincount(column, minlength=size) / 20000
        # Six standard errors of a share.
        np.testing.assert_allclose(shares, 1 / size, atol=6 * 0.0034)
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


def test_encoding_in_batches():
    data = FactorData(SIZES)
    factors = grid()[:100]
    sizes = []

    class Model:
        def encode(self, x):
            sizes.append(len(x))
            tensor = keras.ops.convert_to_tensor(x.astype("float32"))
            return 2.0 * tensor, -tensor

    codes, log_variance = encode_factors(data, Model(), factors, 32)
    assert sizes == [32, 32, 32, 4] and codes.dtype == np.float64
    np.testing.assert_array_equal(codes, 2 * factors)
    np.testing.assert_array_equal(log_variance, -factors)
    codes, log_variance = encode_factors(data, None, factors)
    np.testing.assert_array_equal(codes, factors)
    assert log_variance is None


def test_encoders_that_are_none():
    data, factors = FactorData(SIZES), draw_factors(8)
    for encoder, message in (
        (3, "method `encode`"),
        (lambda x: [x, x, x], "list of 3"),
        (lambda x: x[:5], "as many codes as examples, 8; received 5"),
        (lambda x: x[..., None], r"shape \(samples, dim\)"),
        (lambda x: x / 0.0 * 0.0, "NaN"),
        (lambda x: (x, x[:, :1]), "shape of the means"),
    ):
        with np.errstate(all="ignore"):
            with pytest.raises(ValueError, match=message):
                encode_factors(data, encoder, factors)
    with pytest.raises(ValueError, match="`batch_size` must be"):
        encode_factors(data, None, factors, batch_size=0)


def test_binned_factors():
    values = np.arange(40)[:, None]
    binned = bin_factors(values, (40,), 8)
    np.testing.assert_array_equal(binned[:, 0], np.repeat(np.arange(8), 5))
    uneven = bin_factors(np.arange(7)[:, None], (7,), 3)
    np.testing.assert_array_equal(np.bincount(uneven[:, 0]), [3, 2, 2])
    factors = grid()
    np.testing.assert_array_equal(bin_factors(factors, SIZES, 8), factors)
    with pytest.raises(ValueError, match="from 0 to below"):
        bin_factors([[8]], (8,), 4)
    with pytest.raises(ValueError, match="at least 2"):
        bin_factors([[1]], (8,), 1)


def test_standardized_by_the_first():
    rng = np.random.default_rng(5)
    codes, others = rng.normal(3.0, 2.0, size=(2, 50, 3))
    codes[:, 1] = 0.1
    a, b = standardized(codes, others)
    np.testing.assert_allclose(a.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(a.std(axis=0), [1, 0, 1], atol=1e-12)
    # Exactly: rounding would be scaled up by a predictor.
    assert (a[:, 1] == 0.0).all() and (b[:, 1] == 0.0).all()
    np.testing.assert_allclose(
        b[:, 0], (others[:, 0] - codes[:, 0].mean()) / codes[:, 0].std()
    )


def test_refuses_bad_input():
    with pytest.raises(ValueError, match="at least one factor"):
        FactorData(())
    with pytest.raises(ValueError, match="at least one value"):
        FactorData((3, 0))
    with pytest.raises(ValueError, match="Expected 2 factor names"):
        FactorData((3, 4), factor_names=("shape",))
    with pytest.raises(ValueError, match="counted from 0"):
        FactorArrays(np.zeros((2, 1)), [[0], [-1]])
    with pytest.raises(ValueError, match="as many factors as examples, 3"):
        FactorArrays(np.zeros((3, 1)), [[0], [1]])
    with pytest.raises(ValueError, match="must be integers; received 1.5"):
        check_factors([[0.0], [1.5]])
    with pytest.raises(ValueError, match="NaN"):
        check_factors([[np.nan]])
    with pytest.raises(ValueError, match="infinity"):
        check_codes([[np.inf]])
    with pytest.raises(ValueError, match="logarithms of variances"):
        check_log_variance([[-1e5]], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="None of the 1 factors"):
        varying_factors(np.zeros((5, 1), int))
    with pytest.raises(ValueError, match="same latents and factors"):
        check_splits(np.eye(3), [[0]] * 3, np.zeros((2, 2)), [[0]] * 2)
    with pytest.raises(ValueError, match="at least 2 samples"):
        check_splits([[0.0]], [[0]], [[0.0]], [[0]])
