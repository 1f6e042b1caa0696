"""SEGAN: the sizes of the official code's networks."""

import numpy as np

from keras_gen import SEGAN


def count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def test_numbers_of_parameters():
    model = SEGAN(reference_size=1)
    assert count(model.generator) == 73_100_049
    assert count(model.discriminator) == 24_373_081
    assert model.latent_shape == (8, 1024)
