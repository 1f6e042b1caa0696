"""SEGAN: the sizes of the official code's networks."""

from keras_gen import SEGAN
from tests.numerics import num_parameters


def test_numbers_of_parameters():
    model = SEGAN(reference_size=1)
    assert num_parameters(model.generator) == 73_100_049
    assert num_parameters(model.discriminator) == 24_373_081
    assert model.latent_shape == (8, 1024)
