"""The papers' schedules that Keras does not have."""

import numpy as np

from keras_gen.optimizers import ConstantThenLinear
from tests.numerics import array


def test_constant_then_linear():
    schedule = ConstantThenLinear(2e-4, 100, 50)
    again = ConstantThenLinear.from_config(schedule.get_config())
    for step, rate in (
        (0, 2e-4),
        (100, 2e-4),
        (125, 1e-4),
        (149, 2e-4 / 50),
        (150, 0.0),
        (200, 0.0),
    ):
        for each in (schedule, again):
            np.testing.assert_allclose(
                array(each(np.int32(step))), rate, rtol=1e-5, atol=1e-12
            )
