"""The networks of the spectrally normalized GAN: the tables of the paper."""

import keras
import pytest

from keras_gen import SNGAN
from tests.numerics import num_parameters

# The architecture, the side of its images, the classes; trainable weights.
TABLES = [
    ("resnet32", 32, None, 4_276_739, 1_053_824),
    ("resnet32", 32, 10, 4_304_387, 1_055_104),
    ("resnet48", 48, None, 4_878_083, 10_141_440),
    ("resnet64", 64, None, 12_220_675, 10_141_441),
    ("resnet64", 64, 1000, 17_974_915, 11_165_441),
    ("resnet128", 128, None, 32_150_787, 29_017_857),
    ("resnet128", 128, 1000, 41_996_931, 30_041_857),
    ("cnn", 32, None, 3_812_355, 2_935_873),
    ("cnn", 48, None, 5_133_315, 2_946_113),
]


@pytest.mark.parametrize(
    ("architecture", "side", "num_classes", "generator", "discriminator"),
    TABLES,
)
def test_parameters_are_those_of_the_papers_tables(
    architecture, side, num_classes, generator, discriminator
):
    with keras.StatelessScope(initialize_variables=False):
        model = SNGAN((side, side, 3), architecture, num_classes=num_classes)
    assert num_parameters(model.generator) == generator
    assert num_parameters(model.discriminator) == discriminator
