import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.networks.resnet import (
    convolve,
    optimized_residual_block,
    residual_block,
)
from tests.numerics import array, convolved


def scale():
    """Stands for a norm: it does not commute with what surrounds it."""
    return layers.Rescaling(2.0, offset=-0.5)


def activated(x):
    return np.maximum(2.0 * x - 0.5, 0.0)


def doubled(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def pooled(x):
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    return blocks.mean(axis=(2, 4))


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")


def build(block):
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, block(inputs))
    convolutions = {}
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            weights = [array(weight) for weight in layer.weights]
            convolutions.setdefault(layer.kernel_size[0], []).append(weights)
    return model, convolutions


def in_order(convolutions, width):
    """The two convolutions of the residual: the first makes `width`."""
    first, second = convolutions
    if first[0].shape[2] != 3 or first[0].shape[3] != width:
        first, second = second, first
    return first, second


@pytest.mark.parametrize("first_bias", [True, False])
def test_up_doubles_before_the_first_convolution(x, first_bias):
    model, convolutions = build(
        lambda x: residual_block(
            x, 5, convolve, scale, "up", first_bias=first_bias
        )
    )
    first, second = in_order(convolutions[3], 5)
    assert len(first) == 1 + first_bias
    (shortcut,) = convolutions[1]
    h = convolved(doubled(activated(x)), *first)
    expected = convolved(activated(h), *second)
    expected = expected + convolved(doubled(x), *shortcut)
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)


@pytest.mark.parametrize("first_bias", [True, False])
def test_down_pools_after_the_second_convolution(x, first_bias):
    model, convolutions = build(
        lambda x: residual_block(
            x, 5, convolve, scale, "down", first_bias=first_bias
        )
    )
    first, second = in_order(convolutions[3], 3)
    assert len(first) == 1 + first_bias
    (shortcut,) = convolutions[1]
    h = convolved(activated(x), *first)
    expected = pooled(convolved(activated(h), *second))
    expected = expected + pooled(convolved(x, *shortcut))
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)


def test_the_shortcut_is_the_identity_where_nothing_changes(x):
    model, convolutions = build(lambda x: residual_block(x, 3, norm=scale))
    assert 1 not in convolutions
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    np.testing.assert_array_equal(array(model(x)), x)


def test_the_shortcut_is_convolved_where_the_channels_change(x):
    model, convolutions = build(lambda x: residual_block(x, 5, norm=scale))
    first, second = in_order(convolutions[3], 5)
    (shortcut,) = convolutions[1]
    h = convolved(activated(x), *first)
    expected = convolved(activated(h), *second) + convolved(x, *shortcut)
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)


def test_the_maps_between_the_convolutions_may_be_chosen(x):
    _, convolutions = build(lambda x: residual_block(x, 5, hidden=2))
    shapes = {weights[0].shape[2:] for weights in convolutions[3]}
    assert shapes == {(3, 2), (2, 5)}


def test_weights_are_of_the_stated_variance():
    inputs = keras.Input((4, 4, 60))
    for gain in (1.0, 2.0):
        kernel, _ = keras.Model(
            inputs, convolve(inputs, 40, 3, gain=gain)
        ).weights
        values = array(kernel)
        expected = gain * 2 / (9 * 60 + 9 * 40)
        np.testing.assert_allclose(values.var(), expected, rtol=0.03)
        assert np.abs(values).max() <= (3 * expected) ** 0.5 * (1 + 1e-6)


def test_the_first_block_activates_nothing_of_the_image(x):
    model, convolutions = build(lambda x: optimized_residual_block(x, 5))
    first, second = in_order(convolutions[3], 5)
    (shortcut,) = convolutions[1]
    h = np.maximum(convolved(x, *first), 0.0)
    expected = pooled(convolved(h, *second)) + convolved(pooled(x), *shortcut)
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)
