from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.data import FactorData
from keras_gen.metrics.disentanglement.factors import (
    bin_factors,
    encode_factors,
)
from tests.metrics.disentanglement.codes import SIZES, draw_factors, grid

DATA = FactorData(SIZES)


def test_encoding_in_batches():
    factors = grid()[:100]
    sizes = []

    def encode(x):
        sizes.append(len(x))
        return 2.0 * x

    codes, log_variance = encode_factors(DATA, encode, factors, 32)
    assert sizes == [32, 32, 32, 4] and codes.dtype == np.float64
    np.testing.assert_array_equal(codes, 2 * factors)
    assert log_variance is None
    codes, log_variance = encode_factors(DATA, None, factors)
    np.testing.assert_array_equal(codes, factors)
    assert log_variance is None


class Encoder:
    """A model of codes alone."""

    def encode(self, x):
        return 2.0 * x


class VariationalEncoder(Encoder):
    """A model with posteriors, which come before its codes."""

    def posterior(self, x):
        return SimpleNamespace(mean=3.0 * x, log_variance=-x)


class NamedPosterior(Encoder):
    """A model whose `posterior` is an option, not a method."""

    posterior = "deterministic"


@pytest.mark.parametrize(
    ("encoder", "scale", "variational"),
    [
        (Encoder(), 2.0, False),
        (NamedPosterior(), 2.0, False),
        (VariationalEncoder(), 3.0, True),
        (lambda x: 4.0 * x, 4.0, False),
        (lambda x: (5.0 * x, -x), 5.0, True),
        (VariationalEncoder().posterior, 3.0, True),
        (lambda x: SimpleNamespace(mean=6.0 * x), 6.0, False),
    ],
)
def test_kinds_of_encoders(encoder, scale, variational):
    factors = draw_factors(20)
    codes, log_variance = encode_factors(DATA, encoder, factors, 8)
    np.testing.assert_array_equal(codes, scale * factors)
    if variational:
        np.testing.assert_array_equal(log_variance, -factors)
    else:
        assert log_variance is None


def test_one_log_variance_for_all_codes():
    def encode(x):
        return SimpleNamespace(mean=x, log_variance=-2.0)

    _, log_variance = encode_factors(DATA, encode, draw_factors(20), 8)
    np.testing.assert_array_equal(log_variance, np.full((20, 4), -2.0))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (3, "`encoder` must be a model with `posterior` or `encode`"),
        (lambda x: [x, x, x], "list of 3"),
        (lambda x: (x, x, x), "tuple of 3"),
        (lambda x: x[:5], r"len\(codes\)=5 for 8 examples"),
        (lambda x: x[..., None], r"shape \(samples, dim\)"),
        (lambda x: x / 0.0 * 0.0, "NaN"),
        (lambda x: (x, x[:, :1]), "shape of the means"),
    ],
)
def test_wrong_encoders(encoder, message):
    with np.errstate(all="ignore"):
        with pytest.raises(ValueError, match=message):
            encode_factors(DATA, encoder, draw_factors(8))


def test_wrong_batch_size():
    with pytest.raises(ValueError, match="`batch_size` must be above 0"):
        encode_factors(DATA, None, draw_factors(8), batch_size=0)


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
