"""The networks of the spectrally normalized GAN: the tables of the paper."""

import math

import keras
import pytest

from keras_gen import SNGAN


def count(network):
    return sum(math.prod(v.shape) for v in network.trainable_variables)


@pytest.mark.parametrize(
    ("options", "generator", "discriminator"),
    [
        ({}, 4_276_739, 1_053_824),
        ({"num_classes": 10}, 4_304_387, 1_055_104),
        (
            {"architecture": "resnet48", "image_shape": (48, 48, 3)},
            4_878_083,
            10_141_440,
        ),
        (
            {"architecture": "resnet64", "image_shape": (64, 64, 3)},
            12_220_675,
            10_141_441,
        ),
        (
            {
                "architecture": "resnet64",
                "image_shape": (64, 64, 3),
                "num_classes": 1000,
            },
            17_974_915,
            11_165_441,
        ),
        (
            {"architecture": "resnet128", "image_shape": (128, 128, 3)},
            32_150_787,
            29_017_857,
        ),
        (
            {
                "architecture": "resnet128",
                "image_shape": (128, 128, 3),
                "num_classes": 1000,
            },
            41_996_931,
            30_041_857,
        ),
        ({"architecture": "cnn"}, 3_812_355, 2_935_873),
        (
            {"architecture": "cnn", "image_shape": (48, 48, 3)},
            5_133_315,
            2_946_113,
        ),
    ],
)
def test_parameters_are_those_of_the_papers_tables(
    options, generator, discriminator
):
    with keras.StatelessScope(initialize_variables=False):
        model = SNGAN(**options)
    assert count(model.generator) == generator
    assert count(model.discriminator) == discriminator
