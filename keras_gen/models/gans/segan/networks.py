"""The networks of SEGAN: convolutions over time.

Signals are maps whose height is 1, which convolutions are quicker on than of
width 1.
"""

from functools import partial

import keras
from keras import layers

from keras_gen.layers import (
    Conv2D,
    Conv2DTranspose,
    FirstBatch,
    VirtualBatchNormalization,
)


def normal():
    return keras.initializers.TruncatedNormal(stddev=0.02)


def strided(layer, filters, kernel_size):
    """A layer that halves or doubles the length of signals."""
    return layer(
        filters,
        (1, kernel_size),
        (1, 2),
        padding="same",
        kernel_initializer=normal(),
    )


def prelu():
    return layers.PReLU(shared_axes=[1, 2])


def segan_generator(shape, filters, kernel_size, latents):
    """From a noisy signal, and latents if there are any, to a clean one.

    What skip connections carry is taken in front of the activation.
    """
    length, _ = shape
    signal = keras.Input(shape)
    x = layers.Reshape((1, length, 1))(signal)
    skips = []
    for size in filters:
        x = strided(Conv2D, size, kernel_size)(x)
        skips.append(x)
        x = prelu()(x)
    inputs = [signal]
    if latents:
        *_, maps, channels = x.shape
        z = keras.Input((maps, channels))
        inputs.append(z)
        z = layers.Reshape((1, maps, channels))(z)
        x = layers.Concatenate()([z, x])
    for size, skip in zip(filters[-2::-1], skips[-2::-1], strict=True):
        x = prelu()(strided(Conv2DTranspose, size, kernel_size)(x))
        x = layers.Concatenate()([x, skip])
    x = strided(Conv2DTranspose, 1, kernel_size)(x)
    x = layers.Reshape(shape)(x)
    clean = layers.Activation("tanh", dtype="float32")(x)
    if len(inputs) == 1:
        (inputs,) = inputs
    return keras.Model(inputs, clean, name="generator")


def segan_discriminator(shape, filters, kernel_size, reference_size):
    """From a clean or enhanced signal and the noisy one to a score."""
    inputs = [keras.Input(shape), keras.Input(shape)]
    pair = layers.Concatenate()(inputs)
    x = layers.Reshape((1, shape[0], pair.shape[-1]))(pair)
    reference = FirstBatch(reference_size)(x)
    gamma = partial(keras.initializers.RandomNormal, 1.0, 0.02)
    for size in filters:
        conv = strided(Conv2D, size, kernel_size)
        norm = VirtualBatchNormalization(gamma_initializer=gamma())
        x, reference = norm(conv(x), conv(reference))
        x, reference = map(layers.LeakyReLU(0.3), (x, reference))
    x = Conv2D(1, 1, use_bias=False, kernel_initializer=normal())(x)
    score = layers.Dense(1, dtype="float32")(layers.Flatten()(x))
    return keras.Model(inputs, score, name="discriminator")
