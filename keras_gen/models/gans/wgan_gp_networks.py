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
from keras_gen.layers.residual_blocks import (
    optimized_residual_block,
    residual_block_down,
    residual_block_up,
    scaled_uniform,
)

# The width of each architecture in the paper or in its official code.
WIDTHS = {"resnet": 128, "deep_resnet": 64, "conv": 64, "mlp": 512, "text": 512}


def convolve(x, filters, kernel_size, use_bias=True, gain=None):
    """Convolution with the official code's weights, larger inside blocks."""
    if gain is None:
        gain = 2.0 if kernel_size > 1 else 1.0
    area = kernel_size**2
    return layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=scaled_uniform(
            x.shape[-1] * area, filters * area, gain
        ),
    )(x)


def to_images(x, channels, gain):
    """Batch norm, ReLU, convolution and tanh at the end of a ResNet."""
    x = layers.ReLU()(BatchNormalization()(x))
    x = convolve(x, channels, 3, gain=gain)
    return layers.Activation("tanh", dtype="float32")(x)


def identity(x):
    return x


def resnet_generator(shape, latent_dim, width, num_classes):
    """32x32: three up-blocks; batch norm by class where there are classes."""
    z = keras.Input((latent_dim,))
    labels = keras.Input((), dtype="int32")

    def normalize(x):
        if num_classes:
            return ConditionalBatchNormalization(num_classes)(x, labels)
        return BatchNormalization()(x)

    inputs = [z, labels] if num_classes else z
    x = layers.Dense(4 * 4 * width)(z)
    x = layers.Reshape((4, 4, width))(x)
    for _ in range(3):
        x = residual_block_up(x, width, normalize, convolve)
    images = to_images(x, shape[-1], gain=1.0)
    return keras.Model(inputs, images, name="generator")


def resnet_critic(shape, width, num_classes):
    """32x32: four blocks without normalization, a mean over positions."""
    images = keras.Input(shape)
    x = optimized_residual_block(images, width, convolve)
    for pool in (True, False, False):
        x = residual_block_down(x, width, identity, convolve, pool=pool)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return critic_heads(images, x, num_classes)


def deep_resnet_generator(shape, latent_dim, width):
    """64x64: four up-blocks of 8, 4, 2 and 1 times the width."""
    z = keras.Input((latent_dim,))
    x = layers.Reshape((4, 4, 8 * width))(layers.Dense(128 * width)(z))
    for factor in (8, 4, 2, 1):
        x = residual_block_up(
            x,
            factor * width,
            lambda x: BatchNormalization()(x),
            convolve,
            first_bias=False,
        )
    images = to_images(x, shape[-1], gain=2.0)
    return keras.Model(z, images, name="generator")


def deep_resnet_critic(shape, width):
    """64x64: four down-blocks with layer normalization."""
    images = keras.Input(shape)
    x = convolve(images, width, 3, gain=1.0)
    for factor in (2, 4, 8, 8):
        x = residual_block_down(
            x,
            factor * width,
            lambda x: LayerNormalization()(x),
            convolve,
            hidden_filters=x.shape[-1],
            first_bias=False,
        )
    return critic_heads(images, layers.Flatten()(x))


def critic_heads(images, x, num_classes=None):
    """A score for each image and, with classes, their logits."""
    score = layers.Dense(1, dtype="float32")(x)
    if num_classes:
        score = [score, layers.Dense(num_classes, dtype="float32")(x)]
    return keras.Model(images, score, name="critic")


def conv_generator(shape, latent_dim, width):
    """28x28: three up-convolutions, the first cropped from 8x8 to 7x7."""

    def up(x, filters):
        fan_in, fan_out = x.shape[-1] * 25 / 4, filters * 25
        return layers.Conv2DTranspose(
            filters,
            5,
            strides=2,
            padding="same",
            kernel_initializer=scaled_uniform(fan_in, fan_out, gain=2.0),
        )(x)

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
        filters = factor * width
        fans = (x.shape[-1] * 25, filters * 25 / 4)
        x = layers.Conv2D(
            filters,
            5,
            strides=2,
            padding="same",
            kernel_initializer=scaled_uniform(*fans, gain=2.0),
        )(x)
        x = layers.LeakyReLU(0.2)(x)
    return critic_heads(images, layers.Flatten()(x))


def mlp(inputs_dim, outputs_dim, width, name):
    """Three hidden layers of rectified units, for points in the plane."""
    x = inputs = keras.Input((inputs_dim,))
    for _ in range(3):
        x = layers.Dense(
            width, activation="relu", kernel_initializer="he_uniform"
        )(x)
    outputs = layers.Dense(outputs_dim, dtype="float32")(x)
    return keras.Model(inputs, outputs, name=name)


def convolve_1d(x, filters, kernel_size):
    """Convolution over characters, with the official code's weights."""
    return layers.Conv1D(
        filters,
        kernel_size,
        padding="same",
        kernel_initializer=scaled_uniform(
            x.shape[-1] * kernel_size, filters * kernel_size, gain=2.0
        ),
    )(x)


def residual_block_1d(x):
    """Two convolutions over five characters, scaled by 0.3."""
    residual = x
    for _ in range(2):
        residual = convolve_1d(layers.ReLU()(residual), x.shape[-1], 5)
    return layers.Add()([x, layers.Rescaling(0.3)(residual)])


def text_generator(shape, latent_dim, width):
    """Probabilities of each character, from five residual blocks."""
    length, alphabet = shape
    z = keras.Input((latent_dim,))
    x = layers.Reshape((length, width))(layers.Dense(length * width)(z))
    for _ in range(5):
        x = residual_block_1d(x)
    x = convolve_1d(x, alphabet, 1)
    x = layers.Softmax(dtype="float32")(x)
    return keras.Model(z, x, name="generator")


def text_critic(shape, width):
    """The mirror image of `text_generator`."""
    text = keras.Input(shape)
    x = convolve_1d(text, width, 1)
    for _ in range(5):
        x = residual_block_1d(x)
    return critic_heads(text, layers.Flatten()(x))


def networks(architecture, shape, latent_dim, width, num_classes):
    """The generator and the critic of one of the paper's experiments."""
    sides = {"resnet": 32, "deep_resnet": 64, "conv": 28}
    ranks = {"mlp": 1, "text": 2}
    side = sides.get(architecture)
    if len(shape) != ranks.get(architecture, 3) or (
        side and shape[:2] != (side, side)
    ):
        expected = (
            f"({side}, {side}, channels)"
            if side
            else (
                "(features,)" if architecture == "mlp" else "(length, alphabet)"
            )
        )
        raise ValueError(
            f"The architecture {architecture!r} makes examples of shape "
            f"{expected}. Received: image_shape={shape}. Choose among "
            f"{list(WIDTHS)}, or pass `generator` and `critic`."
        )
    if num_classes and architecture != "resnet":
        raise ValueError(
            "Classes are built into the architecture 'resnet' alone. "
            f"Received: num_classes={num_classes}, "
            f"architecture={architecture!r}. Leave out `num_classes`, or pass "
            "`generator` and `critic`."
        )
    if architecture == "resnet":
        return (
            resnet_generator(shape, latent_dim, width, num_classes),
            resnet_critic(shape, width, num_classes),
        )
    if architecture == "deep_resnet":
        return (
            deep_resnet_generator(shape, latent_dim, width),
            deep_resnet_critic(shape, width),
        )
    if architecture == "conv":
        return (
            conv_generator(shape, latent_dim, width),
            conv_critic(shape, width),
        )
    if architecture == "mlp":
        return (
            mlp(latent_dim, shape[0], width, "generator"),
            mlp(shape[0], 1, width, "critic"),
        )
    return (
        text_generator(shape, latent_dim, width),
        text_critic(shape, width),
    )
