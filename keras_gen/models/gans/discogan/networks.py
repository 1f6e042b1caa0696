"""The networks of DiscoGAN: the official code's, and those of its toy."""

import keras
from keras import layers

from keras_gen.layers import BatchNormalization
from keras_gen.networks.conv import (
    fan_in_uniform,
    strided_conv,
    transposed_conv,
)
from keras_gen.networks.dcgan import halvings


def uniform():
    """The initializer of PyTorch's layers."""
    return {"kernel_initializer": fan_in_uniform()}


def conv_generator(source, target, filters, bottleneck_units, name):
    """Convolutions that halve the sides, and transposed ones that double them.

    To images in [0, 1].
    """
    sides, halved = halvings(source, "input_shape")
    x = images = keras.Input(source)
    for level in range(halved):
        x = strided_conv(filters * 2**level, 4, use_bias=False, **uniform())(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x) if level else x)
    if bottleneck_units:
        x = layers.Conv2D(bottleneck_units, sides, use_bias=False, **uniform())(
            x
        )
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
        widest = filters * 2 ** (halved - 1)
        x = layers.Conv2DTranspose(widest, sides, use_bias=False, **uniform())(
            x
        )
        x = layers.ReLU()(BatchNormalization()(x))
    for level in reversed(range(halved - 1)):
        x = transposed_conv(filters * 2**level, 4, use_bias=False, **uniform())(
            x
        )
        x = layers.ReLU()(BatchNormalization()(x))
    x = transposed_conv(target[-1], 4, use_bias=False, **uniform())(x)
    translated = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(images, translated, name=name)


def conv_discriminator(shape, filters, name):
    """To a logit and the outputs of all hidden layers but the first."""
    x, features = (images := keras.Input(shape)), []
    for level in range(halvings(shape, "input_shape")[1]):
        x = strided_conv(filters * 2**level, 4, use_bias=False, **uniform())(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x) if level else x)
        features.append(x)
    last = layers.Dense(1, use_bias=False, dtype="float32", **uniform())
    logit = last(layers.Flatten()(x))
    return keras.Model(images, [logit, *features[1:]], name=name)


def mlp_generator(source, target, units, name):
    """Three hidden layers, between vectors."""
    x = points = keras.Input(source)
    for _ in range(3):
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(points, layers.Dense(target[-1])(x), name=name)


def mlp_discriminator(shape, units, name):
    """Five layers, to a logit and the outputs of all hidden but the first."""
    x, features = (points := keras.Input(shape)), []
    for _ in range(4):
        x = layers.Dense(units, activation="relu")(x)
        features.append(x)
    return keras.Model(points, [layers.Dense(1)(x), *features[1:]], name=name)
