"""Networks between examples and vectors: fully connected, convolutional."""

import math
from collections.abc import Callable

import keras
from keras import layers


def dense(units, activation=None, initializer=None, **options):
    """A dense layer with an initializer of its own.

    One initializer object gives all layers the same numbers, so
    `initializer` is a function that makes one, or a name, or `None`.
    """
    if callable(initializer):
        initializer = initializer()
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=initializer or "glorot_uniform",
        **options,
    )


def add_heads(h, heads, activation=None, initializer=None):
    """One dense layer for each entry of `heads`, a name and its size."""
    outputs = [
        dense(size, activation, initializer, name=name)(h)
        for name, size in heads.items()
    ]
    return outputs if len(outputs) > 1 else outputs[0]


def mlp_encoder(
    input_shape: tuple[int, ...],
    hidden_units: tuple[int, ...],
    heads: dict[str, int],
    activation: str = "relu",
    head_activation: str | None = None,
    initializer: Callable | str | None = None,
    name: str = "encoder",
) -> keras.Model:
    """From examples through dense layers to one or several vectors.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Tuple. The units of the hidden layers.
        heads: Dictionary from the name of each output to its size.
        activation: Name of the activation of the hidden layers.
        head_activation: Name of that of the outputs, or `None`.
        initializer: Function that makes an initializer of kernels, a name,
            or `None` for Glorot's.
        name: String.

    Returns:
        `keras.Model`. With several heads it returns a list.
    """
    inputs = keras.Input(input_shape)
    h = layers.Flatten()(inputs)
    for units in hidden_units:
        h = dense(units, activation, initializer)(h)
    outputs = add_heads(h, heads, head_activation, initializer)
    return keras.Model(inputs, outputs, name=name)


def mlp_decoder(
    input_shape: tuple[int, ...],
    hidden_units: tuple[int, ...],
    latent_dim: int,
    activation: str = "relu",
    output_activation: str | None = None,
    initializer: Callable | str | None = None,
    name: str = "decoder",
) -> keras.Model:
    """From vectors through dense layers to examples.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Tuple. The units of the hidden layers, in the order in
            which they are computed.
        latent_dim: Integer. The size of the vectors.
        activation: Name of the activation of the hidden layers.
        output_activation: Name of that of the outputs, or `None`.
        initializer: As in `mlp_encoder`.
        name: String.

    Returns:
        `keras.Model`.
    """
    h = z = keras.Input((latent_dim,))
    for units in hidden_units:
        h = dense(units, activation, initializer)(h)
    h = dense(math.prod(input_shape), output_activation, initializer)(h)
    return keras.Model(z, layers.Reshape(input_shape)(h), name=name)


def conv_encoder(
    input_shape: tuple[int, int, int],
    heads: dict[str, int],
    hidden_units: int = 256,
    filters: tuple[int, ...] = (32, 64),
    head_activation: str | None = None,
    name: str = "encoder",
) -> keras.Model:
    """Convolutions that halve the image, a dense layer, one or more vectors.

    Args:
        input_shape: Tuple. Height, width and channels.
        heads: Dictionary from the name of each output to its size.
        hidden_units: Integer. The units of the dense layer.
        filters: Tuple. The filters of the convolutions, of kernel size 4.
        head_activation: Name of the activation of the outputs, or `None`.
        name: String.

    Returns:
        `keras.Model`. With several heads it returns a list.
    """
    x = inputs = keras.Input(input_shape)
    for size in filters:
        x = layers.Conv2D(
            size, 4, strides=2, padding="same", activation="relu"
        )(x)
    h = layers.Dense(hidden_units, activation="relu")(layers.Flatten()(x))
    return keras.Model(inputs, add_heads(h, heads, head_activation), name=name)


def conv_decoder(
    input_shape: tuple[int, int, int],
    latent_dim: int,
    hidden_units: int = 256,
    filters: tuple[int, ...] = (32, 64),
    heads: int = 1,
    output_activation: str | None = None,
    name: str = "decoder",
) -> keras.Model:
    """The mirror image of `conv_encoder`.

    Args:
        input_shape: Tuple. Height, width and channels. The sides are
            multiples of 2 to the power of the number of `filters`.
        latent_dim: Integer. The size of the vectors.
        hidden_units: Integer. The units of the first dense layer.
        filters: Tuple. The filters of the encoder's convolutions.
        heads: Integer. The number of images that are made.
        output_activation: Name of the activation of the images, or `None`.
        name: String.

    Returns:
        `keras.Model`. With several heads it returns a list.
    """
    height, width, channels = input_shape
    factor = 2 ** len(filters)
    if height % factor or width % factor:
        raise ValueError(
            f"The convolutions halve the image {len(filters)} times: its "
            f"sides must be multiples of {factor}. Received: "
            f"input_shape={input_shape}. Resize the images or use "
            "`architecture='mlp'`."
        )
    z = keras.Input((latent_dim,))
    h = layers.Dense(hidden_units, activation="relu")(z)
    shape = (height // factor, width // factor, filters[-1])
    h = layers.Dense(math.prod(shape), activation="relu")(h)
    h = layers.Reshape(shape)(h)
    for size in reversed(filters[:-1]):
        h = layers.Conv2DTranspose(
            size, 4, strides=2, padding="same", activation="relu"
        )(h)
    outputs = [
        layers.Conv2DTranspose(
            channels,
            4,
            strides=2,
            padding="same",
            activation=output_activation,
        )(h)
        for _ in range(heads)
    ]
    return keras.Model(z, outputs if heads > 1 else outputs[0], name=name)


def dense_layers(network: keras.Model) -> list[layers.Dense]:
    """The dense layers of a network, in the order of their use."""
    return [x for x in network.layers if isinstance(x, layers.Dense)]


def check_network(
    owner: str,
    name: str,
    network: keras.Model,
    takes: list[tuple],
    makes: list[tuple] | None = None,
) -> None:
    """Raises unless a network has inputs and outputs of the given shapes.

    Networks that do not know their shapes, as subclassed ones, are let pass.

    Args:
        owner: String. The name of the model that the network is part of.
        name: String. What the network is there.
        network: `keras.Model`.
        takes: List of the shapes of the inputs, without the batch.
        makes: The same of the outputs, or `None` for any.
    """
    for verb, tensors, shapes in (
        ("takes", "inputs", takes),
        ("makes", "outputs", makes),
    ):
        tensors = getattr(network, tensors, None)
        if shapes is None or tensors is None:
            continue
        found = [tuple(tensor.shape) for tensor in tensors]
        expected = [(None, *shape) for shape in shapes]
        if len(found) != len(expected) or not all(map(_alike, found, expected)):
            raise ValueError(
                f"The {name} of {owner} {verb} "
                f"{', '.join(map(str, expected))}. Received one that {verb} "
                f"{', '.join(map(str, found))}. Change the network, or the "
                "arguments of the model that say these shapes."
            )


def _alike(found, expected):
    """Whether shapes are the same, but for sizes that are not known."""
    return len(found) == len(expected) and all(
        f is None or e is None or f == e
        for f, e in zip(found, expected, strict=True)
    )
