"""Averaged copies of networks."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.engine import averaged_copy, update_average
from keras_gen.layers import BatchNormalization
from tests.engine.toys import array, arrays


def network():
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )


def moved(original):
    """Sets all weights to something else, statistics included."""
    rng = np.random.default_rng(0)
    for variable in original.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))


def test_copy_is_frozen_and_equal():
    original = network()
    moved(original)
    copy = averaged_copy(original)
    assert not copy.trainable_variables
    assert len(copy.weights) == len(original.weights)
    for a, w in zip(copy.weights, original.weights, strict=True):
        assert a is not w
        np.testing.assert_array_equal(array(a), array(w))
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(array(copy(x)), array(original(x)))


def test_copy_leaves_the_original_alone():
    original = network()
    trainable = len(original.trainable_variables)
    copy = averaged_copy(original)
    moved(copy)
    assert len(original.trainable_variables) == trainable
    assert not np.array_equal(
        array(copy.weights[0]), array(original.weights[0])
    )


@pytest.mark.parametrize("decay", [0.9, 0.5, 0.0, 1.0])
def test_average_moves_by_the_formula(decay):
    original = network()
    copy = averaged_copy(original)
    before = arrays(copy.weights)
    moved(original)
    weights = arrays(original.weights)
    update_average(copy, original, decay)
    trainable = {id(variable) for variable in original.trainable_variables}
    assert 0 < len(trainable) < len(original.weights)
    for variable, old, new, average in zip(
        original.weights, before, weights, arrays(copy.weights), strict=True
    ):
        np.testing.assert_array_equal(array(variable), new)
        if id(variable) in trainable:
            np.testing.assert_allclose(
                average, decay * old + (1 - decay) * new, rtol=1e-6, atol=1e-7
            )
        else:
            np.testing.assert_array_equal(average, new)


def test_average_of_several_moves():
    original = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    copy = averaged_copy(original)
    expected = arrays(copy.weights)[1]
    for value in (1.0, 2.0, -3.0):
        original.weights[1].assign([value])
        update_average(copy, original, 0.75)
        expected = 0.75 * expected + 0.25 * value
    np.testing.assert_allclose(array(copy.weights[1]), expected, rtol=1e-6)


def test_average_shares_no_memory_with_the_network():
    original = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    copy = averaged_copy(original)
    update_average(copy, original, 0.0)
    expected = arrays(copy.weights)
    moved(original)
    for before, variable in zip(expected, copy.weights, strict=True):
        np.testing.assert_array_equal(before, array(variable))
