"""The networks of the coupled generative adversarial networks.

Those of the official PyTorch code for images of digits. Each batch
normalization is without scale and bias, each PReLU has one slope.
"""

import keras
from keras import layers

from keras_gen.layers import BatchNormalization, Conv2DTranspose


def initial_weights():
    """Xavier's uniform kernels with a gain of sqrt(2), and biases of 0.1."""
    return {
        "kernel_initializer": keras.initializers.VarianceScaling(
            2.0, "fan_avg", "uniform"
        ),
        "bias_initializer": keras.initializers.Constant(0.1),
    }


def prelu():
    """With one slope for all feature maps."""
    slope = keras.initializers.Constant(0.25)
    return layers.PReLU(slope, shared_axes=[1, 2, 3])


def upsample(filters, kernel_size, strides=1, crop=0):
    """A transposed convolution, of whose output the borders are cropped."""
    conv = Conv2DTranspose(filters, kernel_size, strides, **initial_weights())
    return [conv, layers.Cropping2D(crop)] if crop else [conv]


def coupled(xs, shared, build):
    """Applies layers to the features of both domains.

    Args:
        xs: List of two tensors, or of one where they are still the same.
        shared: Boolean. Whether both domains have the same layers.
        build: Function that returns new layers, in a list.
    """
    if not shared:
        return [_applied(build(), x) for x in (xs[0], xs[-1])]
    same = build()
    return [_applied(same, x) for x in xs]


def _applied(chain, x):
    for layer in chain:
        x = layer(x)
    return x


def cogan_generator(shapes, latent_dim, filters, shared):
    """Transposed convolutions, the last of each domain in any case."""
    (height, width, *_), shape_b = shapes
    factor = 2 ** (len(filters) - 1)
    sides = (height - 4, width - 4)
    if any(side <= 0 or side % factor for side in sides) or (
        shape_b[:2] != (height, width)
    ):
        raise ValueError(
            "`image_shape` must have sides that are 4 and a multiple of "
            f"{factor}, the same for both domains. Received: image_shape="
            f"{shapes[0]}, image_shape_b={shape_b}. Resize the images, change "
            "`generator_filters`, or pass networks of your own."
        )
    smallest = tuple(side // factor + 1 for side in sides)
    z = keras.Input((latent_dim,))
    xs = [layers.Reshape((1, 1, latent_dim))(z)]
    for i, size in enumerate(filters):

        def block(size=size, kind=(3, 2, 1) if i else (smallest,)):
            norm = BatchNormalization(center=False, scale=False)
            return [*upsample(size, *kind), norm, prelu()]

        xs = coupled(xs, i < shared, block)
    images = []
    for x, shape in zip((xs[0], xs[-1]), shapes, strict=True):
        x = _applied(upsample(shape[-1], 6, crop=1), x)
        images.append(layers.Activation("sigmoid", dtype="float32")(x))
    return keras.Model(z, images, name="generator")


def cogan_discriminator(shapes, filters, shared, num_classes):
    """Convolutions and two logits, and of the features the class logits."""
    sides = shapes[0][:2]
    for _ in filters[1:]:
        sides = tuple((side - 4) // 2 for side in sides)
    if min(sides) < 1:
        raise ValueError(
            "`image_shape` must have larger sides, for "
            f"{len(filters) - 1} convolutions of kernel size 5 that are pooled "
            f"by 2. Received: image_shape={shapes[0]}. Resize the images, or "
            "pass fewer `discriminator_filters`."
        )
    inputs = xs = [keras.Input(shape) for shape in shapes]
    for i, size in enumerate(filters, start=1):
        last = i == len(filters)

        def block(size=size, last=last):
            kernel_size = sides if last else 5
            conv = layers.Conv2D(size, kernel_size, **initial_weights())
            return [conv, prelu() if last else layers.MaxPooling2D(2)]

        # With the logits, there is one layer more.
        xs = coupled(xs, i > len(filters) + 1 - shared, block)
    features = [layers.Flatten()(x) for x in xs]
    outputs = coupled(
        features, shared > 0, lambda: [layers.Dense(2, **initial_weights())]
    )
    if num_classes is not None:
        classes = layers.Dense(num_classes, **initial_weights())
        outputs += [*features, *map(classes, features)]
    return keras.Model(inputs, outputs, name="discriminator")
