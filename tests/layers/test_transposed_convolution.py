"""The transposed convolution is Keras', with its derivatives."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import backend
from keras_gen.layers import Conv2DTranspose
from tests.numerics import array

SHAPES = [
    # Kernel, strides, padding, sides, further options.
    (4, 2, "same", (3, 4), {}),
    (5, 2, "same", (3, 2), {}),
    (3, 1, "same", (4, 3), {}),
    (2, 3, "same", (2, 3), {}),
    (3, 2, "valid", (3, 4), {}),
    (2, 3, "valid", (2, 3), {}),
    ((4, 3), (1, 2), "valid", (3, 3), {}),
    (3, 2, "same", (3, 4), {"output_padding": 1}),
]
ORDERS = ["channels_last"]
# On TensorFlow the operation is Keras'. For these it has a kernel on some
# processors alone.
if keras.backend.backend() != "tensorflow":
    SHAPES.append((3, 1, "same", (3, 4), {"dilation_rate": 2}))
    ORDERS.append("channels_first")


def derivatives(op, x, kernel):
    """First ones, and those of the squared length of the derivative by `x`."""
    x, kernel = keras.Variable(x), keras.Variable(kernel)

    def loss_of(x):
        return ops.sum(ops.tanh(op(x, kernel)))

    def first():
        return loss_of(x.value), None

    def second():
        length = backend.gradient(loss_of, x.value)
        return ops.sum(ops.square(length)), None

    found = []
    for objective in (first, second):
        _, gradients = backend.differentiate(objective, [x, kernel])
        found += [array(gradient) for gradient in gradients]
    return found


@pytest.mark.parametrize(
    ("kernel_size", "strides", "padding", "sides", "options"), SHAPES
)
def test_values_and_derivatives(kernel_size, strides, padding, sides, options):
    given = 2, kernel_size, strides, padding
    ours = Conv2DTranspose(*given, **options)
    plain = keras.layers.Conv2DTranspose(*given, **options)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *sides, 4)).astype("float32")
    ours.build(x.shape)
    plain.build(x.shape)
    kernel = rng.normal(size=ours.kernel.shape).astype("float32")
    bias = rng.normal(size=(2,)).astype("float32")
    for layer in (ours, plain):
        layer.set_weights([kernel, bias])
    np.testing.assert_allclose(array(ours(x)), array(plain(x)), atol=1e-5)

    def plainly(x, kernel):
        return ops.conv_transpose(x, kernel, strides, padding, **options)

    found = derivatives(ours.convolution_op, x, kernel)
    for a, b in zip(found, derivatives(plainly, x, kernel), strict=True):
        # Sums of some hundred products of about 1, in another order.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * abs(b).max())


@pytest.mark.parametrize("order", ORDERS)
def test_bias_and_activation(order):
    given = {"data_format": order, "activation": "relu"}
    ours = Conv2DTranspose(2, 3, 2, **given)
    plain = keras.layers.Conv2DTranspose(2, 3, 2, **given)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    ours.build(x.shape)
    plain.build(x.shape)
    ours.bias.assign([0.5, -0.5])
    plain.set_weights(ours.get_weights())
    np.testing.assert_allclose(array(ours(x)), array(plain(x)), atol=1e-5)


def test_configuration():
    layer = Conv2DTranspose(3, 4, 2, "same", use_bias=False, name="up")
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(copy) is Conv2DTranspose
    assert copy.get_config() == layer.get_config()
    assert array(copy(np.ones((1, 2, 2, 1), "float32"))).shape == (1, 4, 4, 3)
    assert len(copy.weights) == 1
