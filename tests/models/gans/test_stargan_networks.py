"""StarGAN: the sizes of the official code's networks."""

import numpy as np
import pytest

from keras_gen import StarGAN
from keras_gen.models.gans.stargan.networks import stargan_discriminator


def count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.mark.parametrize(
    ("labels", "generator", "discriminator"),
    [
        ({"num_attributes": 5}, 8_430_528, 44_762_048),
        (
            {"num_attributes": None, "num_classes": 8},
            8_439_936,
            44_786_624,
        ),
    ],
)
def test_numbers_of_parameters(labels, generator, discriminator):
    model = StarGAN(**labels)
    assert count(model.generator) == generator
    assert count(model.discriminator) == discriminator
    scores = model.discriminator.outputs[0]
    assert scores.shape == (None, 2, 2, 1)


def test_numbers_of_parameters_of_two_data_sets():
    network = stargan_discriminator((256, 256, 3), 64, 6, 13)
    assert count(network) == 45_147_072
    model = StarGAN(num_attributes=5, num_classes=8)
    assert count(model.generator) == 8_461_888
