"""The sizes of translators' networks, which know no backend."""

import functools

import numpy as np
import pytest
from keras import layers, ops

from keras_gen.layers import InstanceNormalization
from keras_gen.networks.translation import (
    encoder_decoder,
    halved,
    patch_discriminator,
    patch_layers,
    receptive_field,
    resnet_generator,
)
from tests.numerics import num_parameters


def test_the_unet_of_256_pixels():
    network = encoder_decoder((256, 256, 3), 3)
    assert num_parameters(network) == 54_413_955
    masks = [tensor.shape[1:] for tensor in network.inputs[1:]]
    assert masks == [(2, 2, 512), (4, 4, 512), (8, 8, 512)]
    assert network.output_shape == (None, 256, 256, 3)


def test_the_unet_of_128_pixels_has_one_level_fewer():
    network = encoder_decoder((128, 128, 3), 3, depth=7)
    # The level of 512 filters, twice, and the scales and biases of two.
    level = 512 * 512 * 16 + 1024 * 512 * 16 + 2 * 2 * 512
    assert num_parameters(network) == 54_413_955 - level


def test_the_patchgan_of_70_pixels():
    network = patch_discriminator([(256, 256, 3)] * 2)
    assert num_parameters(network) == 2_768_705
    assert network.output_shape == (None, 30, 30, 1)


@pytest.mark.parametrize(
    ("num_layers", "side"),
    [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286), (6, 574)],
)
def test_receptive_fields(num_layers, side):
    assert receptive_field(patch_layers(num_layers)) == side


@pytest.mark.parametrize(
    ("num_blocks", "plain", "affine"),
    [(9, 11_378_179, 11_388_675), (6, 7_837_699, 7_845_123)],
)
def test_the_generators_of_cyclegan(num_blocks, plain, affine):
    scaled = functools.partial(InstanceNormalization, affine=True)
    for norm, expected in ((InstanceNormalization, plain), (scaled, affine)):
        network = resnet_generator(
            (256, 256, 3), 3, num_blocks=num_blocks, norm=norm
        )
        assert num_parameters(network) == expected
        assert network.output_shape == (None, 256, 256, 3)


def test_the_discriminator_of_cyclegan():
    network = patch_discriminator(
        [(256, 256, 3)], norm=InstanceNormalization, all_biases=True
    )
    assert num_parameters(network) == 2_764_737
    assert network.output_shape == (None, 30, 30, 1)


def test_images_stay_where_they_are_in_the_generator_of_cyclegan():
    """With kernels that pass on the pixel in their middle."""
    network = resnet_generator(
        (16, 16, 1), 1, 1, num_blocks=0, norm=layers.Identity
    )
    for variable in network.trainable_variables:
        value = np.zeros(variable.shape)
        if value.ndim == 4:
            middle = value.shape[0] // 2
            value[middle, middle, 0, 0] = 1.0
        variable.assign(value)
    image = np.zeros((1, 16, 16, 1), "float32")
    image[0, 7, 11] = 1.0
    found = np.asarray(network(image))[0, ..., 0]
    assert np.argwhere(found > 0.1).tolist() == [[7, 11]]


def test_images_too_small_for_the_patches_are_refused():
    with pytest.raises(ValueError, match="at least 24 for 3.*(16, 64, 3)"):
        patch_discriminator([(16, 64, 3)])


def test_images_are_halved_without_counting_the_border():
    x = np.arange(30.0, dtype="float32").reshape(1, 5, 6, 1)
    found = np.asarray(ops.convert_to_numpy(halved(ops.convert_to_tensor(x))))
    expected = [
        [
            x[0, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
            for j in range(3)
        ]
        for i in range(3)
    ]
    expected = [[part.mean() for part in row] for row in expected]
    np.testing.assert_allclose(found[0, ..., 0], expected, rtol=1e-6)
