import keras
import pytest
from keras import layers

from keras_gen.networks.conv import conv_decoder, conv_encoder


def shapes(network, kind):
    return [
        tuple(layer.output.shape[1:])
        for layer in network.layers
        if isinstance(layer, kind)
    ]


def unbuilt(build, *args, **options):
    """A network of which the shapes alone are looked at."""
    with keras.StatelessScope(initialize_variables=False):
        return build(*args, **options)


def test_encoder_halves_the_sides():
    network = unbuilt(
        conv_encoder,
        (8, 12, 3),
        {"mean": 5, "log_variance": 4},
        hidden_units=7,
        filters=(2, 6),
    )
    assert shapes(network, layers.Conv2D) == [(4, 6, 2), (2, 3, 6)]
    assert shapes(network, layers.Dense) == [(7,), (5,), (4,)]
    assert [tuple(x.shape[1:]) for x in network.outputs] == [(5,), (4,)]
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            assert layer.kernel_size == (4, 4)
            assert layer.activation is keras.activations.relu
    assert network.get_layer("mean").activation is keras.activations.linear


@pytest.mark.parametrize("heads", [1, 2])
def test_decoder_is_the_mirror_image(heads):
    network = unbuilt(
        conv_decoder,
        (8, 12, 3),
        5,
        hidden_units=7,
        filters=(2, 6),
        heads=heads,
        output_activation="sigmoid",
    )
    assert shapes(network, layers.Dense) == [(7,), (2 * 3 * 6,)]
    assert shapes(network, layers.Reshape) == [(2, 3, 6)]
    images = [(8, 12, 3)] * heads
    assert shapes(network, layers.Conv2DTranspose) == [(4, 6, 2), *images]
    assert [tuple(x.shape[1:]) for x in network.outputs] == images
    for layer in network.layers[-heads:]:
        assert layer.activation is keras.activations.sigmoid


def test_the_defaults_are_two_convolutions_of_32_and_64_filters():
    encoder = unbuilt(conv_encoder, (28, 28, 1), {"code": 2})
    decoder = unbuilt(conv_decoder, (28, 28, 1), 2)
    assert encoder.count_params() == (
        (16 * 1 + 1) * 32
        + (16 * 32 + 1) * 64
        + (7 * 7 * 64 + 1) * 256
        + (256 + 1) * 2
    )
    assert decoder.count_params() == (
        (2 + 1) * 256
        + (256 + 1) * 7 * 7 * 64
        + (16 * 64 + 1) * 32
        + (16 * 32 + 1) * 1
    )


@pytest.mark.parametrize("shape", [(6, 8, 1), (8, 6, 1)])
def test_sides_must_be_halved_without_a_remainder(shape):
    with pytest.raises(ValueError) as error:
        conv_decoder(shape, 3)
    for word in ("multiples of 4", str(shape), "architecture='mlp'"):
        assert word in str(error.value)
    with pytest.raises(ValueError, match="multiples of 8"):
        conv_decoder((8, 12, 1), 3, filters=(2, 4, 8))
