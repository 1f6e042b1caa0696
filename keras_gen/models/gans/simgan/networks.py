"""The networks of SimGAN."""

import keras
from keras import layers

from keras_gen.layers import Conv2D

# Of the refiner, the first kernel size and the blocks; of the discriminator,
# the kernel sizes and strides of its first layers, its max pooling, and the
# third.
ARCHITECTURES = {
    "gaze": (3, 4, (3, 2), (3, 2), (3, 1), (3, 1)),
    "hand": (7, 10, (7, 4), (5, 2), (3, 2), (3, 2)),
}


def conv(x, filters, kernel_size, strides=1, activation="relu"):
    return Conv2D(
        filters, kernel_size, strides, padding="same", activation=activation
    )(x)


def refiner_network(shape, filters, kernel_size, num_blocks):
    """Residual blocks at the size of the image, to images in [-1, 1]."""
    images = keras.Input(shape)
    x = conv(images, filters, kernel_size)
    for _ in range(num_blocks):
        h = conv(conv(x, filters, 3), filters, 3, activation=None)
        x = layers.ReLU()(layers.Add()([x, h]))
    x = Conv2D(shape[-1], 1)(x)
    refined = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(images, refined, name="refiner")


def local_discriminator(shape, filters, first, second, pool, third):
    """To a map of logits, each of which sees a part of the image."""
    images = keras.Input(shape)
    x = conv(images, filters, *first)
    x = conv(x, max(2 * filters // 3, 1), *second)
    x = layers.MaxPooling2D(*pool, padding="same")(x)
    last = max(filters // 3, 1)
    x = conv(conv(x, last, *third), last, 1)
    logits = Conv2D(1, 1, dtype="float32")(x)
    return keras.Model(images, logits, name="discriminator")
