"""The layers of translators' networks, in the order of their papers.

The numbers of parameters do not tell what is between layers with weights.
"""

import pytest

from keras_gen.models.gans.bicyclegan.networks import resnet_encoder
from keras_gen.models.gans.context_encoder import networks as context
from keras_gen.models.gans.discogan.networks import (
    conv_discriminator,
    conv_generator,
)
from keras_gen.models.gans.segan.networks import (
    segan_discriminator,
    segan_generator,
)
from keras_gen.models.gans.simgan import SimGAN
from keras_gen.models.gans.stargan import StarGAN
from keras_gen.networks import translation
from tests.structure import kernels_of, structure

CONV = {"shape": (16, 16, 3), "filters": 4}


def stargan(network):
    model = StarGAN.from_preset("smoke", image_shape=(16, 16, 3))
    return getattr(model, network)


def simgan(network):
    model = SimGAN.from_preset("smoke", image_shape=(16, 16, 1))
    return getattr(model, network)


LAYERS = {
    "pix2pix, generator": (
        lambda: translation.encoder_decoder((8, 8, 2), 2, 4, 3),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, batch norm, leaky 0.2, "
        "Conv2D 16 4/2, relu, Conv2DTranspose 8 4/2, batch norm, masked, "
        "joined, relu, Conv2DTranspose 4 4/2, batch norm, masked, joined, "
        "relu, Conv2DTranspose 2 4/2, tanh",
    ),
    "pix2pix, without skip connections": (
        lambda: translation.encoder_decoder((4, 4, 2), 2, 4, 2, skips=False),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, relu, Conv2DTranspose 4 4/2, "
        "batch norm, masked, relu, Conv2DTranspose 2 4/2, tanh",
    ),
    "pix2pix, discriminator": (
        lambda: translation.patch_discriminator([(32, 32, 2)] * 2, 4, 2),
        "joined, ZeroPadding2D, Conv2D 4 4/2, leaky 0.2, ZeroPadding2D, "
        "Conv2D 8 4/2, batch norm, leaky 0.2, ZeroPadding2D, Conv2D 16 4/1, "
        "batch norm, leaky 0.2, ZeroPadding2D, Conv2D 1 4/1",
    ),
    "pix2pix, discriminator of pixels": (
        lambda: translation.patch_discriminator([(8, 8, 2)] * 2, 4, 0),
        "joined, Conv2D 4 1/1, leaky 0.2, Conv2D 8 1/1, batch norm, "
        "leaky 0.2, Conv2D 1 1/1",
    ),
    "cyclegan, generators": (
        lambda: translation.resnet_generator((8, 8, 2), 2, 4, 1),
        "Conv2D 4 7/1, instance norm, relu, Conv2D 8 3/2, instance norm, "
        "relu, Conv2D 16 3/2, instance norm, relu, Conv2D 16 3/1, instance "
        "norm, relu, Conv2D 16 3/1, instance norm, added, Conv2DTranspose 8 "
        "3/2, instance norm, relu, Conv2DTranspose 4 3/2, instance norm, "
        "relu, Conv2D 2 7/1, tanh",
    ),
    "bicyclegan, encoder": (
        lambda: resnet_encoder((32, 32, 3), 2, 4, 2),
        "Conv2D 4 4/2, instance norm, leaky 0.2, Conv2D 4 3/1, instance "
        "norm, leaky 0.2, Conv2D 8 1/1, Conv2D 8 3/1, AveragePooling2D, "
        "AveragePooling2D, added, instance norm, leaky 0.2, Conv2D 8 3/1, "
        "instance norm, leaky 0.2, Conv2D 12 1/1, Conv2D 12 3/1, "
        "AveragePooling2D, AveragePooling2D, added, leaky 0.2, "
        "GlobalAveragePooling2D, Dense 2, Dense 2",
    ),
    "discogan, generators": (
        lambda: conv_generator((16, 16, 3), (16, 16, 3), 4, 6, "generator"),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, batch norm, leaky 0.2, "
        "Conv2D 6 4/1, batch norm, leaky 0.2, Conv2DTranspose 8 4/1, batch "
        "norm, relu, Conv2DTranspose 4 4/2, batch norm, relu, "
        "Conv2DTranspose 3 4/2, sigmoid",
    ),
    "discogan, discriminators": (
        lambda: conv_discriminator(**CONV, name="discriminator"),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, batch norm, leaky 0.2, flat, "
        "Dense 1",
    ),
    "context_encoder, encoder": (
        lambda: context.context_encoder(
            **CONV, bottleneck="dense", latent_dim=10
        ),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, batch norm, leaky 0.2, flat, "
        "Dense 10, batch norm, leaky 0.2",
    ),
    "context_encoder, channel-wise": (
        lambda: context.context_encoder(
            **CONV, bottleneck="channelwise", latent_dim=10
        ),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, batch norm, leaky 0.2, "
        "ChannelwiseDense, Conv2D 8 1/1, leaky 0.2",
    ),
    "context_encoder, decoder": (
        lambda: context.context_decoder((10,), (16, 16, 3), 4),
        "Dense 128, batch norm, relu, Conv2DTranspose 4 4/2, batch norm, "
        "relu, Conv2DTranspose 3 4/2, tanh",
    ),
    "context_encoder, discriminator": (
        lambda: context.context_discriminator(**CONV),
        "Conv2D 4 4/2, leaky 0.2, Conv2D 8 4/2, batch norm, leaky 0.2, flat, "
        "Dense 1",
    ),
    "segan, generator": (
        lambda: segan_generator((16, 1), (2, 4), 31, True),
        "Conv2D 2 31/2, prelu, Conv2D 4 31/2, prelu, joined, Conv2DTranspose "
        "2 31/2, prelu, joined, Conv2DTranspose 1 31/2, tanh",
    ),
    "segan, discriminator": (
        lambda: segan_discriminator((16, 1), (2, 4), 31, 2),
        "joined, FirstBatch, Conv2D 2 31/2, VirtualBatchNormalization, leaky "
        "0.3, Conv2D 4 31/2, VirtualBatchNormalization, leaky 0.3, Conv2D 1 "
        "1/1, flat, Dense 1",
    ),
    "stargan, generator": (
        lambda: stargan("generator"),
        "UpSampling2D, joined, Conv2D 4 7/1, instance norm, relu, Conv2D 8 "
        "4/2, instance norm, relu, Conv2D 16 4/2, instance norm, relu, "
        "Conv2D 16 3/1, instance norm, relu, Conv2D 16 3/1, instance norm, "
        "added, Conv2DTranspose 8 4/2, instance norm, relu, Conv2DTranspose "
        "4 4/2, instance norm, relu, Conv2D 3 7/1, tanh",
    ),
    "stargan, discriminator": (
        lambda: stargan("discriminator"),
        "Conv2D 4 4/2, leaky 0.01, Conv2D 8 4/2, leaky 0.01, flat, Conv2D 1 "
        "3/1, Dense 5",
    ),
    "simgan, refiner": (
        lambda: simgan("refiner"),
        "Conv2D 4 3/1 relu, Conv2D 4 3/1 relu, Conv2D 4 3/1, added, relu, "
        "Conv2D 1 1/1, tanh",
    ),
    "simgan, discriminator": (
        lambda: simgan("discriminator"),
        "Conv2D 6 3/2 relu, Conv2D 4 3/2 relu, MaxPooling2D, Conv2D 2 3/1 "
        "relu, Conv2D 2 1/1 relu, Conv2D 1 1/1",
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_their_order(name):
    build, expected = LAYERS[name]
    assert ", ".join(structure(build())) == expected


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("pix2pix, generator", "RandomNormal", {"stddev": 0.02}),
        ("pix2pix, discriminator", "RandomNormal", {"stddev": 0.02}),
        ("cyclegan, generators", "RandomNormal", {"stddev": 0.02}),
        (
            "bicyclegan, encoder",
            "VarianceScaling",
            {"scale": 0.02**2, "mode": "fan_avg"},
        ),
        *(
            (
                name,
                "VarianceScaling",
                {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
            )
            for name in (
                "discogan, generators",
                "discogan, discriminators",
                "stargan, generator",
                "stargan, discriminator",
            )
        ),
        ("context_encoder, encoder", "RandomNormal", {"stddev": 0.02}),
        ("context_encoder, decoder", "RandomNormal", {"stddev": 0.02}),
        ("segan, generator", "TruncatedNormal", {"stddev": 0.02}),
    ],
)
def test_first_weights(name, kind, settings):
    found = kernels_of(LAYERS[name][0]())
    assert found
    for initializer in found:
        assert type(initializer).__name__ == kind
        assert settings.items() <= initializer.get_config().items()


@pytest.mark.parametrize(
    "name",
    [
        "pix2pix, generator",
        "pix2pix, discriminator",
        "context_encoder, encoder",
        "segan, discriminator",
    ],
)
def test_scales_begin_around_one(name):
    network = LAYERS[name][0]()
    scales = [
        layer.gamma_initializer
        for layer in network.layers
        if hasattr(layer, "gamma_initializer")
    ]
    assert scales
    for initializer in scales:
        config = initializer.get_config()
        assert (config["mean"], config["stddev"]) == (1.0, 0.02)
