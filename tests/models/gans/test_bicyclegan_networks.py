"""BicycleGAN: the sizes of the official code's networks."""

import numpy as np

from keras_gen import BicycleGAN


def count(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def test_the_networks_of_256_pixels():
    model = BicycleGAN()
    assert count(model.generator) == 54_794_627
    assert count(model.encoder) == 2_590_032
    assert count(model.discriminator) == 3_458_978
    assert count(model.latent_discriminator) == 3_458_978
    assert count(BicycleGAN(inject="input").generator) == 54_417_795
    assert count(BicycleGAN((256, 256, 1), 3).generator) == 54_792_579


def test_the_networks_of_128_pixels():
    model = BicycleGAN((128, 128, 3), discriminator_layers=2)
    assert count(model.generator) == 42_145_155
    assert count(model.encoder) == 1_344_080
    assert count(model.discriminator) == 830_626
