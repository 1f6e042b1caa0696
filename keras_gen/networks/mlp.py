"""Fully connected networks between examples and vectors."""

import math
from collections.abc import Callable

import keras
from keras import layers

from keras_gen.layers import BatchNormalization


def dense(
    units: int,
    activation: str | None = None,
    initializer: Callable | str | None = None,
    **options,
) -> layers.Dense:
    """`keras.layers.Dense` with a kernel initializer of its own.

    `initializer` is a function that returns one, a name, or `None` for
    Glorot's: one object would give all layers the same values.
    """
    kernel = initializer() if callable(initializer) else initializer
    kernel = kernel or "glorot_uniform"
    return layers.Dense(units, activation, kernel_initializer=kernel, **options)


def heads_of(h, heads: dict[str, int], activation=None, initializer=None, **kw):
    """One dense layer for each of `heads`, a dictionary from names to sizes."""
    outputs = [
        dense(size, activation, initializer, name=name, **kw)(h)
        for name, size in heads.items()
    ]
    return outputs if len(outputs) > 1 else outputs[0]


def joined(shapes: tuple[int, ...] | list[tuple[int, ...]]):
    """Inputs of one shape or of several, and all of them as one vector."""
    if isinstance(shapes, list) and len(shapes) == 1:
        (shapes,) = shapes
    if isinstance(shapes, list):
        inputs = [keras.Input(shape) for shape in shapes]
        parts = [layers.Flatten()(x) for x in inputs]
        return inputs, layers.Concatenate()(parts)
    inputs = keras.Input(shapes)
    return inputs, layers.Flatten()(inputs)


def mlp_encoder(
    input_shape: tuple[int, ...] | list[tuple[int, ...]],
    hidden_units: tuple[int, ...],
    heads: dict[str, int],
    activation: str = "relu",
    head_activation: str | None = None,
    initializer: Callable | str | None = None,
    name: str = "encoder",
    **options,
) -> keras.Model:
    """From examples through dense layers to one or several vectors.

    Args:
        input_shape: Tuple, the shape of an example; or a list of those of
            several inputs, which are concatenated.
        hidden_units: Tuple. The units of the hidden layers.
        heads: Dictionary from the name of each output to its size. With
            several, the network returns a list.
        activation: String. The activation of the hidden layers.
        head_activation: String or `None`. The activation of the outputs.
        initializer: As in `dense`.
        **options: Further arguments of all dense layers.
    """
    inputs, h = joined(input_shape)
    for units in hidden_units:
        h = dense(units, activation, initializer, **options)(h)
    outputs = heads_of(h, heads, head_activation, initializer, **options)
    return keras.Model(inputs, outputs, name=name)


def mlp_decoder(
    input_shape: tuple[int, ...],
    hidden_units: tuple[int, ...],
    latent_dim: int | list[tuple[int, ...]],
    activation: str = "relu",
    output_activation: str | None = None,
    initializer: Callable | str | None = None,
    heads: int = 1,
    name: str = "decoder",
    **options,
) -> keras.Model:
    """From vectors through dense layers to examples.

    What is not described here is as in `mlp_encoder`.

    Args:
        hidden_units: Tuple. The units of the hidden layers, in the order in
            which they are computed.
        latent_dim: Integer, the size of the vectors; or a list of the shapes
            of several inputs, which are concatenated.
        output_activation: String or `None`. The activation of the outputs.
        heads: Integer. The number of outputs.
    """
    if isinstance(latent_dim, list):
        z, h = joined(latent_dim)
    else:
        h = z = keras.Input((latent_dim,))
    for units in hidden_units:
        h = dense(units, activation, initializer, **options)(h)
    size, outputs = math.prod(input_shape), []
    for _ in range(heads):
        x = dense(size, output_activation, initializer, **options)(h)
        outputs.append(layers.Reshape(input_shape)(x))
    return keras.Model(z, outputs if heads > 1 else outputs[0], name=name)


def normalized_generator(
    input_shape: tuple[int, ...],
    latent_dim: int,
    hidden_units: tuple[int, ...],
    output_activation: str | None = "sigmoid",
    activation: str = "relu",
) -> keras.Model:
    """A generator of dense layers with batch normalization.

    What is not described here is as in `mlp_decoder`.
    """
    z = x = keras.Input((latent_dim,))
    for units in hidden_units:
        x = BatchNormalization()(layers.Dense(units)(x))
        x = layers.Activation(activation)(x)
    x = layers.Dense(math.prod(input_shape), output_activation)(x)
    return keras.Model(z, layers.Reshape(input_shape)(x), name="generator")


def dense_layers(network: keras.Model) -> list[layers.Dense]:
    """The dense layers of a network, in the order of their use."""
    return [x for x in network.layers if isinstance(x, layers.Dense)]


def four_times_glorot() -> keras.initializers.Initializer:
    """`U(-a, a)`, `a = 4 sqrt(6 / (fan_in + fan_out))`, for sigmoid units."""
    return keras.initializers.VarianceScaling(16.0, "fan_avg", "uniform")
