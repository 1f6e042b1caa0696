import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.models.gans.wgan_gp.networks import (
    optimized_residual_block,
    residual_block,
    residual_block_1d,
    scaled_uniform,
)
from tests.numerics import array


def scale():
    """Stands for a norm: it does not commute with what surrounds it."""
    return layers.Rescaling(2.0, offset=-0.5)


def convolved(x, kernel, bias=0.0):
    """Convolution with zeros around, written out."""
    size = kernel.shape[0]
    margin = size // 2
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0)))
    return bias + sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )


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
        lambda x: residual_block(x, 5, scale, "up", first_bias=first_bias)
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
        lambda x: residual_block(x, 5, scale, "down", first_bias=first_bias)
    )
    first, second = in_order(convolutions[3], 3)
    assert len(first) == 1 + first_bias
    (shortcut,) = convolutions[1]
    h = convolved(activated(x), *first)
    expected = pooled(convolved(activated(h), *second))
    expected = expected + pooled(convolved(x, *shortcut))
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)


def test_the_shortcut_is_the_identity_where_nothing_changes(x):
    model, convolutions = build(lambda x: residual_block(x, 3, scale))
    assert 1 not in convolutions
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    np.testing.assert_array_equal(array(model(x)), x)


def test_the_shortcut_is_convolved_where_the_channels_change(x):
    model, convolutions = build(lambda x: residual_block(x, 5, scale))
    first, second = in_order(convolutions[3], 5)
    (shortcut,) = convolutions[1]
    h = convolved(activated(x), *first)
    expected = convolved(activated(h), *second) + convolved(x, *shortcut)
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)


def test_the_first_block_activates_nothing_of_the_image(x):
    model, convolutions = build(lambda x: optimized_residual_block(x, 5))
    first, second = in_order(convolutions[3], 5)
    (shortcut,) = convolutions[1]
    h = np.maximum(convolved(x, *first), 0.0)
    expected = pooled(convolved(h, *second)) + convolved(pooled(x), *shortcut)
    np.testing.assert_allclose(array(model(x)), expected, atol=2e-4)


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_scaled_uniform_has_the_stated_variance(gain):
    values = array(scaled_uniform(30, 10, gain)((200, 200)))
    # 40,000 draws: the variance of uniform numbers is known to 0.5 %.
    np.testing.assert_allclose(values.var(), gain * 2 / 40, rtol=0.03)
    np.testing.assert_allclose(values.mean(), 0.0, atol=0.01)
    limit = (3 * gain * 2 / 40) ** 0.5
    assert 0.99 * limit < np.abs(values).max() <= limit * (1 + 1e-6)
    if gain == 1.0:
        assert scaled_uniform(30, 10).maxval == pytest.approx(limit)


def test_block_of_text():
    """`x + 0.3 conv(relu(conv(relu(x))))`."""
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, residual_block_1d(inputs))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    first, second = (x for x in model.layers if isinstance(x, layers.Conv1D))
    x = rng.normal(size=(2, 6, 3)).astype("float32")
    hidden = array(first(np.maximum(x, 0.0)))
    expected = x + 0.3 * array(second(np.maximum(hidden, 0.0)))
    np.testing.assert_allclose(array(model(x)), expected, rtol=1e-5, atol=1e-5)
