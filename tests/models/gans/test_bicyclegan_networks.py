"""BicycleGAN: the sizes of the official code's networks."""

import numpy as np
import pytest
from keras import layers

from keras_gen import BicycleGAN
from keras_gen.layers import InstanceNormalization
from tests.numerics import array, num_parameters


def test_the_networks_of_256_pixels():
    model = BicycleGAN()
    assert num_parameters(model.generator) == 54_794_627
    assert num_parameters(model.encoder) == 2_590_032
    assert num_parameters(model.discriminator) == 3_458_978
    assert num_parameters(model.latent_discriminator) == 3_458_978
    assert num_parameters(BicycleGAN(inject="input").generator) == 54_417_795
    assert num_parameters(BicycleGAN((256, 256, 1), 3).generator) == 54_792_579


def test_the_networks_of_128_pixels():
    model = BicycleGAN((128, 128, 3), discriminator_layers=2)
    assert num_parameters(model.generator) == 42_145_155
    assert num_parameters(model.encoder) == 1_344_080
    assert num_parameters(model.discriminator) == 830_626


def test_the_settings_of_the_official_code():
    model = BicycleGAN((64, 64, 3), base_filters=32, seed=0)
    adam = model.default_optimizer().get_config()
    assert adam["learning_rate"] == pytest.approx(2e-4)
    assert (adam["beta_1"], adam["beta_2"]) == (0.5, 0.999)

    def normalized(network):
        return sum(
            isinstance(layer, InstanceNormalization) for layer in network.layers
        )

    # Of six layers, not the first and the last; of five, all but the last.
    assert normalized(model.generator) == 4 + 5
    assert normalized(model.encoder) == 2 * 2
    for layer in model.generator.layers:
        if isinstance(layer, layers.Conv2D) and layer.filters > 100:
            *_, fan_in, fan_out = layer.kernel.shape
            deviation = 0.02 * np.sqrt(2.0 / (16 * (fan_in + fan_out)))
            # Of at least 16 x 35 x 128 weights: five standard errors are 1.4 %.
            found = array(layer.kernel).std() / deviation
            assert abs(found - 1.0) < 0.014
