"""The networks of "Improved Techniques for Training GANs".

Their sizes, initial weights and noise are those of the official code.
"""

import math
import typing

import keras
from keras import layers
from keras.initializers import RandomNormal

from keras_gen import backend
from keras_gen.layers import (
    AdditiveNoise,
    BatchNormalization,
    DropoutNoise,
    MinibatchDiscrimination,
    ReferenceBatch,
    VirtualBatchNormalization,
    WeightNormConv2D,
    WeightNormConv2DTranspose,
    WeightNormDense,
)
from keras_gen.networks.conv import STRIDED, divided, transposed_conv


class Sizes(typing.NamedTuple):
    """The networks of one of the paper's experiments.

    Attributes:
        generator: Tuple. The units of the generator's hidden layers, or their
            feature maps.
        discriminator: Tuple. The same of the discriminator, or the filters of
            its stages; the last are its features.
        value_range: Tuple. The range of the images.
        learning_rate: Float.
    """

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    value_range: tuple[float, float]
    learning_rate: float


ARCHITECTURES = {
    "mlp": Sizes((500, 500), (1000, 500, 250, 250, 250), (0.0, 1.0), 3e-3),
    "conv": Sizes((512, 256, 128), (96, 192, 192), (-1.0, 1.0), 3e-4),
}


class Streams:
    """The activations of a generator: of its examples, of the reference.

    Args:
        z: Tensor. The latents.
        reference: Array of latents, the reference batch of virtual batch
            normalization, or `None` for batch normalization.
    """

    def __init__(self, z, reference=None):
        self.tensors = [z]
        if reference is not None:
            layer = ReferenceBatch(len(reference))
            self.tensors.append(layer(z))
            layer.examples.assign(reference)

    def apply(self, layer):
        """Applies a layer to all."""
        self.tensors = [layer(x) for x in self.tensors]

    def normalize(self):
        """Normalizes; batch normalization has no scale."""
        if len(self.tensors) > 1:
            gamma = RandomNormal(1.0, 0.02)
            layer = VirtualBatchNormalization(gamma_initializer=gamma)
            self.tensors = list(layer(*self.tensors))
        else:
            self.apply(BatchNormalization(epsilon=1e-6, scale=False))


def mlp_generator(shape, latent_dim, units, reference=None):
    """Normalized softplus layers and a sigmoid one with weight norm."""
    z = keras.Input((latent_dim,))
    streams = Streams(z, reference)
    for size in units:
        streams.apply(layers.Dense(size, use_bias=False))
        streams.normalize()
        streams.apply(layers.Activation("softplus"))
    x = WeightNormDense(math.prod(shape))(streams.tensors[0])
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(z, layers.Reshape(shape)(x), name="generator")


def conv_generator(shape, latent_dim, filters, reference=None):
    """A dense layer and transposed convolutions, the last with weight norm."""
    first, *hidden = filters
    smallest = (*divided(shape, 2 ** len(filters)), first)
    z = keras.Input((latent_dim,))
    streams = Streams(z, reference)
    size = math.prod(smallest)
    streams.apply(layers.Dense(size, use_bias=False, **_kernel()))
    streams.normalize()
    streams.apply(layers.Reshape(smallest))
    streams.apply(layers.ReLU())
    for size in hidden:
        streams.apply(transposed_conv(size, 5, use_bias=False, **_kernel()))
        streams.normalize()
        streams.apply(layers.ReLU())
    last = WeightNormConv2DTranspose(
        shape[-1], 5, initial_std=0.1, **STRIDED, **_kernel()
    )
    images = layers.Activation("tanh", dtype="float32")(
        last(streams.tensors[0])
    )
    return keras.Model(z, images, name="generator")


def mlp_discriminator(shape, num_classes, units, kernels=0):
    """ReLU layers with Gaussian noise before each."""
    images = keras.Input(shape)
    x = AdditiveNoise(0.3)(layers.Flatten()(images))
    for size in units:
        features = layers.ReLU()(_frozen_dense(size)(x))
        x = AdditiveNoise(0.5)(features)
    x = _with_similarities(x, kernels)
    logits = WeightNormDense(num_classes, dtype="float32", **_kernel(0.1))(x)
    return keras.Model(images, [logits, features], name="discriminator")


def conv_discriminator(shape, num_classes, filters, kernels=0):
    """Stages of three convolutions, of which all but the last halve the sides,
    with dropout between them, and the mean over positions."""
    *strided, last = filters
    smallest = min(shape[:2])
    for _ in strided:
        smallest = (smallest + 1) // 2
    if smallest < 3:
        raise ValueError(
            "`image_shape` must have sides that are at least 3 after "
            f"{len(strided)} halvings. Received: image_shape={shape}. Resize "
            "the images, or shorten `discriminator_units`."
        )

    def convolve(x, size, kernel_size=3, strides=1, padding="same"):
        layer = WeightNormConv2D(
            size,
            kernel_size,
            strides,
            padding,
            train_scale=False,
            **_kernel(),
        )
        return layers.LeakyReLU(0.2)(layer(x))

    images = keras.Input(shape)
    x = AdditiveNoise(0.2)(images) if kernels else DropoutNoise(0.2)(images)
    for size in strided:
        x = convolve(convolve(convolve(x, size), size), size, strides=2)
        x = DropoutNoise(0.5)(x)
    x = convolve(x, last, padding="valid")
    x = convolve(convolve(x, last, 1), last, 1)
    features = layers.GlobalAveragePooling2D()(x)
    x = _with_similarities(features, kernels)
    logits = WeightNormDense(
        num_classes, initial_std=0.1, dtype="float32", **_kernel()
    )(x)
    return keras.Model(images, [logits, features], name="discriminator")


GENERATORS = {"mlp": mlp_generator, "conv": conv_generator}
DISCRIMINATORS = {"mlp": mlp_discriminator, "conv": conv_discriminator}


def initialize_layers(network, inputs):
    """Data-dependent initialization of the layers that have one, in turn.

    Args:
        network: `keras.Model`.
        inputs: Tensor, a batch of its inputs.
    """
    for layer in network.layers:
        if hasattr(layer, "initialize_from"):
            trunk = keras.Model(network.inputs, layer.input)
            with backend.inference():
                layer.initialize_from(trunk(inputs, training=True))


def _kernel(stddev=0.05):
    return {"kernel_initializer": RandomNormal(0.0, stddev)}


def _frozen_dense(units):
    return WeightNormDense(units, train_scale=False, **_kernel(0.1))


def _with_similarities(x, kernels):
    if not kernels:
        return x
    similarities = MinibatchDiscrimination(
        kernels,
        bias_initializer=keras.initializers.Constant(-1.0),
        **_kernel(),
    )
    return layers.Concatenate()([x, similarities(x)])
