"""SimGAN: the sizes of the paper's networks."""

import pytest

from keras_gen import SimGAN
from tests.numerics import num_parameters


@pytest.mark.parametrize(
    ("architecture", "shape", "refiner", "discriminator"),
    [
        # 1 -> 64, eight of 64 -> 64, 64 -> 1; 1 -> 96 -> 64 -> 32 -> 32 -> 1.
        ("gaze", (35, 55, 1), 296_129, 75_873),
        ("hand", (224, 224, 1), 741_825, 178_017),
    ],
)
def test_numbers_of_parameters(architecture, shape, refiner, discriminator):
    model = SimGAN(shape, architecture, history_size=0)
    assert num_parameters(model.refiner) == refiner
    assert num_parameters(model.discriminator) == discriminator
    updates = 1000 if architecture == "gaze" else 500
    assert model.refiner_pretraining == updates // 2
