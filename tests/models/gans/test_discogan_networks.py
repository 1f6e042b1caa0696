"""DiscoGAN: the sizes of the official code's networks."""

import numpy as np

from keras_gen import DiscoGAN


def count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def test_numbers_of_parameters():
    model = DiscoGAN()
    assert count(model.generator_ab) == 5_513_856
    assert count(model.discriminator_b) == 2_765_568
    assert count(DiscoGAN(bottleneck_units=100).generator_ba) == 7_153_480
