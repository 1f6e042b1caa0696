"""Networks from images to images of the same size, and to maps of scores.

The U-Net and the PatchGAN of Isola et al., and the generator of Johnson et
al. that Zhu et al. took over.
"""

import math
from collections.abc import Callable

import keras
from keras import layers, ops

from keras_gen.layers import (
    BatchNormalization,
    Conv2D,
    InstanceNormalization,
)
from keras_gen.networks.conditioning import with_condition
from keras_gen.networks.conv import divided, strided_conv, transposed_conv

# Of the bottleneck, in units of the first layer's filters.
WIDEST = 8


def normal(stddev=0.02):
    return keras.initializers.RandomNormal(stddev=stddev)


def batch_norm(moving_statistics=True):
    """Batch normalization with the initial scales N(1, 0.02)."""
    return BatchNormalization(
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        moving_statistics=moving_statistics,
    )


def widths(filters: int, depth: int) -> list[int]:
    """The filters of each of `depth` layers that halve the sides."""
    return [filters * min(2**level, WIDEST) for level in range(depth)]


def common_halvings(shape: tuple) -> int:
    """How often 2 divides both sides of images of a shape."""
    common = math.gcd(*shape[:2])
    if common % 2:
        raise ValueError(
            "`image_shape` must have even sides. Received: image_shape="
            f"{tuple(shape)}. Resize the images to multiples of a power of 2."
        )
    return (common & -common).bit_length() - 1


def noise_shapes(
    shape: tuple, filters: int, depth: int, noisy: int = 3
) -> list[tuple]:
    """The shapes of the dropout masks of `encoder_decoder`."""
    shapes = []
    for level in range(depth - 2, max(depth - 2 - noisy, -1), -1):
        sides = (side // 2 ** (level + 1) for side in shape[:2])
        shapes.append((*sides, widths(filters, depth)[level]))
    return shapes


def encoder_decoder(
    shape: tuple[int, int, int],
    outputs: int,
    filters: int = 64,
    depth: int = 8,
    skips: bool = True,
    norm: Callable = batch_norm,
    noisy: int = 3,
    latent_dim: int | None = None,
    inject: str = "all",
    use_bias: bool = False,
    initializer: Callable = normal,
    name: str = "generator",
) -> keras.Model:
    """A U-Net, or an encoder and a decoder without skip connections.

    The encoder halves the sides `depth` times and the decoder doubles them as
    often. The first layer of the encoder, its last, which is the bottleneck,
    and the last of the decoder are not normalized.

    Args:
        shape: Tuple `(height, width, channels)` of the inputs. The sides are
            multiples of 2 to the power of `depth`.
        outputs: Integer. The channels of the outputs, in [-1, 1].
        filters: Integer. Those of the first layer; the others have up to
            eight times as many.
        depth: Integer.
        skips: Boolean. Whether the decoder's layers also take the outputs of
            the encoder's of their size.
        norm: Function without arguments that returns a layer.
        noisy: Integer. How many layers of the decoder, the first ones, are
            multiplied by dropout masks, which are inputs.
        latent_dim: Integer or `None`. The size of latents, which are the last
            input, as constant maps beside the feature maps.
        inject: String. Latents are beside the inputs of `"all"` layers of the
            encoder, or of the first alone: `"input"`.
        use_bias: Boolean. Whether all convolutions have biases, or the last
            one alone.
        initializer: Function that returns an initializer of kernels.

    Returns:
        `keras.Model` from the images, or a list of them, the masks and the
        latents, to images.
    """
    divided(shape, 2**depth, "image_shape")
    inputs = [keras.Input(shape)]
    inputs += map(keras.Input, noise_shapes(shape, filters, depth, noisy))
    x, *masks = inputs
    if latent_dim:
        z = keras.Input((latent_dim,))
        inputs.append(z)

    def conv(x, size, layer, use_bias=use_bias):
        kernel = initializer()
        return layer(size, 4, use_bias=use_bias, kernel_initializer=kernel)(x)

    encoded = []
    for level, size in enumerate(widths(filters, depth)):
        if latent_dim and (inject == "all" or not level):
            x = with_condition(x, z)
        if level:
            x = layers.LeakyReLU(0.2)(x)
        x = conv(x, size, strided_conv)
        if 0 < level < depth - 1:
            x = norm()(x)
        encoded.append(x)
    for level in range(depth - 2, -1, -1):
        size = widths(filters, depth)[level]
        x = norm()(conv(layers.ReLU()(x), size, transposed_conv))
        noise = depth - 2 - level
        if noise < len(masks):
            x = layers.Multiply()([x, masks[noise]])
        if skips:
            x = layers.Concatenate()([x, encoded[level]])
    x = conv(layers.ReLU()(x), outputs, transposed_conv, use_bias=True)
    images = layers.Activation("tanh", dtype="float32")(x)
    if len(inputs) == 1:
        (inputs,) = inputs
    return keras.Model(inputs, images, name=name)


def reflect(x, border: int):
    """Pads images by their reflection."""
    border = (border, border)
    return ops.pad(x, ((0, 0), border, border, (0, 0)), mode="reflect")


def resnet_generator(
    shape: tuple[int, int, int],
    outputs: int,
    filters: int = 64,
    num_blocks: int = 9,
    norm: Callable = InstanceNormalization,
    condition_dim: int | None = None,
    kernel_size: int = 3,
    padding: str = "reflect",
    use_bias: bool = True,
    initializer: Callable = normal,
    name: str = "generator",
) -> keras.Model:
    """Residual blocks at a quarter of the size, between convolutions.

    Args:
        shape: Tuple `(height, width, channels)` of the inputs, with sides that
            4 divides.
        outputs: Integer. The channels of the outputs, in [-1, 1].
        filters: Integer. Those of the first and the last layer, and a quarter
            of those of the blocks.
        num_blocks: Integer. 9 for images of 256x256, 6 for 128x128.
        norm: Function without arguments that returns a layer.
        condition_dim: Integer or `None`. The size of a vector that is a
            second input, as constant maps beside the image.
        kernel_size: Integer. That of the strided convolutions.
        padding: String. What convolutions without strides see outside of the
            image: its reflection, or `"zero"`. Constant maps that are
            reflected, no convolution can tell from its bias, which instance
            normalization takes away.
        use_bias: Boolean. Whether the convolutions have biases.
        initializer: Function that returns an initializer of kernels.
    """
    divided(shape, 4, "image_shape")

    def conv(x, size, kernel_size):
        if padding == "reflect":
            x = reflect(x, kernel_size // 2)
        same = "valid" if padding == "reflect" else "same"
        return layers.Conv2D(
            size,
            kernel_size,
            padding=same,
            use_bias=use_bias,
            kernel_initializer=initializer(),
        )(x)

    def resized(x, size, layer):
        # On even sides a strided convolution sees what a transposed one
        # writes: an image stays where it is.
        x = layer(
            size,
            kernel_size,
            use_bias=use_bias,
            kernel_initializer=initializer(),
        )(x)
        return layers.ReLU()(norm()(x))

    inputs = x = keras.Input(shape)
    if condition_dim:
        condition = keras.Input((condition_dim,))
        inputs, x = [x, condition], with_condition(x, condition)
    x = layers.ReLU()(norm()(conv(x, filters, 7)))
    for factor in (2, 4):
        x = resized(x, factor * filters, strided_conv)
    for _ in range(num_blocks):
        h = layers.ReLU()(norm()(conv(x, 4 * filters, 3)))
        x = layers.Add()([x, norm()(conv(h, 4 * filters, 3))])
    for factor in (2, 1):
        x = resized(x, factor * filters, transposed_conv)
    x = conv(x, outputs, 7)
    translated = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, translated, name=name)


def patch_layers(num_layers: int) -> list[tuple[int, int]]:
    """The kernel sizes and strides of `patch_discriminator`."""
    if not num_layers:
        return [(1, 1)] * 3
    return [(4, 2)] * num_layers + [(4, 1)] * 2


def receptive_field(layers: list[tuple[int, int]]) -> int:
    """The side of the patch that one output of convolutions depends on.

    Args:
        layers: List of pairs of a kernel size and strides.

    Example:

    >>> receptive_field(patch_layers(3))
    70
    """
    side = 1
    for kernel_size, strides in reversed(layers):
        side = (side - 1) * strides + kernel_size
    return side


def patch_discriminator(
    shapes: list[tuple[int, int, int]],
    filters: int = 64,
    num_layers: int = 3,
    norm: Callable = batch_norm,
    all_biases: bool = False,
    initializer: Callable = normal,
    name: str = "discriminator",
) -> keras.Model:
    """The PatchGAN: a logit for each of many overlapping patches.

    Args:
        shapes: List of the shapes of the images, which are concatenated along
            their channels.
        filters: Integer. Those of the first layer; the others have up to
            eight times as many.
        num_layers: Integer. The strided convolutions. With 0, each pixel has
            its logit (PixelGAN).
        norm: Function without arguments that returns a layer.
        all_biases: Boolean. Whether convolutions that are normalized have
            biases too.
        initializer: Function that returns an initializer of kernels.

    Returns:
        `keras.Model` from an image, or a list of them, to logits of shape
        `(height, width, 1)`.
    """
    shortest = min(shapes[0][:2]) // 2**num_layers
    if shortest < 3 and num_layers:
        raise ValueError(
            "`image_shape` must have sides of at least "
            f"{3 * 2**num_layers} for {num_layers} strided convolutions of the "
            f"discriminator. Received: image_shape={tuple(shapes[0])}. Pass "
            "fewer `discriminator_layers`."
        )
    inputs = [keras.Input(shape) for shape in shapes]
    x = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    kinds = patch_layers(num_layers)
    for level, (kernel_size, strides) in enumerate(kinds):
        last = level == len(kinds) - 1
        if kernel_size > 1:
            x = layers.ZeroPadding2D(1)(x)
        x = Conv2D(
            1 if last else filters * min(2**level, WIDEST),
            kernel_size,
            strides,
            use_bias=all_biases or level == 0 or last,
            kernel_initializer=initializer(),
            dtype="float32" if last else None,
        )(x)
        if last:
            break
        x = norm()(x) if level else x
        x = layers.LeakyReLU(0.2)(x)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], x, name=name)


def halved(images):
    """Means over 3x3 pixels at every second one, of those that exist.

    As padding by one pixel that is not counted has it in PyTorch. Keras' own
    padding is not the same on all backends.
    """

    def means(x):
        return layers.AveragePooling2D(3, 2)(layers.ZeroPadding2D(1)(x))

    return means(images) / means(ops.ones_like(images[..., :1]))


def multi_scale_discriminator(
    shapes: list[tuple[int, int, int]],
    filters: int = 64,
    num_layers: int = 3,
    norm: Callable = batch_norm,
    scales: int = 2,
    name: str = "discriminator",
    **options,
) -> keras.Model:
    """PatchGANs of images of several sizes.

    Each sees images of half the size of the one before, and has half its
    filters.

    Args:
        scales: Integer.
        **options: Those of `patch_discriminator`, as the others are.

    Returns:
        `keras.Model` from an image, or a list of them, to a list of maps of
        logits.
    """
    least = 3 * 2 ** (num_layers + scales - 1)
    if min(shapes[0][:2]) < least:
        raise ValueError(
            f"`image_shape` must have sides of at least {least} for "
            f"{num_layers} strided convolutions of discriminators at {scales} "
            f"sizes. Received: image_shape={tuple(shapes[0])}. Pass fewer "
            "`discriminator_layers`."
        )
    inputs = [keras.Input(shape) for shape in shapes]
    images, maps = inputs, []
    for scale in range(scales):
        if scale:
            images = [halved(x) for x in images]
        network = patch_discriminator(
            [x.shape[1:] for x in images],
            max(filters // 2**scale, 1),
            num_layers,
            norm,
            name=f"scale_{scale}",
            **options,
        )
        maps.append(network(images if len(images) > 1 else images[0]))
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], maps, name=name
    )
