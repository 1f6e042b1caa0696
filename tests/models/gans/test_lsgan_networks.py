"""The networks of the least squares GAN: layers, sizes, initial weights."""

import keras
import numpy as np
import pytest
import scipy.special

from keras_gen import LSGAN
from keras_gen.layers import BatchNormalization
from keras_gen.models.gans.lsgan.networks import (
    ARCHITECTURES,
    character_discriminator,
    character_generator,
    scene_discriminator,
    scene_generator,
)
from keras_gen.networks.mlp import dense_layers
from tests.numerics import array, one_program, randomize, tensor

SMALL = {"width": 2, "latent_dim": 3}


def trained_count(network):
    return sum(np.prod(v.shape) for v in network.trainable_variables)


def convolution(size, inputs, outputs):
    return size * size * inputs * outputs + outputs


@pytest.fixture
def unmade(monkeypatch):
    """Weights of paper size are zeros: only their shapes are looked at."""
    for name in ("RandomNormal", "TruncatedNormal"):
        monkeypatch.setattr(
            keras.initializers,
            name,
            lambda **options: keras.initializers.Zeros(),
        )


def test_scenes_have_the_published_layers(unmade):
    generator = scene_generator((112, 112, 3), 1024, 64)
    hidden = [256, 256, 256, 256, 128, 64]
    expected = 1024 * 7 * 7 * 256 + 3 * 7 * 7 * 256
    for inputs, outputs in zip([256, *hidden], hidden, strict=False):
        expected += convolution(3, inputs, outputs) + 2 * outputs
    expected += convolution(3, 64, 3)
    assert trained_count(generator) == expected
    sizes = [
        layer.output.shape[1]
        for layer in generator.layers
        if isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    assert sizes == [14, 14, 28, 28, 56, 112, 112]

    discriminator = scene_discriminator((112, 112, 3), 64)
    expected = convolution(5, 3, 64) + 7 * 7 * 512 + 1
    for inputs, outputs in ((64, 128), (128, 256), (256, 512)):
        expected += convolution(5, inputs, outputs) + 2 * outputs
    assert trained_count(discriminator) == expected


def test_characters_have_the_published_layers(unmade):
    generator = character_generator((28, 28, 1), 1024, 64, 3740)
    label = 3740 * 256 + 256
    expected = label + (1024 + 256) * 6272 + 3 * 6272
    expected += convolution(5, 128, 128) + 2 * 128 + convolution(5, 128, 1)
    assert trained_count(generator) == expected

    discriminator = character_discriminator((28, 28, 1), 64, 3740)
    expected = label + convolution(5, 1, 257)
    expected += convolution(5, 257 + 256, 320) + 2 * 320
    expected += (7 * 7 * 320 + 256) * 1024 + 3 * 1024 + (1024 + 256) + 1
    assert trained_count(discriminator) == expected


def test_initial_weights_are_the_official_codes():
    """Normal, cut at two standard deviations in convolutions; orthogonal
    with a gain of 1.4 for points."""
    networks = (
        scene_generator((16, 16, 1), 4, 2),
        character_discriminator((4, 4, 1), 2, 3),
    )
    kinds = set()
    for layer in (layer for network in networks for layer in network.layers):
        initializer = getattr(layer, "kernel_initializer", None)
        if initializer is None:
            continue
        kinds.add((type(layer).__name__, type(initializer).__name__))
        assert initializer.stddev == 0.02
        assert not np.any(array(layer.bias))
    assert kinds == {
        ("Dense", "RandomNormal"),
        ("Conv2DTranspose", "RandomNormal"),
        ("Conv2D", "TruncatedNormal"),
    }
    model = LSGAN((2,), "mlp", seed=0, **SMALL)
    for network in (model.generator, model.discriminator):
        assert len(dense_layers(network)) == 3
    kernel = array(dense_layers(model.generator)[1].kernel)
    np.testing.assert_allclose(
        kernel @ kernel.T, 1.4**2 * np.eye(len(kernel)), atol=1e-5
    )


@pytest.mark.parametrize(
    ("build", "sizes", "activation", "last"),
    [
        (scene_generator, (3, 2), lambda x: np.maximum(x, 0.0), np.tanh),
        (
            character_generator,
            (3, 2),
            lambda x: np.maximum(x, 0.0),
            scipy.special.expit,
        ),
        (scene_discriminator, (2,), lambda x: np.maximum(x, 0.2 * x), None),
        (character_discriminator, (2,), lambda x: np.maximum(x, 0.2 * x), None),
    ],
)
def test_networks_by_hand(build, sizes, activation, last):
    """Weighted layers, a normalization of most, and the activation."""
    shape = (16, 32, 1) if "scene" in build.__name__ else (8, 12, 1)
    network = build(shape, *sizes)
    randomize(network, 0, 0.3)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, *network.inputs[0].shape[1:])).astype("float32")
    found = array(one_program(network)(tensor(x)))
    weighted = [layer for layer in network.layers if layer.weights]
    for layer, following in zip(weighted, [*weighted[1:], None], strict=True):
        inputs = tensor(x.reshape(2, *layer.input.shape[1:]))
        x = array(one_program(layer)(inputs))
        if following and not isinstance(following, BatchNormalization):
            x = activation(x)
    expected = last(x) if last else x
    assert found.shape == (2, *(shape if last else (1,)))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 20, 1), (20, 16, 1)])
def test_each_side_is_halved_four_times(shape):
    height, width, _ = shape
    with pytest.raises(ValueError, match=f"16 divides.*{height}, {width}"):
        scene_generator(shape, 3, 2)


def test_widths_are_the_papers():
    widths = {name: chosen.width for name, chosen in ARCHITECTURES.items()}
    assert widths == {"scenes": 64, "characters": 64, "mlp": 128}


def test_layers_without_labels():
    """The first convolution keeps its channels, the second has the width."""
    discriminator = character_discriminator((8, 8, 1), 2)
    expected = convolution(5, 1, 1) + convolution(5, 1, 2) + 2 * 2
    expected += 2 * 2 * 2 * 32 + 3 * 32 + 32 + 1
    assert trained_count(discriminator) == expected
    generator = character_generator((8, 8, 1), 3, 2)
    expected = (3 + 3) * 16 + convolution(5, 4, 4) + 8 + convolution(5, 4, 1)
    assert trained_count(generator) == expected


def test_labels_reach_every_layer_but_the_first():
    """What the second convolution and both dense layers read."""
    network = character_discriminator((4, 4, 1), 2, 3)
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))
    x = tensor(rng.uniform(size=(3, 4, 4, 1)))
    y = tensor(np.arange(3, dtype="int32"))
    dense_of_label = next(
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Dense)
    )
    embedded = array(dense_of_label.kernel) + array(dense_of_label.bias)
    inputs = [
        layer.input
        for layer in network.layers
        if layer.name.startswith(("conv2d", "dense"))
        and layer is not dense_of_label
    ]
    reader = keras.Model(network.inputs, inputs)
    first, second, hidden, last = map(array, one_program(reader)([x, y]))
    assert first.shape[-1] == 1
    np.testing.assert_allclose(
        second[..., -8:],
        np.broadcast_to(embedded[:, None, None], (3, 2, 2, 8)),
        rtol=1e-5,
    )
    np.testing.assert_allclose(hidden[:, -8:], embedded, rtol=1e-5)
    np.testing.assert_allclose(last[:, -8:], embedded, rtol=1e-5)


def test_ranges_follow_the_architecture():
    assert LSGAN((2,), "mlp", **SMALL).value_range is None
    assert LSGAN((16, 16, 1), **SMALL).value_range == (-1.0, 1.0)
    assert LSGAN((4, 4, 1), "characters", **SMALL).value_range == (0.0, 1.0)
