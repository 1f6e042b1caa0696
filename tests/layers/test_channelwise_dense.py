"""The channel-wise fully connected layer against dense matrices."""

import numpy as np
import pytest

from keras_gen.layers import ChannelwiseDense
from tests.numerics import array, randomize, tensor


def built(shape, **options):
    layer = ChannelwiseDense(**options)
    layer.build((None, *shape))
    randomize(layer)
    return layer


@pytest.mark.parametrize("use_bias", [True, False])
def test_it_is_a_dense_layer_of_a_block_diagonal_kernel(use_bias):
    rng = np.random.default_rng(0)
    layer = built((2, 3, 4), use_bias=use_bias)
    x = rng.normal(size=(5, 2, 3, 4)).astype("float32")
    kernel = np.zeros((6, 4, 6, 4))
    for channel in range(4):
        kernel[:, channel, :, channel] = array(layer.kernel)[channel]
    expected = x.reshape(5, 24) @ kernel.reshape(24, 24)
    if use_bias:
        expected += array(layer.bias).reshape(24)
    np.testing.assert_allclose(
        array(layer(tensor(x))).reshape(5, 24), expected, atol=1e-5
    )


def test_a_map_is_changed_by_itself_alone_and_everywhere():
    layer = built((3, 3, 4))
    x = np.random.default_rng(0).normal(size=(1, 3, 3, 4)).astype("float32")
    changed = x.copy()
    changed[0, 1, 2, 3] += 1.0
    difference = array(layer(tensor(changed))) - array(layer(tensor(x)))
    assert np.abs(difference[..., :3]).max() == 0.0
    assert np.abs(difference[..., 3]).min() > 1e-4


def test_maps_of_one_pixel_are_scaled():
    layer = built((1, 1, 4), use_bias=False)
    x = np.random.default_rng(0).normal(size=(2, 1, 1, 4)).astype("float32")
    np.testing.assert_allclose(
        array(layer(tensor(x))), x * array(layer.kernel)[:, 0, 0], rtol=1e-5
    )


def test_the_papers_layer():
    layer = ChannelwiseDense(use_bias=False)
    layer.build((None, 6, 6, 256))
    assert layer.count_params() == 331_776
    layer = ChannelwiseDense()
    layer.build((None, 6, 6, 256))
    assert layer.count_params() == 331_776 + 256 * 36
    # Glorot's variance for 36 inputs and outputs; 0.3 % is three errors.
    assert abs(array(layer.kernel).var() * 36 - 1.0) < 0.006
    maps = array(layer.kernel)
    assert not np.array_equal(maps[0], maps[1])
