"""The networks of the DCGAN, which others are built from."""

import math

import keras
from keras import layers
from keras.initializers import RandomNormal

from keras_gen.layers import BatchNormalization
from keras_gen.networks.conv import strided_conv, transposed_conv


def dcgan_generator(
    image_shape: tuple[int, int, int],
    latent_dim: int,
    base_filters: int,
    kernel_size: int = 5,
    batch_norm: bool = True,
    dense_units: int | None = None,
) -> keras.Model:
    """A projection, then transposed (fractionally-strided) convolutions.

    With kernels of 5 the projection is a dense layer and each of its units is
    normalized, as in the paper's code; with kernels of 4 it is normalized by
    channel, as the transposed convolution of the Torch code is.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        latent_dim: Integer. The size of the latents.
        base_filters: Integer. Filters of the last hidden convolution; they
            double as the feature maps are halved.
        kernel_size: Integer.
        batch_norm: Boolean. Whether hidden layers are normalized.
        dense_units: Integer or `None`. Units of a dense layer before the
            projection.
    """

    def relu(x):
        return layers.ReLU()(_norm()(x) if batch_norm else x)

    sides, doublings = halvings(image_shape)
    *hidden, first = (base_filters * 2**i for i in range(doublings))
    shape = (*sides, first)
    x = z = keras.Input((latent_dim,))
    if dense_units:
        x = relu(layers.Dense(dense_units, **_kernel())(x))
    x = layers.Dense(math.prod(shape), **_kernel())(x)
    if kernel_size == 4:
        x = relu(layers.Reshape(shape)(x))
    else:
        x = layers.Reshape(shape)(relu(x))
    for filters in reversed(hidden):
        x = transposed_conv(filters, kernel_size, **_kernel())(x)
        x = relu(x)
    x = transposed_conv(image_shape[-1], kernel_size, **_kernel())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, images, name="generator")


def dcgan_discriminator(
    image_shape: tuple[int, int, int],
    base_filters: int,
    kernel_size: int = 5,
    batch_norm: bool = True,
    dense_units: int | None = None,
    name: str = "discriminator",
) -> keras.Model:
    """Strided convolutions, a dense layer where it is wanted, one linear unit.

    `base_filters` are those of the first convolution. The other arguments are
    `dcgan_generator`'s.
    """

    def leaky_relu(x, norm=batch_norm):
        return layers.LeakyReLU(0.2)(_norm()(x) if norm else x)

    x = images = keras.Input(image_shape)
    for i in range(halvings(image_shape)[1]):
        x = strided_conv(base_filters * 2**i, kernel_size, **_kernel())(x)
        x = leaky_relu(x, norm=batch_norm and i > 0)
    x = layers.Flatten()(x)
    if dense_units:
        x = leaky_relu(layers.Dense(dense_units, **_kernel())(x))
    x = layers.Dense(1, **_kernel())(x)
    return keras.Model(images, x, name=name)


def halvings(image_shape, argument="image_shape"):
    """The sides of the smallest feature maps, and how often they were halved.

    Of 64x64 they are 4x4, of 28x28 7x7, of 80x48 10x6: one is 4 to 7, or odd.
    """
    sides, halved = image_shape[:2], 0
    while all(side % 2 == 0 and side >= 8 for side in sides):
        sides, halved = [side // 2 for side in sides], halved + 1
    if not halved or len(image_shape) != 3:
        raise ValueError(
            f"`{argument}` must have even sides of at least 8. Received: "
            f"{argument}={image_shape}. Resize the images, or pass networks "
            "of your own."
        )
    return tuple(sides), halved


def _kernel():
    return {"use_bias": False, "kernel_initializer": RandomNormal(0.0, 0.02)}


def _norm():
    return BatchNormalization(gamma_initializer=RandomNormal(1.0, 0.02))
