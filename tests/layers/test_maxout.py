import numpy as np
import pytest

from keras_gen.layers import Maxout
from tests.numerics import array, tensor


def built(units, pieces, size=4, seed=0):
    layer = Maxout(units, pieces)
    layer.build((None, size))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


def inputs(n=5, size=4):
    return np.random.default_rng(1).normal(size=(n, size)).astype("float32")


def test_the_largest_piece_of_each_unit():
    layer, x = built(3, 2), inputs()
    kernel, bias = map(array, layer.weights)
    affine = x @ kernel + bias
    expected = np.maximum(affine[:, ::2], affine[:, 1::2])
    np.testing.assert_allclose(array(layer(tensor(x))), expected, rtol=1e-5)


def test_one_piece_is_affine():
    layer, x = built(3, 1), inputs()
    kernel, bias = map(array, layer.weights)
    np.testing.assert_allclose(
        array(layer(tensor(x))), x @ kernel + bias, rtol=1e-5, atol=1e-6
    )


def test_two_opposite_pieces_are_the_absolute_value():
    layer, x = built(1, 2), inputs()
    kernel, bias = map(array, layer.weights)
    layer.set_weights(
        [kernel * [1, -1] * 0 + kernel[:, :1] * [1, -1], 0 * bias]
    )
    np.testing.assert_allclose(
        array(layer(tensor(x))), np.abs(x @ kernel[:, :1]), rtol=1e-5
    )


def test_shape_and_config():
    layer = Maxout(3, 2, "zeros")
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    twin = Maxout.from_config(layer.get_config())
    assert (twin.units, twin.pieces) == (3, 2)
    assert type(twin.affine.kernel_initializer).__name__ == "Zeros"
    with pytest.raises(ValueError, match="`pieces` must be above 0"):
        Maxout(3, 0)
