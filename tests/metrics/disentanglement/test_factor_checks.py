import numpy as np
import pytest

from keras_gen.metrics.checks import check_log_variance
from keras_gen.metrics.factor_checks import (
    check_codes,
    check_factors,
    check_splits,
    standardized,
    varying_factors,
)


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


def test_wrong_input():
    with pytest.raises(ValueError, match="integers.* Received: 1.5"):
        check_factors([[0.0], [1.5]])
    with pytest.raises(ValueError, match=r"len\(factors\)=2 for 3 examples"):
        check_factors([[0], [1]], 3)
    with pytest.raises(ValueError, match="NaN"):
        check_factors([[np.nan]])
    with pytest.raises(ValueError, match="infinity"):
        check_codes([[np.inf]])
    with pytest.raises(ValueError, match=r"logarithms within \[-600, 600\]"):
        check_log_variance([[-1e5]], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="1 constant factors of 5 samples"):
        varying_factors(np.zeros((5, 1), int))
    with pytest.raises(ValueError, match="same latents and factors"):
        check_splits(np.eye(3), [[0]] * 3, np.zeros((2, 2)), [[0]] * 2)
    with pytest.raises(ValueError, match="at least 2 samples"):
        check_splits([[0.0]], [[0]], [[0.0]], [[0]])
