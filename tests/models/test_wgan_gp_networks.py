import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import WGANGP
from keras_gen.engine import Batch
from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    LayerNormalization,
)
from keras_gen.models.gans.wgan_gp_networks import WIDTHS, networks
from tests.numerics import array

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


def count(network):
    return sum(math.prod(v.shape) for v in network.trainable_variables)


def build(architecture, **options):
    return WGANGP(
        SHAPES[architecture], architecture=architecture, seed=0, **options
    )


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def full_size(architecture, num_classes=None):
    """Generator and critic of the paper's width, their weights not drawn."""
    latent_dim = 2 if architecture == "mlp" else 128
    with keras.StatelessScope(initialize_variables=False):
        return networks(
            architecture,
            SHAPES[architecture],
            latent_dim,
            WIDTHS[architecture],
            num_classes,
        )


@pytest.mark.parametrize("architecture", COUNTS)
def test_parameters_are_those_of_the_official_code(architecture):
    generator, critic = full_size(architecture)
    assert (count(generator), count(critic)) == COUNTS[architecture]
    assert not layers_of(critic, BatchNormalization)
    norms = {"resnet": (7, 0), "deep_resnet": (9, 8)}.get(architecture, (0, 0))
    assert norms == (
        len(layers_of(generator, BatchNormalization)),
        len(layers_of(critic, LayerNormalization)),
    )


def test_parameters_with_classes():
    generator, critic = full_size("resnet", num_classes=10)
    assert (count(generator), count(critic)) == (1_218_307, 1_055_115)
    # By class within the blocks, not at the output.
    assert len(layers_of(generator, ConditionalBatchNormalization)) == 6
    assert len(layers_of(generator, BatchNormalization)) == 1


@pytest.mark.parametrize("architecture", COUNTS)
def test_examples_and_their_range(architecture):
    model = build(architecture, width=2, latent_dim=3)
    # Large latents reach the ends of the range.
    z = 1e4 * np.ones((3, 3), "float32")
    x = model.generator.predict(z, verbose=0)
    assert x.shape == (3, *SHAPES[architecture])
    scores = model.critic.predict(x, verbose=0)
    assert scores.shape == (3, 1) and scores.dtype == np.float32
    if architecture != "mlp":
        low, high = model.value_range
        assert low <= x.min() and x.max() <= high
        assert x.max() > 0.9 and (low == 0.0 or x.min() < -0.9)


def test_characters_have_probabilities():
    model = build("text", width=4, latent_dim=3)
    samples = model.sample(3, seed=0)
    assert samples.min() >= 0.0
    np.testing.assert_allclose(samples.sum(-1), 1.0, rtol=1e-5)
    large = model.generate(1e4 * np.ones((2, 3)))
    np.testing.assert_allclose(large.sum(-1), 1.0, rtol=1e-5)
    assert np.abs(np.diff(large, axis=1)).max() > 0.1


def gain(layer):
    """Variance of the weights, in units of `2 / (fan_in + fan_out)`."""
    kernel = array(layer.kernel)
    area = math.prod(kernel.shape[:-2])
    fans = [size * area for size in kernel.shape[-2:]]
    if isinstance(layer, layers.Conv2DTranspose):
        fans = fans[::-1]
    if any(stride > 1 for stride in layer.strides):
        transposed = isinstance(layer, layers.Conv2DTranspose)
        fans[0 if transposed else 1] /= math.prod(layer.strides)
    return kernel.var() * sum(fans) / 2


@pytest.mark.parametrize(
    ("architecture", "width"),
    [("resnet", 16), ("deep_resnet", 16), ("conv", 16), ("text", 32)],
)
def test_initial_weights_are_those_of_the_official_code(architecture, width):
    model = build(architecture, width=width)
    kinds = layers.Conv1D | layers.Conv2D | layers.Conv2DTranspose
    small, large = [], []
    for network in (model.generator, model.critic):
        for layer in layers_of(network, kinds):
            is_shortcut = layer.kernel_size == (1, 1)
            plain_ends = {"resnet": "generator", "deep_resnet": "critic"}
            is_end = 3 in layer.kernel.shape[2:] and layer.kernel.shape[0] == 3
            is_plain = is_end and plain_ends.get(architecture) == network.name
            expected = small if is_shortcut or is_plain else large
            # 432 weights at least, less for shortcuts of colours.
            if math.prod(layer.kernel.shape) > 400:
                expected.append(gain(layer))
        for layer in layers_of(network, layers.Dense):
            kernel, fans = array(layer.kernel), sum(layer.kernel.shape)
            assert np.abs(kernel).max() <= (6 / fans) ** 0.5
            # Few weights do not tell their variance.
            if kernel.size > 400:
                assert kernel.var() * fans / 2 == pytest.approx(1.0, rel=0.25)
    assert large
    np.testing.assert_allclose(large, 2.0, rtol=0.15)
    np.testing.assert_allclose(small, 1.0, rtol=0.25)
    assert len(small) > 0 or architecture in ("conv", "text")


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
def test_shapes_are_checked(architecture, shape):
    with pytest.raises(ValueError, match="Received: image_shape"):
        WGANGP(shape, architecture=architecture)


def test_options_are_checked():
    with pytest.raises(ValueError, match="Received: architecture"):
        WGANGP(architecture="transformer")
    with pytest.raises(ValueError, match="'resnet' alone"):
        build("conv", num_classes=3)


def test_samples_have_the_classes_that_are_asked_for():
    model = WGANGP((32, 32, 1), latent_dim=3, width=2, num_classes=4, seed=0)
    for layer in model.generator.layers:
        if isinstance(layer, ConditionalBatchNormalization):
            layer.gamma.assign(np.arange(1.0, 5.0)[:, None] * np.ones((4, 2)))
    samples = model.sample(4, seed=0, labels=[1, 1, 2, 3])
    again = model.sample(4, seed=0, labels=[1, 1, 3, 2])
    np.testing.assert_allclose(samples[:2], again[:2], atol=1e-6)
    assert np.abs(samples[2:] - again[2:]).max() > 1e-4
    for labels in ([0, 1], [0, 1, 2, 4], [0, 1, 2, -1]):
        with pytest.raises(ValueError, match="integers from 0 to 3"):
            model.sample(4, labels=labels)
    with pytest.raises(ValueError, match="without classes"):
        build("mlp", latent_dim=2).sample(2, labels=[0, 1])


def test_the_generator_may_draw_more_than_the_critic():
    model = WGANGP(
        (2,),
        latent_dim=2,
        architecture="mlp",
        width=4,
        critic_steps=3,
        generator_batch_factor=2,
        seed=0,
    )
    model.compile()
    drawn, draw = [], model.draw_latents

    def recorded(size, seed=None):
        drawn.append(int(size))
        return draw(size, seed)

    model.draw_latents = recorded
    model.training_step(Batch(ops.ones((12, 2))))
    assert drawn == [4, 4, 4, 8]
