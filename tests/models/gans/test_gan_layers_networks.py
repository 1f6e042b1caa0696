"""The networks of adversarial models, layer by layer, in small.

Layer counts and parameter counts do not see a missing nonlinearity, another
slope, or first weights of another size.
"""

import pytest

from tests.contract.case import all_cases
from tests.structure import kernels_of, structure

LAYERS = {
    ("gan", "discriminator"): (
        "flat, DropoutNoise, Maxout 3, DropoutNoise, Dense 1"
    ),
    ("gan", "generator"): ("Dense 4 relu, Dense 6 sigmoid"),
    ("cgan", "discriminator"): (
        "flat, Maxout 6, Maxout 1, DropoutNoise, DropoutNoise, joined, "
        "Maxout 6, DropoutNoise, Dense 1"
    ),
    ("cgan", "generator"): (
        "Dense 5 relu, Dense 25 relu, DropoutNoise, DropoutNoise, joined, "
        "Dense 30 relu, DropoutNoise, Dense 6 sigmoid"
    ),
    ("cgan-conv", "discriminator"): (
        "UpSampling2D, joined, Conv2D 2 5/2, leaky 0.2, UpSampling2D, "
        "joined, Conv2D 4 5/2, batch norm, leaky 0.2, flat, joined, Dense "
        "32, batch norm, leaky 0.2, joined, Dense 1"
    ),
    ("cgan-conv", "generator"): (
        "joined, Dense 32, batch norm, relu, joined, Dense 4, batch norm, "
        "relu, UpSampling2D, joined, Conv2DTranspose 2 5/2, batch norm, "
        "relu, UpSampling2D, joined, Conv2DTranspose 1 5/2, sigmoid"
    ),
    ("dcgan", "discriminator"): ("Conv2D 4 5/2, leaky 0.2, flat, Dense 1"),
    ("dcgan", "generator"): (
        "Dense 64, batch norm, relu, Conv2DTranspose 1 5/2, tanh"
    ),
    ("catgan", "discriminator"): (
        "flat, AdditiveNoise, Dense 5, batch norm, relu, AdditiveNoise, "
        "Dense 4, batch norm, relu, AdditiveNoise, Dense 3"
    ),
    ("catgan", "generator"): ("Dense 4, batch norm, relu, Dense 6 sigmoid"),
    ("infogan", "discriminator"): (
        "Conv2D 2 4/2, leaky 0.1, Conv2D 4 4/2, batch norm, leaky 0.1, "
        "flat, Dense 32, batch norm, leaky 0.1, Dense 4, batch norm, leaky "
        "0.1, Dense 1, Dense 3, Dense 2"
    ),
    ("infogan", "generator"): (
        "joined, Dense 32, batch norm, relu, Dense 4, batch norm, relu, "
        "Conv2DTranspose 2 4/2, batch norm, relu, Conv2DTranspose 1 4/2, "
        "sigmoid"
    ),
    ("ebgan", "encoder"): ("flat, Dense 4 relu, Dense 3 relu"),
    ("ebgan", "decoder"): ("Dense 6"),
    ("ebgan", "generator"): ("Dense 4, batch norm, relu, Dense 6 sigmoid"),
    ("ebgan-conv", "encoder"): ("Conv2D 3 4/2, leaky 0.2, flat"),
    ("ebgan-conv", "decoder"): ("Conv2DTranspose 1 4/2"),
    ("ebgan-conv", "generator"): (
        "Dense 48, batch norm, relu, Conv2DTranspose 1 4/2, tanh"
    ),
    ("acgan", "discriminator"): (
        "Conv2D 2 3/2, leaky 0.2, DropoutNoise, Conv2D 4 3/1, batch norm, "
        "leaky 0.2, DropoutNoise, Conv2D 8 3/2, batch norm, leaky 0.2, "
        "DropoutNoise, Conv2D 16 3/1, batch norm, leaky 0.2, DropoutNoise, "
        "Conv2D 32 3/2, batch norm, leaky 0.2, DropoutNoise, Conv2D 64 3/1, "
        "batch norm, leaky 0.2, DropoutNoise, flat, Dense 1, Dense 3"
    ),
    ("acgan", "generator"): (
        "joined, Dense 3 relu, Conv2DTranspose 2 5/2, batch norm, relu, "
        "Conv2DTranspose 1 5/2, tanh"
    ),
    ("cogan", "discriminator"): (
        "Conv2D 2 5/1, Conv2D 2 5/1, MaxPooling2D, MaxPooling2D, Conv2D 3 "
        "3/1, prelu, flat, flat, Dense 2"
    ),
    ("cogan", "generator"): (
        "Conv2DTranspose 3 4/1, batch norm, prelu, Conv2DTranspose 2 3/2, "
        "Cropping2D, batch norm, prelu, Conv2DTranspose 1 6/1, "
        "Conv2DTranspose 1 6/1, Cropping2D, Cropping2D, sigmoid, sigmoid"
    ),
    ("triple_gan", "discriminator"): (
        "flat, AdditiveNoise, joined, WeightNormDense 4 relu, "
        "AdditiveNoise, joined, joined, WeightNormDense 3 relu, "
        "AdditiveNoise, joined, WeightNormDense 1"
    ),
    ("triple_gan", "generator"): (
        "joined, Dense 4, batch norm, softplus, joined, WeightNormDense "
        "144, sigmoid"
    ),
    ("triple_gan", "classifier"): (
        "Conv2D 2 5/1, batch norm, relu, MaxPooling2D, DropoutNoise, Conv2D "
        "4 3/1, batch norm, relu, Conv2D 4 3/1, batch norm, relu, "
        "MaxPooling2D, DropoutNoise, Conv2D 8 3/1, batch norm, relu, Conv2D "
        "8 3/1, batch norm, relu, GlobalAveragePooling2D, Dense 3"
    ),
    ("wgan", "critic"): ("Conv2D 2 4/2, leaky 0.2, flat, Dense 1"),
    ("wgan", "generator"): (
        "Dense 32, batch norm, relu, Conv2DTranspose 1 4/2, tanh"
    ),
    ("wgan-mlp", "critic"): (
        "flat, Dense 4 relu, Dense 4 relu, Dense 4 relu, Dense 1"
    ),
    ("wgan-mlp", "generator"): (
        "Dense 4 relu, Dense 4 relu, Dense 4 relu, Dense 2"
    ),
    ("wgan_gp", "critic"): (
        "Conv2D 2 5/2, leaky 0.2, Conv2D 4 5/2, leaky 0.2, Conv2D 8 5/2, "
        "leaky 0.2, flat, Dense 1"
    ),
    ("wgan_gp", "generator"): (
        "Dense 128 relu, Conv2DTranspose 4 5/2, relu, Cropping2D, "
        "Conv2DTranspose 2 5/2, relu, Conv2DTranspose 1 5/2, sigmoid"
    ),
    ("sngan", "discriminator"): (
        "SpectralConv2D 2 3/1, relu, AveragePooling2D, SpectralConv2D 2 "
        "3/1, SpectralConv2D 2 1/1, AveragePooling2D, added, relu, "
        "SpectralConv2D 2 3/1, relu, SpectralConv2D 3 1/1, SpectralConv2D 3 "
        "3/1, AveragePooling2D, AveragePooling2D, added, relu, "
        "SpectralEmbedding, SpectralDense 1"
    ),
    ("sngan", "generator"): (
        "Dense 12, ConditionalBatchNormalization, relu, UpSampling2D, "
        "Conv2D 2 3/1, ConditionalBatchNormalization, UpSampling2D, relu, "
        "Conv2D 2 1/1, Conv2D 2 3/1, added, batch norm, relu, Conv2D 1 3/1, "
        "tanh"
    ),
    ("sngan-cnn", "discriminator"): (
        "SpectralConv2D 2 3/1, leaky 0.1, SpectralConv2D 2 4/2, leaky 0.1, "
        "SpectralConv2D 3 3/1, leaky 0.1, flat, SpectralDense 1"
    ),
    ("sngan-cnn", "generator"): (
        "Dense 12, Conv2DTranspose 2 4/2, batch norm, relu, Conv2D 1 3/1, tanh"
    ),
    ("improved_gan", "discriminator"): (
        "flat, AdditiveNoise, WeightNormDense 6, relu, AdditiveNoise, "
        "WeightNormDense 5, relu, AdditiveNoise, WeightNormDense 3"
    ),
    ("improved_gan", "generator"): (
        "Dense 5, batch norm, softplus, WeightNormDense 16, sigmoid"
    ),
    ("improved_gan-minibatch", "discriminator"): (
        "AdditiveNoise, WeightNormConv2D 3 3/1, leaky 0.2, WeightNormConv2D "
        "3 3/1, leaky 0.2, WeightNormConv2D 3 3/2, leaky 0.2, DropoutNoise, "
        "WeightNormConv2D 4 3/1, leaky 0.2, WeightNormConv2D 4 3/1, leaky "
        "0.2, WeightNormConv2D 4 3/2, leaky 0.2, DropoutNoise, "
        "WeightNormConv2D 4 3/1, leaky 0.2, WeightNormConv2D 4 1/1, leaky "
        "0.2, WeightNormConv2D 4 1/1, leaky 0.2, GlobalAveragePooling2D, "
        "MinibatchDiscrimination, joined, WeightNormDense 3"
    ),
    ("improved_gan-minibatch", "generator"): (
        "ReferenceBatch, Dense 27, VirtualBatchNormalization, relu, "
        "Conv2DTranspose 2 5/2, VirtualBatchNormalization, relu, "
        "WeightNormConv2DTranspose 1 5/2, tanh"
    ),
    ("lsgan", "discriminator"): (
        "Dense 8, Conv2D 9 5/2, leaky 0.2, UpSampling2D, joined, Conv2D 10 "
        "5/2, batch norm, leaky 0.2, flat, joined, Dense 32, batch norm, "
        "leaky 0.2, joined, Dense 1"
    ),
    ("lsgan", "generator"): (
        "Dense 8, joined, Dense 4, batch norm, relu, Conv2DTranspose 4 5/2, "
        "batch norm, relu, Conv2DTranspose 1 5/2, sigmoid"
    ),
    ("lsgan-mlp", "discriminator"): (
        "flat, Dense 4 tanh, Dense 4 tanh, Dense 1"
    ),
    ("lsgan-mlp", "generator"): ("Dense 4 tanh, Dense 4 tanh, Dense 2"),
}
NORMAL = {"class_name": "RandomNormal", "mean": 0.0, "stddev": 0.02}
SQUARED_GAINS = (2.0, 2.0, 1.0, 2.0, 1.0, 2.0)
# Of all layers, or of one after the other.
FIRST_WEIGHTS = {
    ("gan", "discriminator"): [{"minval": -0.005, "maxval": 0.005}],
    ("gan", "generator"): [{"minval": -0.05, "maxval": 0.05}],
    ("cgan-conv", "discriminator"): [NORMAL],
    ("cgan-conv", "generator"): [NORMAL],
    ("dcgan", "discriminator"): [NORMAL],
    ("dcgan", "generator"): [NORMAL],
    ("infogan", "discriminator"): [
        *2 * [{"class_name": "TruncatedNormal", "stddev": 0.02}],
        *5 * [NORMAL],
    ],
    ("infogan", "generator"): [NORMAL],
    ("ebgan-conv", "generator"): [NORMAL],
    ("acgan", "discriminator"): [NORMAL],
    ("acgan", "generator"): [NORMAL],
    ("wgan", "critic"): [NORMAL],
    ("wgan", "generator"): [NORMAL],
    # Gains of residual layers, of shortcuts, and of the last layer.
    ("sngan", "discriminator"): [
        *({"scale": scale, "mode": "fan_avg"} for scale in SQUARED_GAINS),
        {"class_name": "GlorotUniform"},
    ],
    ("sngan-cnn", "discriminator"): [{"class_name": "GlorotUniform"}],
    ("improved_gan", "discriminator"): [{"mean": 0.0, "stddev": 0.1}],
    ("improved_gan-minibatch", "generator"): [{"stddev": 0.05}],
    ("lsgan-mlp", "discriminator"): [{"class_name": "Orthogonal", "gain": 1.4}],
    ("lsgan-mlp", "generator"): [{"class_name": "Orthogonal", "gain": 1.4}],
}


@pytest.mark.parametrize(("key", "network"), LAYERS, ids=map("-".join, LAYERS))
def test_layers_in_their_order(key, network):
    built = getattr(all_cases()[key].prototype, network)
    assert ", ".join(structure(built)) == LAYERS[key, network]


@pytest.mark.parametrize(
    ("key", "network"), FIRST_WEIGHTS, ids=map("-".join, FIRST_WEIGHTS)
)
def test_first_weights(key, network):
    found = kernels_of(getattr(all_cases()[key].prototype, network))
    expected = FIRST_WEIGHTS[key, network]
    if len(expected) == 1:
        expected = len(found) * expected
    assert len(found) == len(expected)
    for initializer, settings in zip(found, expected, strict=True):
        config = initializer.get_config()
        config["class_name"] = type(initializer).__name__
        assert settings.items() <= config.items()
