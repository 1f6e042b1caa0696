import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    LayerNormalization,
)
from keras_gen.models.gans.wgan_gp.networks import (
    ARCHITECTURES,
)
from keras_gen.networks.architectures import discriminator_of, generator_of
from tests.numerics import array, num_parameters, one_program, tensor

LENGTH, ALPHABET = 32, 27
BLOCK = 2 * (5 * 512 * 512 + 512)
SHAPES = {
    "resnet": (32, 32, 3),
    "deep_resnet": (64, 64, 3),
    "conv": (28, 28, 1),
    "mlp": (2,),
    "text": (LENGTH, ALPHABET),
}
# Trainable weights at the paper's widths: generator and critic.
COUNTS = {
    "resnet": (1_204_483, 1_053_825),
    "deep_resnet": (8_540_483, 7_491_841),
    "conv": (1_554_177, 1_030_145),
    "mlp": (527_874, 527_361),
    "text": (
        129 * LENGTH * 512 + 5 * BLOCK + 513 * ALPHABET,
        (ALPHABET + 1) * 512 + 5 * BLOCK + LENGTH * 512 + 1,
    ),
}
SIGNED, UNIT = (-1.0, 1.0), (0.0, 1.0)
RANGES = {
    "resnet": SIGNED,
    "deep_resnet": SIGNED,
    "conv": UNIT,
    "mlp": None,
    "text": UNIT,
}
# What the two networks consist of, in alphabetical order.
PARTS = {
    "resnet": (
        "Activation Add BatchNormalization Conv2D Dense InputLayer ReLU "
        "Reshape UpSampling2D",
        "Add AveragePooling2D Conv2D Dense GlobalAveragePooling2D InputLayer "
        "ReLU",
    ),
    "deep_resnet": (
        "Activation Add BatchNormalization Conv2D Dense InputLayer ReLU "
        "Reshape UpSampling2D",
        "Add AveragePooling2D Conv2D Dense Flatten InputLayer "
        "LayerNormalization ReLU",
    ),
    "conv": (
        "Activation Conv2DTranspose Cropping2D Dense InputLayer ReLU Reshape",
        "Conv2D Dense Flatten InputLayer LeakyReLU",
    ),
    "mlp": ("Dense InputLayer",) * 2,
    "text": (
        "Add Conv1D Dense InputLayer ReLU Rescaling Reshape Softmax",
        "Add Conv1D Dense Flatten InputLayer ReLU Rescaling",
    ),
}
every_architecture = pytest.mark.parametrize("architecture", COUNTS)


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def pair(architecture, width=None, num_classes=None, latent_dim=128):
    """Generator and critic."""
    shape = SHAPES[architecture]
    return (
        generator_of(
            ARCHITECTURES, architecture, shape, latent_dim, width, num_classes
        ),
        discriminator_of(
            ARCHITECTURES, architecture, shape, width, num_classes
        ),
    )


def full_size(architecture, num_classes=None):
    """Generator and critic of the paper's width, their weights not drawn."""
    latent_dim = 2 if architecture == "mlp" else 128
    with keras.StatelessScope(initialize_variables=False):
        return pair(architecture, None, num_classes, latent_dim)


@every_architecture
def test_parameters_are_those_of_the_official_code(architecture):
    generator, critic = full_size(architecture)
    found = num_parameters(generator), num_parameters(critic)
    assert found == COUNTS[architecture]
    assert not layers_of(critic, BatchNormalization)
    norms = {"resnet": (7, 0), "deep_resnet": (9, 8)}.get(architecture, (0, 0))
    assert norms == (
        len(layers_of(generator, BatchNormalization)),
        len(layers_of(critic, LayerNormalization)),
    )


@every_architecture
def test_nothing_stands_between_the_layers(architecture):
    """Not so much as a minus sign."""
    networks = full_size(architecture)
    for network, parts in zip(networks, PARTS[architecture], strict=True):
        found = {type(part).__name__ for part in network.operations}
        assert " ".join(sorted(found)) == parts
        for layer in layers_of(network, layers.LeakyReLU):
            assert layer.negative_slope == 0.2


def test_parameters_with_classes():
    generator, critic = full_size("resnet", num_classes=10)
    found = num_parameters(generator), num_parameters(critic)
    assert found == (1_218_307, 1_055_115)
    # By class within the blocks, not at the output.
    assert len(layers_of(generator, ConditionalBatchNormalization)) == 6
    assert len(layers_of(generator, BatchNormalization)) == 1
    assert [tuple(x.shape) for x in critic.outputs] == [(None, 1), (None, 10)]


@every_architecture
def test_examples_and_their_range(architecture):
    generator, critic = pair(architecture, width=2, latent_dim=3)
    x = generator.output
    both = keras.Model(generator.inputs, [x, critic(x)])
    # Large latents reach the ends of the range.
    z = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    z[2:] = 1e4
    x, scores = map(array, one_program(both)(tensor(z)))
    assert x.shape == (4, *SHAPES[architecture])
    assert scores.shape == (4, 1)
    assert x.dtype == scores.dtype == np.float32
    value_range = ARCHITECTURES[architecture].value_range
    assert value_range == RANGES[architecture]
    if value_range is not None:
        low, high = value_range
        assert low <= x.min() and x.max() <= high
        assert x.max() > 0.9 and (low == 0.0 or x.min() < -0.9)
    if architecture == "text":
        # Probabilities of the characters, which differ along the text.
        np.testing.assert_allclose(x.sum(-1), 1.0, rtol=1e-5)
        assert np.abs(np.diff(x[2:], axis=1)).max() > 0.1


def gain(layer):
    """Variance of the initial weights, as a multiple of Glorot's."""
    kernel = layer.kernel.shape
    area = math.prod(kernel[:-2])
    fans = [size * area for size in kernel[-2:]]
    transposed = isinstance(layer, layers.Conv2DTranspose)
    if transposed:
        fans = fans[::-1]
    if any(stride > 1 for stride in layer.strides):
        fans[0 if transposed else 1] /= math.prod(layer.strides)
    initializer = layer.kernel_initializer
    assert isinstance(initializer, keras.initializers.RandomUniform)
    assert initializer.minval == -initializer.maxval < 0.0
    return initializer.maxval**2 / 3 * sum(fans) / 2


@pytest.mark.parametrize(
    "architecture", ["resnet", "deep_resnet", "conv", "text"]
)
def test_initial_weights_are_those_of_the_official_code(architecture):
    kinds = layers.Conv1D | layers.Conv2D | layers.Conv2DTranspose
    small, large = [], []
    for network in full_size(architecture):
        for layer in layers_of(network, kinds):
            is_shortcut = layer.kernel_size == (1, 1)
            plain_ends = {"resnet": "generator", "deep_resnet": "critic"}
            is_end = 3 in layer.kernel.shape[2:] and layer.kernel.shape[0] == 3
            is_plain = is_end and plain_ends.get(architecture) == network.name
            expected = small if is_shortcut or is_plain else large
            expected.append(gain(layer))
        for layer in layers_of(network, layers.Dense):
            assert isinstance(
                layer.kernel_initializer, keras.initializers.GlorotUniform
            )
    np.testing.assert_allclose(large, 2.0, rtol=1e-9)
    np.testing.assert_allclose(small, 1.0, rtol=1e-9)
    counts = {
        "resnet": (6, 14),
        "deep_resnet": (9, 17),
        "conv": (0, 6),
        "text": (0, 22),
    }
    assert (len(small), len(large)) == counts[architecture]


def test_points_have_networks_of_he_and_glorot():
    for network in full_size("mlp"):
        *hidden, last = layers_of(network, layers.Dense)
        assert [layer.units for layer in hidden] == [512] * 3
        for layer in hidden:
            assert layer.activation is keras.activations.relu
            assert isinstance(
                layer.kernel_initializer, keras.initializers.HeUniform
            )
        assert last.activation is keras.activations.linear
        assert isinstance(
            last.kernel_initializer, keras.initializers.GlorotUniform
        )


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        ("resnet", (28, 28, 1)),
        ("deep_resnet", (32, 32, 3)),
        ("conv", (28, 28)),
        ("mlp", (2, 2)),
        ("text", (32,)),
    ],
)
def test_other_shapes_are_refused(architecture, shape):
    for build in (
        lambda: generator_of(ARCHITECTURES, architecture, shape, 128),
        lambda: discriminator_of(ARCHITECTURES, architecture, shape),
    ):
        with pytest.raises(ValueError) as error:
            build()
        for word in ("`input_shape`", architecture, str(shape)):
            assert word in str(error.value)


@pytest.mark.parametrize("architecture", ["deep_resnet", "conv", "mlp", "text"])
def test_classes_are_for_the_resnet(architecture):
    with pytest.raises(ValueError, match=r"\['resnet'\] with `num_classes`"):
        pair(architecture, num_classes=3)
