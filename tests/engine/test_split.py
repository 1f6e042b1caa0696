"""`split`: a fresh part of the batch for each of several updates."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.engine.toys import Solo, array, compiled


@pytest.mark.parametrize("size", [6, 7, 8, 3])
def test_parts_are_even_and_in_order(size):
    x = np.arange(2.0 * size).reshape(size, 2)
    y = np.arange(size)
    parts = Solo().split((x, {"y": y, "none": None}), 3)
    assert len(parts) == 3
    np.testing.assert_array_equal(
        np.concatenate([array(part[0]) for part in parts]), x
    )
    for part_x, rest in parts:
        assert rest["none"] is None
        np.testing.assert_array_equal(array(part_x)[:, 0] / 2, array(rest["y"]))
    sizes = [len(part[0]) for part in parts]
    assert sum(sizes) == size and max(sizes) - min(sizes) <= 1


def test_one_part_is_the_batch():
    x = np.arange(5.0)
    (part,) = Solo().split(x, 1)
    np.testing.assert_array_equal(array(part), x)


def test_too_few_examples_are_an_error_that_helps():
    with pytest.raises(ValueError) as error:
        Solo().split((np.zeros((2, 3)), None), 5)
    for word in ("5 updates", "batch size 2", "multiple of 5", "remainder"):
        assert word in str(error.value)


def means_of_parts(batch, model):
    means = [ops.mean(part) for part in model.split(batch.x, 2)]
    model.log(extra=means[0] - 10.0 * means[1])
    model.minimize("model", lambda: 0.0 * ops.mean(model.network(batch.x)))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_small_last_batch_is_in_several_parts(size):
    model = Solo()
    model.batch_parts = 5
    parts = [array(part) for part in model.split(np.arange(1.0 * size), 5)]
    assert all(len(part) == 1 for part in parts)
    assert {float(part[0]) for part in parts} == set(np.arange(1.0 * size))


def test_sizes_that_are_known_only_when_the_step_runs():
    """The last batch, of three, is split after one example."""
    model = Solo()
    compiled(model, step=lambda batch: means_of_parts(batch, model))
    x = np.repeat(np.arange(7.0)[:, None], 2, axis=1)
    history = model.fit(x, batch_size=4, shuffle=False, verbose=0).history
    first, last = 0.5 - 10 * 2.5, 4.0 - 10 * 5.5
    np.testing.assert_allclose(
        history["extra"][0], (first + last) / 2, rtol=1e-6
    )


def test_too_few_examples_in_a_compiled_step():
    model = Solo()
    compiled(model, step=lambda batch: means_of_parts(batch, model))
    expected = ValueError
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        expected = tf.errors.InvalidArgumentError
    with pytest.raises(expected, match="at least one example for each of the"):
        model.fit(np.ones((5, 2)), batch_size=4, shuffle=False, verbose=0)
