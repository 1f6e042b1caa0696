"""The convolution of one filter is Keras', and has its derivatives."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen.layers import Conv2D
from tests.numerics import array, loss_and_gradients, tensor


@pytest.mark.parametrize("filters", [1, 3])
@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize(
    ("kernel_size", "strides", "padding"),
    [(3, 1, "same"), (3, 1, "valid"), (1, 1, "valid"), (4, 2, "same")],
)
def test_it_is_keras_convolution(
    filters, images, kernel_size, strides, padding
):
    """Its gradient too, by the definition of a convolution."""
    x = np.random.default_rng(0).normal(size=(images, 6, 6, 4))
    layer = Conv2D(
        filters,
        kernel_size,
        strides,
        padding=padding,
        bias_initializer="normal",
        activation="tanh",
    )
    other = keras.layers.Conv2D.from_config(layer.get_config())
    x = tensor(x)
    expected = other(x)
    layer.build(x.shape)
    layer.set_weights(other.get_weights())
    np.testing.assert_allclose(array(layer(x)), array(expected), atol=1e-5)
    _, (gradient, _) = loss_and_gradients(
        lambda: ops.sum(layer(x)), layer.trainable_variables
    )
    step = 1e-3 * np.sign(array(gradient))
    kernel = array(layer.kernel).copy()
    values = []
    for sign in (1, -1):
        layer.kernel.assign(kernel + sign * step)
        values.append(float(array(ops.sum(layer(x)))))
    slope = (values[0] - values[1]) / 2e-3
    np.testing.assert_allclose(slope, np.abs(array(gradient)).sum(), rtol=2e-2)
