"""The networks of the experiments of "Improved Training of Wasserstein GANs".

Widths, biases and initial weights are those of the official code.
"""

import keras
from keras import layers

from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    LayerNormalization,
)
from keras_gen.networks.architectures import Architecture
from keras_gen.networks.conv import transposed_conv
from keras_gen.networks.resnet import (
    optimized_residual_block,
    residual_block,
)


def scaled_uniform(fan_in, fan_out, gain=1.0):
    """Uniform weights of variance `2 * gain / (fan_in + fan_out)`."""
    limit = (6.0 * gain / (fan_in + fan_out)) ** 0.5
    return keras.initializers.RandomUniform(-limit, limit)


def convolve(x, filters, kernel_size, strides=1, use_bias=True, gain=2.0):
    """Convolution of images or text with the official code's weights."""
    rank = len(x.shape) - 2
    fan_in = x.shape[-1] * kernel_size**rank
    fan_out = filters * kernel_size**rank / strides**rank
    layer = layers.Conv1D if rank == 1 else layers.Conv2D
    kernel = scaled_uniform(fan_in, fan_out, gain)
    options = dict(padding="same", use_bias=use_bias, kernel_initializer=kernel)
    return layer(filters, kernel_size, strides, **options)(x)


def to_images(x, channels, gain):
    """Batch norm, ReLU, convolution and tanh at the end of a ResNet."""
    x = layers.ReLU()(BatchNormalization()(x))
    x = convolve(x, channels, 3, gain=gain)
    return layers.Activation("tanh", dtype="float32")(x)


def resnet_generator(shape, latent_dim, width, num_classes=None):
    """32x32: three up-blocks, with conditional batch normalization."""
    z = keras.Input((latent_dim,))
    labels = keras.Input((), dtype="int32")

    def by_class():
        layer = ConditionalBatchNormalization(num_classes)
        return lambda x: layer(x, labels)

    inputs = [z, labels] if num_classes else z
    norm = by_class if num_classes else BatchNormalization
    x = layers.Reshape((4, 4, width))(layers.Dense(16 * width)(z))
    for _ in range(3):
        x = residual_block(x, width, convolve, norm, "up")
    images = to_images(x, shape[-1], gain=1.0)
    return keras.Model(inputs, images, name="generator")


def resnet_critic(shape, width, num_classes=None):
    """32x32: four blocks without normalization, a mean over positions."""
    images = keras.Input(shape)
    x = optimized_residual_block(images, width, convolve)
    for resample in ("down", None, None):
        x = residual_block(x, width, convolve, resample=resample)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return critic_heads(images, x, num_classes)


def deep_resnet_generator(shape, latent_dim, width):
    """64x64: four up-blocks of 8, 4, 2 and 1 times the width."""
    z = keras.Input((latent_dim,))
    x = layers.Reshape((4, 4, 8 * width))(layers.Dense(128 * width)(z))
    for size in (8 * width, 4 * width, 2 * width, width):
        x = residual_block(
            x, size, convolve, BatchNormalization, "up", first_bias=False
        )
    images = to_images(x, shape[-1], gain=2.0)
    return keras.Model(z, images, name="generator")


def deep_resnet_critic(shape, width):
    """64x64: four down-blocks with layer normalization."""
    images, norm = keras.Input(shape), LayerNormalization
    x = convolve(images, width, 3, gain=1.0)
    for size in (2 * width, 4 * width, 8 * width, 8 * width):
        x = residual_block(x, size, convolve, norm, "down", first_bias=False)
    return critic_heads(images, layers.Flatten()(x))


def critic_heads(images, x, num_classes=None):
    """A score for each image and, with labels, class logits."""
    score = layers.Dense(1, dtype="float32")(x)
    if num_classes:
        score = [score, layers.Dense(num_classes, dtype="float32")(x)]
    return keras.Model(images, score, name="critic")


def conv_generator(shape, latent_dim, width):
    """28x28: three transposed convolutions, the first cropped to 7x7."""

    def up(x, filters):
        fan_in, fan_out = x.shape[-1] * 25 / 4, filters * 25
        initializer = scaled_uniform(fan_in, fan_out, gain=2.0)
        return transposed_conv(filters, 5, kernel_initializer=initializer)(x)

    z = keras.Input((latent_dim,))
    x = layers.Dense(4 * 4 * 4 * width, activation="relu")(z)
    x = layers.Reshape((4, 4, 4 * width))(x)
    x = layers.Cropping2D(((0, 1), (0, 1)))(layers.ReLU()(up(x, 2 * width)))
    x = up(layers.ReLU()(up(x, width)), shape[-1])
    images = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(z, images, name="generator")


def conv_critic(shape, width):
    """28x28: three strided convolutions."""
    x = images = keras.Input(shape)
    for factor in (1, 2, 4):
        x = layers.LeakyReLU(0.2)(convolve(x, factor * width, 5, strides=2))
    return critic_heads(images, layers.Flatten()(x))


def mlp_generator(shape, latent_dim, width):
    """Points: three hidden layers of ReLU units."""
    return _mlp(latent_dim, shape[0], width, "generator")


def mlp_critic(shape, width):
    """Points: the mirror image of `mlp_generator`."""
    return _mlp(shape[0], 1, width, "critic")


def _mlp(inputs_dim, outputs_dim, width, name):
    x = inputs = keras.Input((inputs_dim,))
    for _ in range(3):
        x = layers.Dense(width, "relu", kernel_initializer="he_uniform")(x)
    outputs = layers.Dense(outputs_dim, dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)


def residual_block_1d(x):
    """Two convolutions over five characters, scaled by 0.3."""
    residual = x
    for _ in range(2):
        residual = convolve(layers.ReLU()(residual), x.shape[-1], 5)
    return layers.Add()([x, layers.Rescaling(0.3)(residual)])


def text_generator(shape, latent_dim, width):
    """Text: probabilities of each character, from five residual blocks."""
    length, alphabet = shape
    z = keras.Input((latent_dim,))
    x = layers.Reshape((length, width))(layers.Dense(length * width)(z))
    for _ in range(5):
        x = residual_block_1d(x)
    x = convolve(x, alphabet, 1)
    return keras.Model(z, layers.Softmax(dtype="float32")(x), name="generator")


def text_critic(shape, width):
    """Text: the mirror image of `text_generator`."""
    text = keras.Input(shape)
    x = convolve(text, width, 1)
    for _ in range(5):
        x = residual_block_1d(x)
    return critic_heads(text, layers.Flatten()(x))


SIGNED, UNIT = (-1.0, 1.0), (0.0, 1.0)
ARCHITECTURES = {
    "resnet": Architecture(
        128, (32, 32, None), SIGNED, resnet_generator, resnet_critic, True
    ),
    "deep_resnet": Architecture(
        64, (64, 64, None), SIGNED, deep_resnet_generator, deep_resnet_critic
    ),
    "conv": Architecture(64, (28, 28, None), UNIT, conv_generator, conv_critic),
    "mlp": Architecture(512, (None,), None, mlp_generator, mlp_critic),
    "text": Architecture(512, (None, None), UNIT, text_generator, text_critic),
}
