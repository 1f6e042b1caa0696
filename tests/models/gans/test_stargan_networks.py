"""StarGAN: the sizes of the official code's networks."""

import pytest
from keras import layers

from keras_gen import StarGAN
from keras_gen.models.gans.stargan.networks import stargan_discriminator
from tests.numerics import num_parameters


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
    assert num_parameters(model.generator) == generator
    assert num_parameters(model.discriminator) == discriminator
    scores = model.discriminator.outputs[0]
    assert scores.shape == (None, 2, 2, 1)


def test_numbers_of_parameters_of_two_data_sets():
    network = stargan_discriminator((256, 256, 3), 64, 6, 13)
    assert num_parameters(network) == 45_147_072
    model = StarGAN(num_attributes=5, num_classes=8)
    assert num_parameters(model.generator) == 8_461_888


def test_the_settings_of_the_official_code():
    model = StarGAN((64, 64, 3), discriminator_layers=5, seed=0)
    assert model.batch_parts == 5 and model.label_sets.num_attributes == 5
    adam = model.default_optimizer().get_config()
    assert adam["learning_rate"] == pytest.approx(1e-4)
    assert (adam["beta_1"], adam["beta_2"]) == (0.5, 0.999)
    slopes = {
        layer.negative_slope
        for layer in model.discriminator.layers
        if isinstance(layer, layers.LeakyReLU)
    }
    assert slopes == {0.01}
    assert (
        StarGAN(
            (64, 64, 3), num_classes=8, discriminator_layers=5
        ).label_sets.num_attributes
        == 0
    )
