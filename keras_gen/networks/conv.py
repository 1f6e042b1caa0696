"""Convolutional networks between images and vectors."""

import functools
import math
from collections.abc import Callable

import keras
from keras import layers

from keras_gen.checks import as_units
from keras_gen.layers import Conv2DTranspose
from keras_gen.networks.mlp import heads_of

# Layers that halve and that double the sides of feature maps.
STRIDED = {"strides": 2, "padding": "same"}
strided_conv = functools.partial(layers.Conv2D, **STRIDED)
transposed_conv = functools.partial(Conv2DTranspose, **STRIDED)


def fan_in_uniform():
    """`U(-a, a)` with `a = 1 / sqrt(fan_in)`, as PyTorch's layers start."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def conv_encoder(
    input_shape: tuple[int, int, int],
    heads: dict[str, int],
    hidden_units: int | tuple[int, ...] = 256,
    filters: tuple[int, ...] = (32, 64),
    head_activation: str | None = None,
    activation: Callable | str = "relu",
    name: str = "encoder",
) -> keras.Model:
    """Strided convolutions and dense layers, to one or several vectors.

    What is not described here is as in `mlp_encoder`.

    Args:
        input_shape: Tuple. Height, width and channels.
        hidden_units: Integer or tuple. The units of the dense layers.
        filters: Tuple. The filters of the convolutions, of kernel size 4.
        activation: Function or string. The activation of the hidden layers.
    """
    x = inputs = keras.Input(input_shape)
    for size in filters:
        x = strided_conv(size, 4, activation=activation)(x)
    h = layers.Flatten()(x)
    for units in as_units("hidden_units", hidden_units):
        h = layers.Dense(units, activation=activation)(h)
    return keras.Model(inputs, heads_of(h, heads, head_activation), name=name)


def conv_decoder(
    input_shape: tuple[int, int, int],
    latent_dim: int,
    hidden_units: int | tuple[int, ...] = 256,
    filters: tuple[int, ...] = (32, 64),
    heads: int = 1,
    output_activation: str | None = None,
    name: str = "decoder",
) -> keras.Model:
    """The mirror image of `conv_encoder`, of transposed convolutions.

    What is not described here is as in `conv_encoder` and `mlp_decoder`.

    Args:
        input_shape: Tuple. Height, width and channels. The sides are
            multiples of 2 to the power of the number of `filters`.

    Raises:
        ValueError: If the sides cannot be halved so often.
    """
    height, width, channels = input_shape
    factor = 2 ** len(filters)
    if height % factor or width % factor:
        raise ValueError(
            f"The sides of the images must be multiples of {factor}, for "
            f"{len(filters)} strided convolutions. Received: "
            f"input_shape={input_shape}. Resize the images or use "
            "`architecture='mlp'`."
        )
    h = z = keras.Input((latent_dim,))
    for units in reversed(as_units("hidden_units", hidden_units)):
        h = layers.Dense(units, activation="relu")(h)
    shape = (height // factor, width // factor, filters[-1])
    h = layers.Dense(math.prod(shape), activation="relu")(h)
    h = layers.Reshape(shape)(h)
    for size in reversed(filters[:-1]):
        h = transposed_conv(size, 4, activation="relu")(h)
    outputs = [
        transposed_conv(channels, 4, activation=output_activation)(h)
        for _ in range(heads)
    ]
    return keras.Model(z, outputs if heads > 1 else outputs[0], name=name)


def divided(
    shape: tuple[int, ...], divisor: int, argument: str = "input_shape"
) -> tuple[int, int]:
    """The sides of the smallest feature maps of images of a shape."""
    if len(shape) != 3 or shape[0] % divisor or shape[1] % divisor:
        raise ValueError(
            f"`{argument}` must have sides that {divisor} divides. Received: "
            f"{argument}={shape}. Resize the images, or pass networks of your "
            "own."
        )
    return shape[0] // divisor, shape[1] // divisor
