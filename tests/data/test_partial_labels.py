import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.data import choose_labeled, partly_labeled

CLASSES, EXAMPLES = 5, 300
LABELS = np.random.default_rng(0).permutation(np.arange(EXAMPLES) % CLASSES)
# The examples are their own indices.
X = np.arange(EXAMPLES, dtype="float32").reshape(EXAMPLES, 1)


def make(**options):
    options = {"num_labels": 50, "batch_size": 20, **options}
    return partly_labeled(options.pop("x", X), LABELS, **options)


def take(made, batches):
    return list(itertools.islice(made.dataset.as_numpy_iterator(), batches))


def test_a_part_has_labels_and_the_rest_has_none():
    made = make()
    assert (made.steps_per_epoch, made.examples) == (15, EXAMPLES)
    assert made.dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    known, others = set(), set()
    for x, y in take(made, 200):
        assert x.shape == (20, 1) and x.dtype == np.float32
        assert y.shape == (20,) and y.dtype == np.int32
        rows = x[:, 0].astype(int)
        np.testing.assert_array_equal(y[:10], LABELS[rows[:10]])
        assert np.all(y[10:] == -1)
        known.update(rows[:10])
        others.update(rows[10:])
    # As many of each class keep their labels; the rest is drawn from all.
    assert known == {*choose_labeled(LABELS, 50)}
    assert len(known) == 50
    assert np.all(np.bincount(LABELS[list(known)]) == 10)
    assert len(others) == EXAMPLES


def test_draws_are_uniform():
    batches = take(make(num_labels=10), 1000)
    known = np.concatenate([x[:10, 0] for x, _ in batches]).astype(int)
    counts = np.unique(known, return_counts=True)[1]
    # Ten examples, 1000 times each with standard deviation 30.
    assert len(counts) == 10
    assert np.all(np.abs(counts - 1000) < 4.5 * 30)
    others = np.concatenate([x[10:, 0] for x, _ in batches]).astype(int)
    counts = np.bincount(others, minlength=EXAMPLES)
    # 33.3 times each with standard deviation 5.8.
    assert np.all(np.abs(counts - 10000 / EXAMPLES) < 5 * 5.8)


@pytest.mark.parametrize(
    ("fraction", "labeled"), [(0.1, 2), (0.13, 3), (0.9, 18), (1.0, 20)]
)
def test_fraction_of_labels(fraction, labeled):
    for _, y in take(make(labeled_fraction=fraction), 3):
        assert np.sum(y >= 0) == labeled


def test_batch_is_a_function_of_the_seed_and_the_step():
    keras.utils.set_random_seed(1)
    whole = take(make(seed=3), 40)
    keras.utils.set_random_seed(2)
    for step in (0, 7, 15, 31):
        resumed = take(make(seed=3, start_step=step), 40 - step)
        for found, expected in zip(resumed, whole[step:], strict=True):
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)
    other = take(make(seed=4), 40)
    known = [{*np.concatenate([x[:10, 0] for x, _ in part])} for part in
             (whole, other)]  # fmt: skip
    assert known[0] != known[1]
    assert not np.array_equal(whole[0][0], whole[1][0])


def test_labels_that_are_missing_already_stay_missing():
    labels = np.where(np.arange(EXAMPLES) < 90, LABELS, -1)
    for options in ({}, {"num_labels": 50}):
        made = partly_labeled(X, labels, batch_size=20, **options)
        rows = np.concatenate([x[:10, 0] for x, _ in take(made, 200)])
        known = np.unique(rows.astype(int))
        assert known.max() < 90
        assert len(known) == options.get("num_labels", 90)


def test_images_keep_their_type():
    images = np.random.default_rng(0).integers(256, size=(EXAMPLES, 4, 4, 1))
    images = images.astype("uint8")
    x, _ = take(make(x=images), 1)[0]
    assert x.shape == (20, 4, 4, 1) and x.dtype == np.uint8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": X[:-1]}, r"same length\. Received: len\(x\)=299"),
        ({"num_labels": 52}, "multiple of the 5 classes.*num_labels=52"),
        ({"num_labels": 0}, "`num_labels` must be an integer of at least 1"),
        ({"num_labels": 305}, "hold 61 of each class.*60 of class 0"),
        ({"batch_size": 0}, "`batch_size` must be an integer"),
        ({"labeled_fraction": 0.0}, "`labeled_fraction` must be above 0"),
        ({"labeled_fraction": 1.1}, "at most 1. Received: labeled_fraction"),
        ({"labeled_fraction": 0.01}, "at least one example"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` must be an integer"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        ({"start_step": -1}, "`start_step` must be an integer of at least 0"),
    ],
)
def test_unusable_arguments_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:, None], r"one-dimensional .*shape \(300, 1\)"),
        (LABELS.astype("float32"), "integers.*float32"),
        (np.full(EXAMPLES, -1), "at least one label"),
    ],
)
def test_unusable_labels_are_explained(labels, message):
    with pytest.raises(ValueError, match=message):
        partly_labeled(X, labels, batch_size=20)


def test_too_few_labels_of_a_class_are_named():
    labels = np.repeat([0, 1, 7], [200, 95, 5])
    with pytest.raises(ValueError, match="hold 10 of each.*5 of class 7"):
        partly_labeled(X, labels, num_labels=30, batch_size=20)
