import numpy as np
import pytest
from keras import ops

from keras_gen.layers import KSparse
from tests.numerics import array, gradient, tensor


def test_the_largest_are_kept_by_value():
    x = tensor([[1.0, 3.0, -4.0, 2.0], [-1.0, -3.0, -2.0, -9.0]])
    np.testing.assert_array_equal(
        array(KSparse(2)(x)), [[0, 3, 0, 2], [-1, 0, -2, 0]]
    )


def test_exactly_k_are_kept_of_equal_ones():
    kept = array(KSparse(3)(tensor(np.ones((5, 8)))))
    np.testing.assert_array_equal((kept != 0).sum(1), 3)


@pytest.mark.parametrize("k", [0, 1, 4, 7, 9])
def test_count(k):
    x = np.random.default_rng(0).normal(size=(6, 7)).astype("float32")
    kept = array(KSparse(k)(tensor(x)))
    np.testing.assert_array_equal((kept != 0).sum(1), min(k, 7))
    # The layer's own number yields to one of the call, also a tensor.
    for other in (k, ops.convert_to_tensor(k, "int32")):
        np.testing.assert_array_equal(
            array(KSparse(2)(tensor(x), k=other)), kept
        )
    if k >= 7:
        np.testing.assert_array_equal(kept, x)


def test_the_derivative_is_that_of_a_selection():
    x = np.random.default_rng(0).normal(size=(6, 7)).astype("float32")
    layer = KSparse(3)
    kept = array(layer(tensor(x))) != 0
    np.testing.assert_array_equal(gradient(layer, x), kept)


def test_negative_k():
    with pytest.raises(ValueError, match="k=-1"):
        KSparse(-1)
