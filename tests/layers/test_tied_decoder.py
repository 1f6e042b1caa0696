import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.layers.tied_decoder import TiedDecoder
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    loss_and_gradients,
    randomize,
    tensor,
)


def encoder_of(units=(6, 3), shape=(4, 2)):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            *[layers.Dense(size, activation="sigmoid") for size in units],
        ]
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_pass_downwards_uses_the_transposed_kernels():
    encoder = encoder_of()
    decoder = TiedDecoder(encoder)
    randomize(encoder, 1)
    randomize(decoder, 2)
    first, second = (array(layer.kernel) for layer in encoder.layers[1:])
    inner, outer = map(array, decoder.biases)
    z = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    expected = sigmoid(z @ second.T + inner) @ first.T + outer
    result = array(decoder(tensor(z)))
    assert result.shape == (5, 4, 2)
    np.testing.assert_allclose(
        result.reshape(5, 8), expected, rtol=1e-5, atol=1e-6
    )


def test_only_the_biases_are_its_own():
    encoder = encoder_of()
    decoder = TiedDecoder(encoder, "sigmoid")
    assert [tuple(v.shape) for v in decoder.trainable_variables] == [(6,), (8,)]
    values = array(decoder(np.zeros((1, 3), "float32")))
    assert np.all((values > 0) & (values < 1))


def test_derivatives_of_both_uses_add_up():
    with double_precision():
        encoder = encoder_of()
        decoder = TiedDecoder(encoder)
        randomize(encoder, 1)
        randomize(decoder, 2)
        x = tensor(np.random.default_rng(0).uniform(size=(5, 4, 2)))
        variables = [
            *encoder.trainable_variables,
            *decoder.trainable_variables,
        ]

        def loss():
            return keras.ops.mean((decoder(encoder(x)) - x) ** 2)

        _, gradients = loss_and_gradients(loss, variables)
        check_directions(loss, variables, gradients)


def twice(x):
    layer = layers.Dense(8, activation="sigmoid")
    return layer(layer(x))


def residual(x):
    return layers.Add()([x, layers.Dense(8)(x)])


def activation_of_its_own(x):
    return layers.Activation("sigmoid")(layers.Dense(8)(x))


def operation(x):
    return keras.ops.square(layers.Dense(8)(x))


def sequences(x):
    x = layers.Dense(3)(layers.Reshape((4, 2))(x))
    return layers.Dense(2)(layers.Flatten()(x))


@pytest.mark.parametrize(
    "build", [twice, residual, activation_of_its_own, operation, sequences]
)
def test_an_encoder_that_is_no_chain_is_refused(build):
    x = keras.Input((8,))
    with pytest.raises(ValueError, match=r"chain of dense layers.*tied=False"):
        TiedDecoder(keras.Model(x, build(x)))


def test_dropout_and_shapes_may_stand_between():
    encoder = keras.Sequential()
    for layer in (
        keras.Input((4, 2)),
        layers.Flatten(),
        layers.Dense(6, activation="tanh"),
        layers.Dropout(0.3),
        layers.Reshape((6,)),
        layers.Dense(3),
    ):
        encoder.add(layer)
    decoder = TiedDecoder(encoder)
    assert [tuple(v.shape) for v in decoder.biases] == [(6,), (8,)]


def test_an_encoder_of_other_layers_is_refused():
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(3, 3), layers.Flatten()]
    )
    with pytest.raises(ValueError, match=r"dense.*Conv2D.*tied=False"):
        TiedDecoder(encoder)
