"""The networks of the energy-based generative adversarial network."""

import math

import keras
from keras import layers

from keras_gen.layers import BatchNormalization
from keras_gen.networks.conv import strided_conv, transposed_conv
from keras_gen.networks.dcgan import halvings


def linear_decoder(shape, size):
    """One layer."""
    code = keras.Input((size,))
    x = layers.Reshape(shape)(layers.Dense(math.prod(shape))(code))
    return keras.Model(code, x, name="decoder")


def _normal():
    return {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.02)}


def depth_of(shape):
    """The strided convolutions: of 64x64 three, which leave 8x8."""
    return max(1, halvings(shape)[1] - 1)


def conv_encoder(shape, base_filters):
    """Strided convolutions; the code is all of the last feature maps."""
    x = images = keras.Input(shape)
    for i in range(depth_of(shape)):
        x = strided_conv(base_filters * 2**i, 4, **_normal())(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x) if i else x)
    return keras.Model(images, layers.Flatten()(x), name="encoder")


def conv_decoder(shape, base_filters):
    """The mirror image of `conv_encoder`."""
    depth = depth_of(shape)
    sides = [side // 2**depth for side in shape[:2]]
    smallest = (*sides, base_filters * 2 ** (depth - 1))
    code = keras.Input((math.prod(smallest),))
    x = layers.Reshape(smallest)(code)
    for i in reversed(range(depth - 1)):
        x = transposed_conv(base_filters * 2**i, 4, **_normal())(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
    x = transposed_conv(shape[-1], 4, **_normal())(x)
    return keras.Model(code, x, name="decoder")
