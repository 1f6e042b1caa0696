"""The networks of the experiments of "Least Squares GANs".

Widths, biases and initial weights are those of the official code.
"""

import math
from functools import partial

import keras
from keras import layers

from keras_gen.layers import BatchNormalization
from keras_gen.networks.architectures import Architecture
from keras_gen.networks.conditioning import condition_input, with_condition
from keras_gen.networks.conv import divided, strided_conv, transposed_conv
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

# Of the labels' linear map: 4 times the width, 256 in the paper.
LABEL_FACTOR = 4


def dense(units, **options):
    return layers.Dense(units, kernel_initializer=_normal(), **options)


def convolve(filters):
    truncated = keras.initializers.TruncatedNormal(stddev=0.02)
    return strided_conv(filters, 5, kernel_initializer=truncated)


def deconvolve(filters, kernel_size, strides=2):
    options = dict(strides=strides, kernel_initializer=_normal())
    return transposed_conv(filters, kernel_size, **options)


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def relu(x):
    return layers.ReLU()(BatchNormalization()(x))


def leaky_relu(x):
    return layers.LeakyReLU(0.2)(BatchNormalization()(x))


def scene_generator(shape, latent_dim, width):
    """112x112: pairs of transposed convolutions of strides 2 and 1."""
    smallest = (*divided(shape, 16), 4 * width)
    z = keras.Input((latent_dim,))
    x = layers.Reshape(smallest)(relu(dense(math.prod(smallest))(z)))
    for factor, strides in ((4, 2), (4, 1), (4, 2), (4, 1), (2, 2), (1, 2)):
        x = relu(deconvolve(factor * width, 3, strides)(x))
    x = deconvolve(shape[-1], 3, 1)(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, images, name="generator")


def scene_discriminator(shape, width):
    """112x112: four strided convolutions."""
    x = images = keras.Input(shape)
    for factor in (1, 2, 4, 8):
        x = convolve(factor * width)(x)
        x = leaky_relu(x) if factor > 1 else layers.LeakyReLU(0.2)(x)
    scores = dense(1, dtype="float32")(layers.Flatten()(x))
    return keras.Model(images, scores, name="discriminator")


def label_input(num_classes, width):
    """Labels, and the linear map of their one-hot vectors."""
    labels, one_hot = condition_input(num_classes)
    return labels, dense(LABEL_FACTOR * width)(one_hot)


def character_generator(shape, latent_dim, width, num_classes=None):
    """28x28: two transposed convolutions."""
    smallest = (*divided(shape, 4), 2 * width)
    inputs = x = keras.Input((latent_dim,))
    if num_classes:
        labels, embedded = label_input(num_classes, width)
        inputs, x = [x, labels], layers.Concatenate()([x, embedded])
    x = layers.Reshape(smallest)(relu(dense(math.prod(smallest))(x)))
    x = relu(deconvolve(2 * width, 5)(x))
    x = deconvolve(shape[-1], 5)(x)
    images = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(inputs, images, name="generator")


def character_discriminator(shape, width, num_classes=None):
    """28x28: two strided convolutions and a hidden layer.

    The labels' linear map is concatenated to the input of each layer but the
    first, and widens the first two.
    """
    inputs = x = keras.Input(shape)
    wider, embedded = 0, None
    if num_classes:
        labels, embedded = label_input(num_classes, width)
        inputs, wider = [x, labels], LABEL_FACTOR * width

    def with_labels(x):
        return x if embedded is None else with_condition(x, embedded)

    x = layers.LeakyReLU(0.2)(convolve(shape[-1] + wider)(x))
    x = leaky_relu(convolve(width + wider)(with_labels(x)))
    x = leaky_relu(dense(16 * width)(with_labels(layers.Flatten()(x))))
    scores = dense(1, dtype="float32")(with_labels(x))
    return keras.Model(inputs, scores, name="discriminator")


orthogonal = partial(keras.initializers.Orthogonal, gain=1.4)


def mlp_generator(shape, latent_dim, width):
    """Points: two hidden layers of tanh units."""
    ends = ("tanh", None, orthogonal)
    return mlp_decoder(shape, (width,) * 2, latent_dim, *ends, name="generator")


def mlp_discriminator(shape, width):
    """Points: two hidden layers of tanh units."""
    ends = ("tanh", None, orthogonal)
    head = {"score": 1}
    return mlp_encoder(shape, (width,) * 2, head, *ends, name="discriminator")


ARCHITECTURES = {
    "scenes": Architecture(
        64,
        (None, None, None),
        (-1.0, 1.0),
        scene_generator,
        scene_discriminator,
    ),
    "characters": Architecture(
        64,
        (None, None, None),
        (0.0, 1.0),
        character_generator,
        character_discriminator,
        conditional=True,
    ),
    "mlp": Architecture(128, (None,), None, mlp_generator, mlp_discriminator),
}
