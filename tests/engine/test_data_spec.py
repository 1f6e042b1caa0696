"""What data a model takes: checks, casts and draws from one declaration."""

import dataclasses
import warnings

import keras
import numpy as np
import pytest

from keras_gen.engine import (
    Attributes,
    Batch,
    Examples,
    Groups,
    Labels,
    Spec,
    Vector,
    arrays,
)
from keras_gen.engine.data_spec import check_batch, draw_batch, prepare_batch
from tests.engine.toys import array

IMAGES = Examples((4, 3, 1), "image_shape", (-1.0, 1.0))
RNG = np.random.default_rng(0)


def check(spec, x, **options):
    check_batch("Model", Batch(spec), Batch(np.asarray(x)), **options)


def message(spec, x):
    with pytest.raises(ValueError) as error:
        check(spec, x)
    return str(error.value)


@pytest.mark.parametrize(
    "spec",
    [
        IMAGES,
        Examples((None, 2)),
        Labels(3),
        Labels(3, missing="allowed"),
        Vector(5),
        Attributes(4),
        Groups(),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_what_is_drawn_is_accepted_and_prepared(spec):
    drawn = spec.draw(RNG, 64)
    check(spec, drawn)
    prepared = prepare_batch("Model", Batch(spec), Batch(drawn)).x
    assert keras.backend.standardize_dtype(prepared.dtype) == spec.dtype
    np.testing.assert_array_equal(array(prepared), drawn)
    assert not np.array_equal(drawn, spec.draw(RNG, 64)) or spec == Groups()


def test_labels_are_drawn_from_all_classes_and_from_none():
    assert set(Labels(3).draw(RNG, 200)) == {0, 1, 2}
    assert set(Labels(3, "allowed").draw(RNG, 200)) == {-1, 0, 1, 2}


def test_shapes_name_what_must_be_and_what_came():
    text = message(IMAGES, np.zeros((2, 5, 3, 1)))
    assert "`x` of Model must be examples of shape (None, 4, 3, 1)" in text
    assert "Received: shape=(2, 5, 3, 1)" in text
    assert "`image_shape=(5, 3, 1)`" in text
    assert "x[..., None]" in message(IMAGES, np.zeros((2, 4, 3)))
    assert "x[None]" in message(IMAGES, np.zeros((4, 3, 1)))
    assert "x[None]" in message(Examples((7,)), np.zeros(7))
    first = message(Examples((4, 3, 2)), np.zeros((5, 2, 4, 3)))
    assert "np.moveaxis(x, 1, -1)" in first
    check(Examples((None, 2)), np.zeros((3, 7, 2)))
    assert "(None, None, 2)" in message(Examples((None, 2)), np.zeros((3, 7)))


def test_ranges_are_checked_and_zero_to_one_is_warned_of():
    text = message(IMAGES, RNG.uniform(0, 255, (9, 4, 3, 1)))
    assert "from -1 to 1" in text and "Rescale" in text
    with pytest.warns(UserWarning, match="values from -1 to 1"):
        check(IMAGES, RNG.uniform(0, 1, (9, 4, 3, 1)))
    # Rounding is let pass.
    check(IMAGES, np.linspace(-1.001, 1.001, 12).reshape(1, 4, 3, 1))


def test_what_is_not_scaled_is_warned_of_after_training():
    with pytest.warns(UserWarning, match="as in training. Received: .*255"):
        IMAGES.array("Model", "x", np.full((2, 4, 3, 1), 255, "uint8"))
    with pytest.warns(UserWarning, match="values from -255 to"):
        IMAGES.array("Model", "x", np.full((2, 4, 3, 1), -255.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Noise may leave the range.
        IMAGES.array("Model", "x", np.full((2, 4, 3, 1), -2.5))
        Examples((4, 3, 1)).array("Model", "x", np.full((2, 4, 3, 1), 255.0))


def test_every_example_is_looked_at(monkeypatch):
    """In blocks of rows, of which the last is smaller."""
    monkeypatch.setattr(arrays, "BLOCK", 60)
    for value, words in ((5.0, "values from -0.5 to 5"), (np.nan, "finite")):
        x = np.full((1001, 4, 3, 1), -0.5)
        x[1000, 3, 2] = value
        assert words in message(IMAGES, x)
    check(IMAGES, np.full((1001, 4, 3, 1), -0.5))
    assert arrays.extremes(np.arange(7.0)) == (0.0, 6.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_must_be_finite(value):
    x = np.full((2, 4, 3, 1), -0.5)
    x[1, 2, 0, 0] = value
    assert "finite" in message(IMAGES, x)
    assert "finite" in message(Vector(2), [[0.0, value]])


def test_values_must_be_numbers():
    x = np.full((2, 4, 3, 1), "a")
    assert "dtype=<U1" in message(IMAGES, x)


def test_all_labels_are_looked_at():
    labels = np.zeros(5000, "int64")
    labels[4999] = 3
    assert "labels from 0 to 3" in message(Labels(3), labels)


def test_what_is_no_number_is_not_a_class():
    labels = np.array([0.0, np.nan, 2.0])
    text = message(Labels(3, missing="allowed"), labels)
    assert "Received: NaN" in text and "isnan(labels), -1, labels)" in text
    assert "np.unique" in message(Labels(3), labels)


def test_labels_may_be_columns_floats_and_booleans():
    for labels in ([0, 2], [[0], [2]], [0.0, 2.0], [True, False]):
        labels = np.array(labels)
        check(Labels(3), labels)
        prepared = prepare_batch("Model", Batch(Labels(3)), Batch(labels)).x
        np.testing.assert_array_equal(array(prepared), labels.reshape(-1))
        assert keras.backend.standardize_dtype(prepared.dtype) == "int32"


def test_attributes_are_zeros_and_ones():
    check(Attributes(2), [[0, 1], [1, 1]])
    assert "zeros and ones" in message(Attributes(2), [[0, 2]])


def test_structures_are_mapped_leaf_by_leaf():
    spec = {"image": IMAGES, "code": (Vector(2), Vector(3))}
    drawn = draw_batch(Batch(spec, Labels(2)), RNG, 5)
    check_batch("Model", Batch(spec, Labels(2)), drawn)
    prepared = prepare_batch("Model", Batch(spec, Labels(2)), drawn)
    assert set(prepared.x) == {"image", "code"}
    assert array(prepared.x["code"][1]).shape == (5, 3)
    wrong = {**drawn.x, "code": (drawn.x["code"][0], drawn.x["code"][0])}
    with pytest.raises(ValueError, match=r"`x\['code'\]\[1\]` of Model"):
        check_batch("Model", Batch(spec, Labels(2)), Batch(wrong, drawn.y))
    with pytest.raises(ValueError, match="keys"):
        check_batch("Model", Batch(spec), Batch({"image": drawn.x["image"]}))
    with pytest.raises(ValueError, match="tuple of the parts"):
        check_batch("Model", Batch((IMAGES, IMAGES)), Batch(drawn.x["image"]))
    with pytest.raises(ValueError, match="one array"):
        check_batch("Model", Batch(IMAGES), Batch([1, 2]))


def test_what_goes_with_the_examples_is_refused_required_or_optional():
    x, y = IMAGES.draw(RNG, 4), np.zeros(4)
    with pytest.raises(ValueError, match="data with labels"):
        check_batch("Model", Batch(IMAGES), Batch(x, y))
    with pytest.raises(ValueError, match="data without labels"):
        check_batch("Model", Batch(IMAGES, Labels(2)), Batch(x))
    target = dataclasses.replace(IMAGES, optional=True)
    free = dataclasses.replace(IMAGES, value_range=None)
    check_batch("Model", Batch(free, target), Batch(x))
    check_batch("Model", Batch(free, target), Batch(9.0 * x, x))
    # Without targets, the examples are the targets.
    with pytest.raises(ValueError, match="`x` of Model must have values"):
        check_batch("Model", Batch(free, target), Batch(9.0 * x))


def test_conditions_are_one_for_all_or_one_each():
    labels = Labels(3)
    np.testing.assert_array_equal(labels.conditions("M", None, 4), [0, 1, 2, 0])
    np.testing.assert_array_equal(labels.conditions("M", 2, 3), [2, 2, 2])
    for wrong in ([0, 1], 3, -1, [0.5, 1.0, 2.0], "a"):
        with pytest.raises(ValueError, match="3 integers from 0 to 2"):
            labels.conditions("M", wrong, 3)
    vectors = Vector(2)
    one = vectors.conditions("M", [1.0, 2.0], 3)
    np.testing.assert_array_equal(one, [[1.0, 2.0]] * 3)
    for wrong, words in (
        (None, "labels=None"),
        (np.zeros((2, 2)), "or 3"),
        (np.zeros((3, 4)), r"\(3, 4\)"),
    ):
        with pytest.raises(ValueError, match=words):
            vectors.conditions("M", wrong, 3)


def test_a_spec_says_what_it_needs():
    for method, arguments in (("expected", ()), ("draw", (RNG, 1))):
        with pytest.raises(NotImplementedError, match=method):
            getattr(Spec(), method)(*arguments)
