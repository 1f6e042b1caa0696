"""Residual blocks of convolutional generators and critics.

The papers' blocks differ in a few places only: the width between the two
convolutions, the normalization, and the order of pooling and the shortcut's
convolution. One function each builds all of them.
"""

from collections.abc import Callable

import keras
from keras import layers


def residual_block_up(
    x,
    filters: int,
    normalize: Callable,
    convolve: Callable,
    first_bias: bool = True,
):
    """Doubles the sides: norm, ReLU, upsample, conv, norm, ReLU, conv.

    Args:
        x: Keras tensor of shape `(batch, height, width, channels)`.
        filters: Integer. Channels of the result.
        normalize: Function that normalises a tensor.
        convolve: Function of a tensor, filters and a kernel size that
            convolves it; takes `use_bias`.
        first_bias: Boolean. Whether the first convolution has a bias.

    Returns:
        Keras tensor of shape `(batch, 2 * height, 2 * width, filters)`.
    """
    shortcut = convolve(layers.UpSampling2D(2)(x), filters, 1)
    x = layers.UpSampling2D(2)(layers.ReLU()(normalize(x)))
    x = convolve(x, filters, 3, use_bias=first_bias)
    x = convolve(layers.ReLU()(normalize(x)), filters, 3)
    return layers.Add()([shortcut, x])


def residual_block_down(
    x,
    filters: int,
    normalize: Callable,
    convolve: Callable,
    hidden_filters: int | None = None,
    first_bias: bool = True,
    pool: bool = True,
):
    """Halves the sides: norm, ReLU, conv, norm, ReLU, conv, mean pool.

    Args:
        x: Keras tensor of shape `(batch, height, width, channels)`.
        filters: Integer. Channels of the result.
        normalize: Function that normalises a tensor.
        convolve: Function of a tensor, filters and a kernel size that
            convolves it; takes `use_bias`.
        hidden_filters: Integer. Channels between the two convolutions.
            Defaults to `filters`.
        first_bias: Boolean. Whether the first convolution has a bias.
        pool: Boolean. Whether the sides are halved. If not, and if the
            number of channels stays, the shortcut is the identity.

    Returns:
        Keras tensor.
    """
    shortcut = x
    if pool or x.shape[-1] != filters:
        shortcut = convolve(x, filters, 1)
    if pool:
        shortcut = layers.AveragePooling2D(2)(shortcut)
    hidden_filters = hidden_filters or filters
    x = layers.ReLU()(normalize(x))
    x = convolve(x, hidden_filters, 3, use_bias=first_bias)
    x = convolve(layers.ReLU()(normalize(x)), filters, 3)
    if pool:
        x = layers.AveragePooling2D(2)(x)
    return layers.Add()([shortcut, x])


def optimized_residual_block(x, filters: int, convolve: Callable):
    """The first block of a critic: no activation on the image itself.

    Args:
        x: Keras tensor of shape `(batch, height, width, channels)`.
        filters: Integer. Channels of the result.
        convolve: Function of a tensor, filters and a kernel size that
            convolves it.

    Returns:
        Keras tensor of shape `(batch, height / 2, width / 2, filters)`.
    """
    shortcut = convolve(layers.AveragePooling2D(2)(x), filters, 1)
    x = layers.ReLU()(convolve(x, filters, 3))
    x = layers.AveragePooling2D(2)(convolve(x, filters, 3))
    return layers.Add()([shortcut, x])


def scaled_uniform(
    fan_in: float, fan_out: float, gain: float = 1.0
) -> keras.initializers.Initializer:
    """Uniform weights of variance `2 * gain / (fan_in + fan_out)`."""
    limit = (6.0 * gain / (fan_in + fan_out)) ** 0.5
    return keras.initializers.RandomUniform(-limit, limit)
