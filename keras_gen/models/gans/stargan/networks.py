"""The discriminator of StarGAN, which also classifies."""

import keras
from keras import layers

from keras_gen.layers import Conv2D
from keras_gen.networks.conv import divided, fan_in_uniform, strided_conv


def stargan_discriminator(shape, filters, num_layers, num_logits):
    """Strided convolutions, to a map of scores and to logits."""
    divided(shape, 2**num_layers, "image_shape")
    x = images = keras.Input(shape)
    for level in range(num_layers):
        x = strided_conv(
            filters * 2**level, 4, kernel_initializer=fan_in_uniform()
        )(x)
        x = layers.LeakyReLU(0.01)(x)

    last = {"use_bias": False, "dtype": "float32"}
    scores = Conv2D(
        1, 3, padding="same", kernel_initializer=fan_in_uniform(), **last
    )(x)
    # The convolution over the whole map.
    logits = layers.Dense(
        num_logits, kernel_initializer=fan_in_uniform(), **last
    )(layers.Flatten()(x))
    return keras.Model(images, [scores, logits], name="discriminator")
