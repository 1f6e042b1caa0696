"""The networks of the papers on spectral normalization and projection."""

import math
import typing
from functools import partial

import keras
from keras import layers, ops

from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    Conv2D,
    SpectralConv2D,
    SpectralDense,
    SpectralEmbedding,
)
from keras_gen.networks.conv import divided, transposed_conv
from keras_gen.networks.resnet import (
    convolve,
    optimized_residual_block,
    residual_block,
)


class Sizes(typing.NamedTuple):
    """The networks of one of the papers' experiments.

    Attributes:
        generator: Tuple. The feature maps after the dense layer and after each
            layer or block that doubles the sides.
        discriminator: Tuple. The feature maps of its blocks or, of `"cnn"`,
            pairs of layers.
        pooled: Integer. How many of the blocks halve the sides.
        last_bias: Boolean. Whether the last layer has a bias.
    """

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    pooled: int
    last_bias: bool = True


ARCHITECTURES = {
    "resnet32": Sizes((256,) * 4, (128,) * 4, 2, False),
    "resnet48": Sizes((512, 256, 128, 64), (64, 128, 256, 512, 1024), 4, False),
    "resnet64": Sizes((1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 4),
    "resnet128": Sizes(
        (1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5
    ),
    "cnn": Sizes((512, 256, 128, 64), (64, 128, 256, 512), 3),
}


# Chainer's batch normalization.
batch_norm = partial(BatchNormalization, epsilon=2e-5)


spectral_convolve = partial(convolve, layer=SpectralConv2D)


def dense_maps(z, shape, filters):
    """The first feature maps, of latents."""
    sides = divided(shape, 2 ** (len(filters) - 1))
    x = layers.Dense(math.prod(sides) * filters[0])(z)
    return layers.Reshape((*sides, filters[0]))(x)


def resnet_generator(shape, latent_dim, num_classes, sizes):
    """Blocks that double the sides."""
    z = keras.Input((latent_dim,))
    labels = keras.Input((), dtype="int32")

    def by_class():
        layer = ConditionalBatchNormalization(num_classes, epsilon=2e-5)
        return lambda x: layer(x, labels)

    x = dense_maps(z, shape, sizes.generator)
    norm = by_class if num_classes else batch_norm
    for filters in sizes.generator[1:]:
        x = residual_block(x, filters, norm=norm, resample="up")
    x = layers.ReLU()(batch_norm()(x))
    x = convolve(x, shape[-1], 3, gain=1.0)
    images = layers.Activation("tanh", dtype="float32")(x)
    inputs = [z, labels] if num_classes else z
    return keras.Model(inputs, images, name="generator")


def resnet_discriminator(shape, num_classes, sizes):
    """Blocks that halve the sides and others, a sum over positions, and the
    projection on the class."""
    images = keras.Input(shape)
    first, *rest = sizes.discriminator
    x = optimized_residual_block(images, first, spectral_convolve)
    for i, filters in enumerate(rest, start=1):
        x = residual_block(
            x,
            filters,
            spectral_convolve,
            resample="down" if i < sizes.pooled else None,
            hidden=x.shape[-1],
        )
    x = ops.cast(layers.ReLU()(x), "float32")
    x = ops.sum(x, axis=(1, 2))
    score = SpectralDense(1, use_bias=sizes.last_bias, dtype="float32")(x)
    if not num_classes:
        return keras.Model(images, score, name="discriminator")
    labels = keras.Input((), dtype="int32")
    embedding = SpectralEmbedding(
        num_classes,
        x.shape[-1],
        embeddings_initializer="glorot_uniform",
        dtype="float32",
    )
    projection = embedding(labels) * x
    score = score + ops.sum(projection, axis=-1, keepdims=True)
    return keras.Model([images, labels], score, name="discriminator")


def cnn_generator(shape, latent_dim, sizes):
    """Transposed convolutions that double the sides."""
    z = keras.Input((latent_dim,))
    x = dense_maps(z, shape, sizes.generator)
    for filters in sizes.generator[1:]:
        x = layers.ReLU()(batch_norm()(transposed_conv(filters, 4)(x)))
    x = Conv2D(shape[-1], 3, padding="same")(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, images, name="generator")


def cnn_discriminator(shape, sizes):
    """Pairs of convolutions of strides 1 and 2, and one more."""
    x = images = keras.Input(shape)
    *pairs, last = sizes.discriminator

    def leaky_relu(x, filters, kernel_size, strides=1):
        x = SpectralConv2D(filters, kernel_size, strides, padding="same")(x)
        return layers.LeakyReLU(0.1)(x)

    for filters in pairs:
        x = leaky_relu(leaky_relu(x, filters, 3), filters, 4, 2)
    x = layers.Flatten()(leaky_relu(x, last, 3))
    score = SpectralDense(1, dtype="float32")(x)
    return keras.Model(images, score, name="discriminator")
