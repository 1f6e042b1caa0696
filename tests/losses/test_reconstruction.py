import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen.losses import reconstruction
from tests.numerics import array, double_precision, tensor


def test_crossentropy_is_that_of_the_probabilities():
    rng = np.random.default_rng(0)
    x, logits = rng.uniform(size=(4, 3)), rng.normal(size=(4, 3))
    p = scipy.special.expit(logits)
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    with double_precision():
        terms = reconstruction.binary_crossentropy(tensor(x), tensor(logits))
        np.testing.assert_allclose(array(terms), expected, rtol=1e-12)


def test_crossentropy_is_least_at_the_entropy_of_the_data():
    x = np.array([[0.1, 0.5, 0.8]])
    entropy = -(x * np.log(x) + (1 - x) * np.log(1 - x))
    with double_precision():
        best = tensor(scipy.special.logit(x))
        terms = reconstruction.binary_crossentropy(tensor(x), best)
        np.testing.assert_allclose(array(terms), entropy, rtol=1e-12)
        for shift in (-0.1, 0.1):
            other = reconstruction.binary_crossentropy(tensor(x), best + shift)
            assert np.all(array(other) > entropy)


def test_crossentropy_of_large_logits_is_finite():
    x, logits = tensor([[1.0, 0.0, 1.0]]), tensor([[90.0, 90.0, -90.0]])
    terms = array(reconstruction.binary_crossentropy(x, logits))
    np.testing.assert_allclose(terms, [[0.0, 90.0, 90.0]], atol=1e-6)


def test_squared_errors_are_summed_by_example():
    x = np.arange(12.0).reshape(2, 3, 2)
    r = np.ones((2, 3, 2))
    squares = reconstruction.squared_error(tensor(x), tensor(r))
    halves = reconstruction.half_squared_error(tensor(x), tensor(r))
    np.testing.assert_allclose(array(squares), (x - r) ** 2)
    np.testing.assert_allclose(array(halves), (x - r) ** 2 / 2)
    np.testing.assert_allclose(
        array(reconstruction.sum_by_example(squares)),
        ((x - r) ** 2).sum((1, 2)),
    )


@pytest.mark.parametrize(
    "loss",
    [
        reconstruction.binary_crossentropy,
        reconstruction.squared_error,
        reconstruction.half_squared_error,
    ],
)
def test_targets_may_be_of_any_type(loss):
    x = np.array([[0, 1, 1], [1, 0, 0]])
    outputs = tensor(np.random.default_rng(0).normal(size=(2, 3)))
    expected = array(loss(tensor(x.astype("float32")), outputs))
    for dtype in ("uint8", "int32", "int64", "float16", "float64"):
        target = ops.convert_to_tensor(x.astype(dtype))
        found = array(loss(target, outputs))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
        half = array(loss(target, ops.cast(outputs, "float16")))
        assert half.dtype == np.float32
        np.testing.assert_allclose(half, expected, rtol=1e-2, atol=1e-2)
