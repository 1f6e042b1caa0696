"""The networks of DC-IGN: the paper's, and smaller ones."""

import math

import keras
from keras import layers

from keras_gen.models.networks import check_network, conv_decoder, conv_encoder


def encoder(
    input_shape: tuple[int, int, int], latent_dim: int, filters: int = 96
) -> keras.Model:
    """From images to the mean and the log-variance of the code.

    Args:
        input_shape: Tuple. Height, width and channels: 150 x 150 for the
            paper's network, or multiples of 4 for strided convolutions.
        latent_dim: Integer.
        filters: Integer. The maps of the widest convolution.

    Returns:
        `keras.Model`. It returns a list of two vectors.
    """
    stages = _stages(input_shape, filters)
    if input_shape[:2] == (150, 150):
        return paper_encoder(input_shape, latent_dim, filters)
    heads = dict.fromkeys(("mean", "log_variance"), latent_dim)
    return conv_encoder(input_shape, heads, filters=stages)


def decoder(
    input_shape: tuple[int, int, int], latent_dim: int, filters: int = 96
) -> keras.Model:
    """From the code to the logits of images.

    Args:
        input_shape: As in `encoder`.
        latent_dim: Integer.
        filters: Integer. The maps of the widest convolution.

    Returns:
        `keras.Model`.
    """
    stages = _stages(input_shape, filters)
    if input_shape[:2] == (150, 150):
        return paper_decoder(input_shape, latent_dim, filters)
    return conv_decoder(input_shape, latent_dim, filters=stages)


def pair(input_shape, latent_dim, filters, own_encoder, own_decoder):
    """An encoder and a decoder, those of the user as far as there are any.

    The size of the code is what the encoder says.
    """
    made = own_encoder or encoder(input_shape, latent_dim, filters)
    shapes = [tuple(output.shape) for output in made.outputs]
    if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 2:
        raise ValueError(
            "The encoder of DCIGN makes a mean and a log-variance, each of "
            "shape (batch, latent_dim). Received one with outputs of shape "
            f"{shapes}."
        )
    code = shapes[0][1:]
    back = own_decoder or decoder(input_shape, *code, filters)
    check_network("DCIGN", "encoder", made, [input_shape])
    check_network("DCIGN", "decoder", back, [code], [input_shape])
    return made, back


def _stages(input_shape, filters):
    """The maps of the strided convolutions, if the sizes will do."""
    if filters < 4:
        raise ValueError(
            "The widest convolution has four maps at least, the narrowest a "
            f"quarter of them. Received: filters={filters}."
        )
    if len(input_shape) != 3 or (
        input_shape[:2] != (150, 150)
        and (input_shape[0] % 4 or input_shape[1] % 4)
    ):
        raise ValueError(
            "The images are 150 x 150, for the paper's networks, or their "
            f"sides multiples of 4. Received: input_shape={input_shape}. "
            "Resize the images, or pass an `encoder` and a `decoder`."
        )
    sides = input_shape[:2]
    stages = (filters // 4, filters // 2, filters)
    thrice = min(sides) > 32 and all(side % 8 == 0 for side in sides)
    return stages if thrice else stages[1:]


def paper_encoder(input_shape, latent_dim, filters=96):
    """The paper's encoder: 150 -> 73 -> 34 -> 15 pixels wide, to two heads."""
    x = inputs = keras.Input(input_shape)
    for maps in (filters, filters // 2, filters // 4):
        x = layers.MaxPooling2D(2)(_convolution(maps, 5)(x))
        x = layers.ReLU()(x)
    h = layers.Flatten()(x)
    heads = [
        _dense(latent_dim, name=name)(h) for name in ("mean", "log_variance")
    ]
    return keras.Model(inputs, heads, name="encoder")


def paper_decoder(input_shape, latent_dim, filters=96):
    """The paper's decoder: 15 -> 24 -> 42 -> 78 -> 150 pixels wide."""
    z = keras.Input((latent_dim,))
    shape = (15, 15, filters // 4)
    h = _dense(math.prod(shape), activation="relu")(z)
    h = layers.Reshape(shape)(h)
    for maps in (filters // 2, filters, filters):
        h = _convolution(maps, 7)(layers.UpSampling2D(2)(h))
        h = layers.ReLU()(h)
    outputs = _convolution(input_shape[-1], 7)(layers.UpSampling2D(2)(h))
    return keras.Model(z, outputs, name="decoder")


def _convolution(filters, kernel_size):
    # U(-a, a), a = 1 / sqrt(fan_in), as the authors' framework starts.
    uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    return layers.Conv2D(filters, kernel_size, kernel_initializer=uniform)


def _dense(units, **options):
    return layers.Dense(
        units,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.RandomNormal(stddev=0.01),
        **options,
    )
