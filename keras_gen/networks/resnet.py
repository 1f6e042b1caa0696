"""Pre-activation residual blocks of generators and of critics."""

from collections.abc import Callable

import keras
from keras import layers

from keras_gen.layers import Conv2D


def convolve(x, filters, kernel_size, use_bias=True, gain=2.0, layer=None):
    """A convolution whose weights are uniform, of `gain` times Glorot's
    variance."""
    kernel = keras.initializers.VarianceScaling(gain, "fan_avg", "uniform")
    options = dict(padding="same", use_bias=use_bias, kernel_initializer=kernel)
    return (layer or Conv2D)(filters, kernel_size, **options)(x)


def residual_block(
    x,
    filters: int,
    conv: Callable = convolve,
    norm: Callable | None = None,
    resample: str | None = None,
    first_bias: bool = True,
    hidden: int | None = None,
    activation: Callable = layers.ReLU,
):
    """Norm, ReLU, (upsample,) conv, norm, ReLU, conv(, mean pool).

    The shortcut is the identity where the shape stays, else a 1x1 convolution.

    Args:
        x: Feature maps.
        filters: Integer. The feature maps of the result.
        conv: Function `(x, filters, kernel_size, use_bias=, gain=)`.
        norm: Function that returns a layer, or `None`.
        resample: String or `None`. `"up"` or `"down"`, by a factor of 2.
        first_bias: Boolean. Whether the first convolution has a bias.
        hidden: Integer or `None`. The feature maps between the convolutions.
            Defaults to those of `x` in a block that pools, else to `filters`.
        activation: Function that returns the layer in the place of a ReLU.
    """

    def activate(x):
        return activation()(norm()(x) if norm else x)

    def upsample(x):
        return layers.UpSampling2D(2)(x) if resample == "up" else x

    def pool(x):
        return layers.AveragePooling2D(2)(x) if resample == "down" else x

    hidden = hidden or (x.shape[-1] if resample == "down" else filters)
    shortcut = x
    if resample or x.shape[-1] != filters:
        shortcut = pool(conv(upsample(x), filters, 1, gain=1.0))
    x = conv(upsample(activate(x)), hidden, 3, use_bias=first_bias)
    x = conv(activate(x), filters, 3)
    return layers.Add()([shortcut, pool(x)])


def optimized_residual_block(x, filters: int, conv: Callable = convolve):
    """The first block of a critic: no activation on the image itself, which
    the shortcut pools before its convolution.

    The arguments are `residual_block`'s.
    """
    shortcut = conv(layers.AveragePooling2D(2)(x), filters, 1, gain=1.0)
    x = layers.ReLU()(conv(x, filters, 3))
    x = layers.AveragePooling2D(2)(conv(x, filters, 3))
    return layers.Add()([shortcut, x])
