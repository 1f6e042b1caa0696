import numpy as np
import pytest

from keras_gen.engine import Labels, Vector
from keras_gen.models.conditioning import Conditional, lines_between


class Plain(Conditional):
    pass


class ByClass(Conditional):
    condition = Labels(3)


class ByVector(Conditional):
    condition = Vector(2)


def test_classes_are_each_in_turn_one_for_all_or_one_for_each():
    model = ByClass()
    for labels, expected in (
        (None, [0, 1, 2, 0, 1]),
        (2, [2] * 5),
        ([2, 0, 1, 1, 0], [2, 0, 1, 1, 0]),
        (np.array([[2], [0], [1], [1], [0]]), [2, 0, 1, 1, 0]),
    ):
        (found,) = model.conditions_of(labels, 5)
        assert found.dtype == "int32" and found.tolist() == expected
    for labels in (3, -1, [0, 1], [0.0] * 5, [0, 1, 2, 3, 0]):
        with pytest.raises(
            ValueError, match="ByClass .*5 integers from 0 to 2"
        ):
            model.conditions_of(labels, 5)
    assert model.condition_inputs() == {"labels": Labels(3)}


def test_vectors_are_one_for_all_or_one_for_each():
    model = ByVector()
    one, each = np.array([1.0, 2.0]), np.arange(6.0).reshape(3, 2)
    for vectors, expected in ((one, [one] * 3), (each, each)):
        (found,) = model.conditions_of(vectors, 3)
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found, expected)
    for vectors, words in (
        (None, "labels=None"),
        (each[:2], "one for all, or 3. Received: 2"),
        (each[:, :1], r"\(3, 1\)"),
    ):
        with pytest.raises(ValueError, match=f"ByVector .*{words}"):
            model.conditions_of(vectors, 3)
    assert model.condition_inputs() == {"condition": Vector(2)}


def test_an_unconditional_model_takes_no_labels():
    assert Plain().conditions_of(None, 5) == ()
    assert Plain().condition_inputs() == {}
    with pytest.raises(ValueError, match="`labels` of Plain must be None"):
        Plain().conditions_of(1, 5)


def test_lines_are_straight_with_both_ends():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    lines = lines_between(a, b, 5)
    assert lines.shape == (3, 5, 4) and lines.dtype == "float32"
    for i, t in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        np.testing.assert_allclose(
            lines[:, i], (1 - t) * a + t * b, rtol=1e-5, atol=1e-6
        )
