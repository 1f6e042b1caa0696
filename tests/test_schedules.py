"""Schedules: values over epochs, steps and examples."""

import keras
import numpy as np
import pytest

from keras_gen import Schedule
from keras_gen.checks import check_positive
from keras_gen.schedules import check_scheduled


def values(schedule, progress):
    return [float(schedule(p)) for p in progress]


def test_linear_moves_from_start_to_end_and_stays():
    schedule = Schedule(2.0, 10.0, over=4)
    assert values(schedule, [0, 1, 2, 4, 9]) == [2.0, 4.0, 6.0, 10.0, 10.0]
    falling = Schedule(1.0, 0.0, over=2)
    assert values(falling, [0, 1, 2, 3]) == [1.0, 0.5, 0.0, 0.0]


def test_exponential_has_a_constant_factor():
    schedule = Schedule(0.1, 1000.0, over=4, interpolation="exponential")
    np.testing.assert_allclose(
        values(schedule, [0, 1, 2, 3, 4, 8]),
        [0.1, 1.0, 10.0, 100.0, 1000.0, 1000.0],
        rtol=1e-5,
    )


def test_it_can_begin_later():
    schedule = Schedule(0.0, 1.0, over=2, unit="steps", after=3)
    assert values(schedule, [0, 3, 4, 5, 6]) == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_configuration_makes_the_same_schedule():
    schedule = Schedule(0.0, 1.0, over=7, unit="examples", after=2)
    config = keras.saving.serialize_keras_object(schedule)
    assert keras.saving.deserialize_keras_object(config) == schedule


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"over": 0}, "over=0"),
        ({"over": 1, "unit": "years"}, "unit='years'"),
        ({"over": 1, "interpolation": "cubic"}, "interpolation='cubic'"),
        ({"over": 1, "interpolation": "exponential"}, "start=0.0"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        Schedule(0.0, 1.0, **arguments)


def test_both_ends_are_checked():
    check_scheduled("k", Schedule(1, 2, over=1), check_positive)
    check_scheduled("k", 3, check_positive)
    for wrong in (Schedule(0, 2, over=1), Schedule(2, 0, over=1), 0):
        with pytest.raises(ValueError, match="k=0"):
            check_scheduled("k", wrong, check_positive)
