import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.networks.mlp import (
    dense,
    dense_layers,
    four_times_glorot,
    mlp_decoder,
    mlp_encoder,
)
from tests.numerics import array, randomize

SHAPE = (4, 3, 1)


def weights_of(network):
    return [
        tuple(array(w) for w in layer.weights)
        for layer in dense_layers(network)
    ]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(5, *SHAPE)).astype("float32")


@pytest.fixture
def z():
    return np.random.default_rng(1).normal(size=(5, 2)).astype("float32")


def test_encoder_has_hidden_layers_and_named_heads(x):
    network = mlp_encoder(
        SHAPE, (8, 6), {"mean": 2, "log_variance": 3}, activation="tanh"
    )
    randomize(network)
    assert network.name == "encoder"
    (a, b), (c, d), *heads = weights_of(network)
    h = np.tanh(np.tanh(x.reshape(5, 12) @ a + b) @ c + d)
    for name, output, (kernel, bias) in zip(
        ("mean", "log_variance"), network(x), heads, strict=True
    ):
        np.testing.assert_array_equal(
            array(network.get_layer(name).kernel), kernel
        )
        np.testing.assert_allclose(array(output), h @ kernel + bias, rtol=1e-4)


def test_several_inputs_are_concatenated(x, z):
    network = mlp_encoder(
        [SHAPE, (2,)], (8,), {"code": 2}, head_activation="sigmoid"
    )
    randomize(network)
    (a, b), (c, d) = weights_of(network)
    inputs = np.concatenate([x.reshape(5, 12), z], axis=-1)
    h = np.maximum(inputs @ a + b, 0.0)
    np.testing.assert_allclose(
        array(network([x, z])), 1 / (1 + np.exp(-(h @ c + d))), rtol=1e-4
    )


def test_a_decoder_takes_several_inputs_too(x, z):
    network = mlp_decoder((3,), (), [SHAPE, (2,)])
    randomize(network)
    ((kernel, bias),) = weights_of(network)
    inputs = np.concatenate([x.reshape(5, 12), z], axis=-1)
    expected = inputs @ kernel + bias
    np.testing.assert_allclose(array(network([x, z])), expected, rtol=1e-4)


@pytest.mark.parametrize("heads", [1, 2])
def test_decoder_makes_one_or_several_examples(z, heads):
    network = mlp_decoder(
        SHAPE, (6, 8), 2, output_activation="sigmoid", heads=heads
    )
    randomize(network)
    (a, b), (c, d), *rest = weights_of(network)
    h = np.maximum(np.maximum(z @ a + b, 0.0) @ c + d, 0.0)
    outputs = network(z)
    assert isinstance(outputs, list) == (heads > 1)
    for output, (kernel, bias) in zip(
        keras.tree.flatten(outputs), rest, strict=True
    ):
        expected = 1 / (1 + np.exp(-(h @ kernel + bias)))
        np.testing.assert_allclose(
            array(output), expected.reshape(5, *SHAPE), rtol=1e-4
        )


def test_options_are_those_of_all_dense_layers():
    options = {"kernel_regularizer": keras.regularizers.L2(0.1)}
    for network in (
        mlp_encoder(SHAPE, (8,), {"mean": 2, "log_variance": 2}, **options),
        mlp_decoder(SHAPE, (8,), 2, heads=2, use_bias=False, **options),
    ):
        for layer in dense_layers(network):
            assert isinstance(layer.kernel_regularizer, keras.regularizers.L2)
    assert not any(layer.use_bias for layer in dense_layers(network))


def test_each_layer_starts_from_values_of_its_own():
    """One initializer object would give equal kernels to equal shapes."""
    network = mlp_encoder(
        (4,),
        (4, 4),
        {"mean": 4, "log_variance": 4},
        initializer=lambda: keras.initializers.RandomNormal(stddev=0.1),
    )
    kernels = [kernel for kernel, _ in weights_of(network)]
    for i, first in enumerate(kernels):
        for second in kernels[:i]:
            assert np.abs(first - second).min() > 0.0


def test_initializers_have_names_functions_and_a_default():
    for given, kind in (
        (None, keras.initializers.GlorotUniform),
        ("he_normal", keras.initializers.HeNormal),
        (four_times_glorot, keras.initializers.VarianceScaling),
    ):
        layer = dense(3, "relu", given)
        assert type(layer.kernel_initializer) is kind
        assert layer.activation is keras.activations.relu


def test_weights_of_sigmoid_units_are_four_times_glorots():
    kernel = array(four_times_glorot()((200, 100)))
    limit = 4 * (6 / 300) ** 0.5
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    # 20,000 draws: the variance of uniform numbers is known to 1 %.
    assert kernel.var() == pytest.approx(limit**2 / 3, rel=0.05)


def test_dense_layers_are_in_the_order_of_their_use():
    network = mlp_encoder(SHAPE, (8, 6), {"code": 2})
    assert [layer.units for layer in dense_layers(network)] == [8, 6, 2]
    assert all(isinstance(x, layers.Dense) for x in dense_layers(network))
