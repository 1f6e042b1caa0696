import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.layers import BatchNormalization, Conv2DTranspose
from keras_gen.networks.dcgan import (
    dcgan_discriminator,
    dcgan_generator,
    halvings,
)
from tests.numerics import array, num_parameters

# Arguments of the networks, and their trainable weights.
VARIANTS = {
    "paper": ({"base_filters": 128, "kernel_size": 5}, 18_885_760, 17_232_768),
    "torch": ({"base_filters": 64, "kernel_size": 4}, 3_576_704, 2_765_568),
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def pair(shape=(64, 64, 3), latent_dim=100, **options):
    return (
        dcgan_generator(shape, latent_dim, **options),
        dcgan_discriminator(shape, **options),
    )


def unbuilt(*args, **options):
    """Networks of which the layers and their shapes alone are looked at."""
    with keras.StatelessScope(initialize_variables=False):
        return pair(*args, **options)


def layers_of(network):
    return [x for x in network.layers if not isinstance(x, layers.InputLayer)]


@every_variant
def test_parameters_are_those_of_paper_and_torch_code(variant):
    options, *counts = VARIANTS[variant]
    assert [num_parameters(network) for network in unbuilt(**options)] == counts


@every_variant
def test_rules_of_the_architecture(variant):
    options = VARIANTS[variant][0]
    generator, discriminator = map(layers_of, unbuilt(**options))
    assert [type(layer) for layer in discriminator] == [
        layers.Conv2D,
        layers.LeakyReLU,
        *[layers.Conv2D, BatchNormalization, layers.LeakyReLU] * 3,
        layers.Flatten,
        layers.Dense,
    ]
    projection = [BatchNormalization, layers.ReLU, layers.Reshape]
    if variant == "torch":
        projection = [layers.Reshape, BatchNormalization, layers.ReLU]
    assert [type(layer) for layer in generator] == [
        layers.Dense,
        *projection,
        *[Conv2DTranspose, BatchNormalization, layers.ReLU] * 3,
        Conv2DTranspose,
        layers.Activation,
    ]
    assert generator[-1].activation is keras.activations.tanh
    size = options["kernel_size"]
    for layer in [*generator, *discriminator]:
        if isinstance(layer, layers.Conv2D | Conv2DTranspose):
            assert layer.strides == (2, 2) and layer.kernel_size == (size,) * 2
        if hasattr(layer, "kernel"):
            assert not layer.use_bias
        if isinstance(layer, layers.LeakyReLU):
            assert layer.negative_slope == 0.2
        if isinstance(layer, BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    filters = [
        layer.filters
        for layer in [*generator, *discriminator]
        if hasattr(layer, "filters")
    ]
    base = options["base_filters"]
    up = [4 * base, 2 * base, base, 3]
    assert filters == [*up, base, 2 * base, 4 * base, 8 * base]


def test_dense_layers_are_where_the_authors_networks_of_mnist_have_them():
    networks = unbuilt((28, 28, 1), base_filters=64, dense_units=1024)
    generator, discriminator = map(layers_of, networks)
    hidden = [BatchNormalization, layers.ReLU]
    assert [type(layer) for layer in generator] == [
        *[layers.Dense, *hidden] * 2,
        layers.Reshape,
        *[Conv2DTranspose, *hidden],
        Conv2DTranspose,
        layers.Activation,
    ]
    assert [type(layer) for layer in discriminator] == [
        *[layers.Conv2D, layers.LeakyReLU],
        *[layers.Conv2D, BatchNormalization, layers.LeakyReLU],
        layers.Flatten,
        *[layers.Dense, BatchNormalization, layers.LeakyReLU],
        layers.Dense,
    ]
    units, maps = 1024, 7 * 7 * 128
    kernels = 100 * units + units * maps + 25 * (128 * 64 + 64)
    assert num_parameters(networks[0]) == kernels + 2 * (units + maps + 64)
    kernels = 25 * (64 + 64 * 128) + maps * units + units
    assert num_parameters(networks[1]) == kernels + 2 * (128 + units)


@every_variant
def test_initial_weights(variant):
    kernels, gammas = [], []
    for network in unbuilt(**VARIANTS[variant][0]):
        for layer in layers_of(network):
            if hasattr(layer, "kernel"):
                kernels.append(layer.kernel_initializer)
            if isinstance(layer, BatchNormalization):
                gammas.append(layer.gamma_initializer)
                beta = layer.beta_initializer
                assert isinstance(beta, keras.initializers.Zeros)
    assert (len(kernels), len(gammas)) == (5 + 5, 4 + 3)
    for mean, initializers in ((0.0, kernels), (1.0, gammas)):
        # One object would draw the same values for all.
        assert len(set(map(id, initializers))) == len(initializers)
        for initializer in initializers:
            assert isinstance(initializer, keras.initializers.RandomNormal)
            assert (initializer.mean, initializer.stddev) == (mean, 0.02)


@pytest.mark.parametrize(
    ("size", "kernel_size", "side"),
    [(28, 5, 7), (32, 4, 4), (64, 5, 4), (128, 4, 4), (10, 5, 5)],
)
def test_any_even_size(size, kernel_size, side):
    generator, discriminator = unbuilt(
        (size, size, 1), 5, base_filters=1, kernel_size=kernel_size
    )
    assert generator.output_shape == (None, size, size, 1)
    assert discriminator.output_shape == (None, 1)
    (projection,) = (
        x for x in generator.layers if isinstance(x, layers.Reshape)
    )
    assert projection.target_shape[:2] == (side, side)
    maps = [
        x.output.shape[1]
        for x in discriminator.layers
        if isinstance(x, layers.Conv2D)
    ]
    assert maps == [size // 2**i for i in range(1, len(maps) + 1)]
    assert maps[-1] == side


def test_images_stay_between_minus_one_and_one():
    generator = dcgan_generator((8, 8, 1), 5, base_filters=2)
    z = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    assert np.abs(array(generator(z))).max() < 0.1
    # The activations in front of the last one are normalized.
    output = generator.layers[-2]
    output.kernel.assign(1000.0 * array(output.kernel))
    images = array(generator(z))
    assert 0.9 < np.abs(images).max() <= 1.0
    assert images.min() < -0.9 and images.max() > 0.9


@pytest.mark.parametrize(("kernel_size", "margins"), [(4, (1, 1)), (5, (1, 2))])
def test_padding(kernel_size, margins):
    """The rows of zeros above and below, as those left and right."""
    convolution = dcgan_discriminator((8, 8, 1), 2, kernel_size).layers[1]
    x = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    padded = np.pad(x, ((0, 0), margins, margins, (0, 0)))
    expected = ops.conv(padded, convolution.kernel, strides=2, padding="valid")
    np.testing.assert_allclose(
        array(convolution(x)), array(expected), atol=1e-6
    )


def test_halvings():
    assert halvings((64, 64, 3)) == ((4, 4), 4)
    assert halvings((28, 28, 1)) == ((7, 7), 2)
    assert halvings((8, 8, 1)) == ((4, 4), 1)
    assert halvings((10, 10, 1)) == ((5, 5), 1)
    assert halvings((80, 48, 3)) == ((10, 6), 3)
    assert halvings((100, 100, 3)) == ((25, 25), 2)


def test_images_need_not_be_square():
    shape = (16, 24, 3)
    generator = dcgan_generator(shape, 5, 2)
    assert generator.output_shape == (None, *shape)
    assert dcgan_discriminator(shape, 2).input_shape == (None, *shape)


@pytest.mark.parametrize(
    "shape", [(32, 6, 3), (27, 27, 3), (6, 6, 3), (32, 32)]
)
def test_other_shapes_are_refused(shape):
    for build in (
        lambda: dcgan_generator(shape, 100, 128),
        lambda: dcgan_discriminator(shape, 128),
    ):
        with pytest.raises(ValueError) as error:
            build()
        assert "at least 8" in str(error.value) and str(shape) in str(
            error.value
        )
