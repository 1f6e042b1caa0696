"""The networks of DC-IGN: the paper's, and smaller ones."""

import math
from functools import partial

import keras
from keras import layers

from keras_gen.checks import check_at_least
from keras_gen.networks.conv import (
    conv_decoder,
    conv_encoder,
    fan_in_uniform,
)

PAPER = (150, 150)  # The height and the width of the paper's images.


def dc_ign_encoder(image_shape, latent_dim, filters):
    """From images to the mean and the log-variance of the code."""
    stages = _stages(image_shape, filters)
    heads = dict.fromkeys(("mean", "log_variance"), latent_dim)
    if image_shape[:2] != PAPER:
        return conv_encoder(image_shape, heads, filters=stages)
    # 150 -> 73 -> 34 -> 15 pixels wide.
    x = inputs = keras.Input(image_shape)
    for width in reversed(stages):
        x = layers.ReLU()(layers.MaxPooling2D(2)(_convolution(width, 5)(x)))
    h = layers.Flatten()(x)
    outputs = [_dense(size, name=name)(h) for name, size in heads.items()]
    return keras.Model(inputs, outputs, name="encoder")


def dc_ign_decoder(image_shape, latent_dim, filters):
    """From the code to the logits of images."""
    stages = _stages(image_shape, filters)
    if image_shape[:2] != PAPER:
        return conv_decoder(image_shape, latent_dim, filters=stages)
    # 15 -> 24 -> 42 -> 78 -> 150 pixels wide.
    z = keras.Input((latent_dim,))
    shape = (15, 15, stages[0])
    h = layers.Reshape(shape)(_dense(math.prod(shape), activation="relu")(z))
    for width in (stages[1], filters, filters):
        h = layers.ReLU()(_convolution(width, 7)(layers.UpSampling2D(2)(h)))
    outputs = _convolution(image_shape[-1], 7)(layers.UpSampling2D(2)(h))
    return keras.Model(z, outputs, name="decoder")


def _stages(image_shape, filters):
    """The filters of the convolutions, if the sizes will do."""
    # The narrowest convolution has a quarter of them.
    check_at_least(4, filters=filters)
    sides = image_shape[:2]
    fits = sides == PAPER or not any(side % 4 for side in sides)
    if len(image_shape) != 3 or not fits:
        raise ValueError(
            "`image_shape` must be 150 x 150, for the paper's networks, or "
            f"have sides that are multiples of 4. Received: {image_shape=}. "
            "Resize the images, or pass an `encoder` and a `decoder`."
        )
    stages = (filters // 4, filters // 2, filters)
    halved = min(sides) > 32 and not any(side % 8 for side in sides)
    return stages if sides == PAPER or halved else stages[1:]


def _convolution(filters, kernel_size):
    # As the authors' framework starts.
    uniform = fan_in_uniform()
    return layers.Conv2D(filters, kernel_size, kernel_initializer=uniform)


def _dense(units, **options):
    normal = partial(keras.initializers.RandomNormal, stddev=0.01)
    own = dict(kernel_initializer=normal(), bias_initializer=normal())
    return layers.Dense(units, **own, **options)
