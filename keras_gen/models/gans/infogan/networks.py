"""The networks of InfoGAN."""

import math

import keras
from keras import layers

from keras_gen.layers import BatchNormalization
from keras_gen.networks.conv import divided, strided_conv, transposed_conv


def _normal():
    return keras.initializers.RandomNormal(0.0, 0.02)


def _norm():
    gamma = keras.initializers.RandomNormal(1.0, 0.02)
    return BatchNormalization(gamma_initializer=gamma)


def dense(units):
    return layers.Dense(units, kernel_initializer=_normal())


def infogan_generator(shape, sizes, width):
    """Two dense layers and two transposed convolutions, with biases."""
    smallest = (*divided(shape, 4), 2 * width)

    def relu(x):
        return layers.ReLU()(_norm()(x))

    inputs = [keras.Input((size,)) for size in sizes]
    x = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    x = relu(dense(16 * width)(x))
    x = layers.Reshape(smallest)(relu(dense(math.prod(smallest))(x)))
    x = relu(transposed_conv(width, 4, kernel_initializer=_normal())(x))
    x = transposed_conv(shape[-1], 4, kernel_initializer=_normal())(x)
    images = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(inputs, images, name="generator")


def infogan_discriminator(shape, codes, width, negative_slope):
    """Two convolutions and a dense layer, the logit, and `Q`."""
    divided(shape, 4)

    def leaky_relu(x):
        return layers.LeakyReLU(negative_slope)(x)

    def convolve(filters):
        kernel = keras.initializers.TruncatedNormal(stddev=0.02)
        return strided_conv(filters, 4, kernel_initializer=kernel)

    images = keras.Input(shape)
    x = leaky_relu(convolve(width)(images))
    x = leaky_relu(_norm()(convolve(2 * width)(x)))
    x = leaky_relu(_norm()(dense(16 * width)(layers.Flatten()(x))))
    q = leaky_relu(_norm()(dense(2 * width)(x)))
    outputs = [dense(1)(x), *[dense(size)(q) for size in codes]]
    return keras.Model(images, outputs, name="discriminator")
