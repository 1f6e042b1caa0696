"""The networks of the context encoder's official code, for any size."""

import math

import keras
from keras import layers

from keras_gen.layers import ChannelwiseDense
from keras_gen.networks.conv import strided_conv, transposed_conv
from keras_gen.networks.dcgan import halvings
from keras_gen.networks.translation import batch_norm, normal


def widths(shape, filters):
    """The filters of each layer between an image and its smallest maps.

    The last has eight times as many as the first at most: of large images,
    the first layers have as many.
    """
    halved = halvings(shape)[1]
    return [
        filters * 2 ** max(i - max(halved - 4, 0), 0) for i in range(halved)
    ]


def trunk(images, filters):
    """Strided convolutions of images, the first without normalization."""
    x = images
    for level, size in enumerate(widths(images.shape[1:], filters)):
        x = strided_conv(size, 4, use_bias=False, kernel_initializer=normal())(
            x
        )
        x = layers.LeakyReLU(0.2)(batch_norm()(x) if level else x)
    return x


def dense(units, **options):
    return layers.Dense(
        units, use_bias=False, kernel_initializer=normal(), **options
    )


def context_encoder(shape, filters, bottleneck, latent_dim):
    """From an image to a vector, or to maps of 1x1 if it is channel-wise."""
    images = keras.Input(shape)
    x = trunk(images, filters)
    if bottleneck == "dense":
        x = dense(latent_dim)(layers.Flatten()(x))
        codes = layers.LeakyReLU(0.2)(batch_norm()(x))
    else:
        x = ChannelwiseDense()(x)
        x = layers.Conv2D(x.shape[-1], 1, kernel_initializer=normal())(x)
        codes = layers.LeakyReLU(0.2)(x)
    return keras.Model(images, codes, name="encoder")


def context_decoder(code_shape, shape, filters):
    """From codes to pixels in [-1, 1]."""
    size = widths(shape, filters)[-1]
    x = codes = keras.Input(code_shape)
    if len(code_shape) == 1:
        maps = (*halvings(shape)[0], size)
        x = layers.Reshape(maps)(dense(math.prod(maps))(x))
        x = layers.ReLU()(batch_norm()(x))
    if any(
        side % (2 * maps) or side // maps != shape[0] // x.shape[1]
        for side, maps in zip(shape[:2], x.shape[1:3], strict=True)
    ):
        raise ValueError(
            "The predicted pixels must have sides that the maps of a channel-"
            f"wise bottleneck can be doubled to. Received: {shape[:2]} pixels "
            f"and maps of {x.shape[1:3]}. Pass another `hole_size`."
        )
    while 2 * x.shape[1] < shape[0]:
        size = max(size // 2, filters)
        x = transposed_conv(
            size, 4, use_bias=False, kernel_initializer=normal()
        )(x)
        x = layers.ReLU()(batch_norm()(x))
    x = transposed_conv(
        shape[-1], 4, use_bias=False, kernel_initializer=normal()
    )(x)
    pixels = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(codes, pixels, name="decoder")


def context_discriminator(shape, filters):
    """From pixels to a logit."""
    images = keras.Input(shape)
    logit = dense(1, dtype="float32")(layers.Flatten()(trunk(images, filters)))
    return keras.Model(images, logit, name="discriminator")
