"""DiscoGAN: sizes and settings of the official code's networks."""

import pytest
from keras import layers

from keras_gen import DiscoGAN
from tests.numerics import num_parameters


def test_numbers_of_parameters():
    model = DiscoGAN()
    assert num_parameters(model.generator_ab) == 5_513_856
    assert num_parameters(model.discriminator_b) == 2_765_568
    assert (
        num_parameters(DiscoGAN(bottleneck_units=100).generator_ba) == 7_153_480
    )


def test_the_settings_of_the_official_code():
    model = DiscoGAN(seed=0)
    assert model.weight_decay == 1e-5 and model.batch_parts == 3
    adam = model.default_optimizer().get_config()
    assert adam["learning_rate"] == pytest.approx(2e-4)
    assert (adam["beta_1"], adam["beta_2"]) == (0.5, 0.999)
    for network in (model.generator_ab, model.discriminator_b):
        slopes = {
            layer.negative_slope
            for layer in network.layers
            if isinstance(layer, layers.LeakyReLU)
        }
        assert len(slopes) == 1 and slopes.pop() == pytest.approx(0.2)
