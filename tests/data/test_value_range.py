"""Images of every type reach the range that is asked for, or are refused."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import data
from keras_gen.data import pipelines

BYTES = np.linspace(0, 255, 6 * 28 * 28).round().astype("uint8")
BYTES = BYTES.reshape(6, 28, 28)
SYMMETRIC = BYTES[..., None] / 127.5 - 1.0


@pytest.fixture(params=["memory", "stream"], autouse=True)
def reading(request, monkeypatch):
    """The images are read once, or in each epoch."""
    if request.param == "stream":
        monkeypatch.setattr(pipelines, "_MEMORY", 0)


def dataset_of(images, name="image", **features):
    return tf.data.Dataset.from_tensor_slices({name: images, **features})


def batch(dataset, size=6, **options):
    made = data.pipeline(dataset, size, shuffle=False, **options)
    (element,) = itertools.islice(made.dataset.as_numpy_iterator(), 1)
    return element


@pytest.mark.parametrize(
    "images",
    [
        BYTES,
        BYTES[..., None],
        BYTES.astype("int16"),
        BYTES.astype("int32"),
        BYTES.astype("int64"),
        BYTES.astype("int64")[..., None],
        BYTES.astype("uint64"),
        BYTES.astype("uint16") * 257,
        (BYTES / 255).astype("float32"),
        (BYTES / 255)[..., None],
    ],
    ids=lambda images: f"{images.dtype}-{images.ndim - 1}",
)
def test_types_are_scaled_from_their_range(images):
    x = batch(dataset_of(images), value_range=(-1, 1))
    assert x.dtype == np.float32
    assert x.shape == (6, 28, 28, 1)
    np.testing.assert_allclose(x, SYMMETRIC, atol=1e-6)
    x = batch(dataset_of(images))
    np.testing.assert_allclose(x, BYTES[..., None] / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats_are_scaled(dtype):
    images = tf.cast(BYTES / 255, dtype)
    x = batch(dataset_of(images), value_range=(-1, 1))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, SYMMETRIC, atol=0.01)


def test_booleans_are_black_and_white():
    x = batch(dataset_of(BYTES > 99), value_range=(-1, 1))
    assert x.shape == (6, 28, 28, 1)
    np.testing.assert_array_equal(x, np.where(BYTES > 99, 1, -1)[..., None])


def test_small_integers_have_the_range_of_bytes():
    images = (BYTES // 2).astype("int8")
    x = batch(dataset_of(images), value_range=(0, 255))
    np.testing.assert_allclose(x[..., 0], images, atol=1e-4)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (BYTES.astype("float32"), r"\[0, 1\].*from 0 to 255\. Divide it by 25"),
        (SYMMETRIC, r"\[0, 1\].*float64.*from -1 to 1\. Scale it"),
        (BYTES * 1000.0, r"\[0, 1\].*to 255000\. Scale it"),
        (np.full((6, 4, 4, 1), np.nan), r"\[0, 1\].*from nan to nan"),
        (BYTES.astype("int32") * 2, r"\[0, 255\].*int32.*from 0 to 510"),
        (BYTES.astype("int64") - 1, r"\[0, 255\].*int64.*from -1 to 254"),
    ],
)
def test_other_values_are_an_error(images, message):
    # Whatever the range is, the default too.
    for options in ({}, {"value_range": (-1, 1)}):
        with pytest.raises(ValueError, match=f"'image' must lie in {message}"):
            batch(dataset_of(images), **options)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_values_of_later_examples_are_checked_too(dtype):
    images = np.zeros((40, 4, 4, 1), dtype)
    images[-1] = 256
    with pytest.raises(tf.errors.InvalidArgumentError, match="must lie in"):
        batch(dataset_of(images), 40)


def test_range_that_nothing_reaches_is_an_error():
    codes = np.zeros((6, 5), "float32")
    with pytest.raises(ValueError, match="`value_range` must be left out"):
        batch(dataset_of(codes, "code"), features="code", value_range=(-1, 1))
    np.testing.assert_array_equal(
        batch(dataset_of(codes, "code"), features="code"), codes
    )


def test_what_is_no_image_is_left_as_it_is():
    others = {
        "box": np.random.default_rng(0).normal(size=(6, 7, 4)),
        "label": np.arange(6),
        "factors": np.arange(30).reshape(6, 5),
        "segmentation": np.full((6, 28, 28, 1), 300),
        "mask": np.full((6, 28, 28), 3, "uint8"),
    }
    made = batch(
        dataset_of(BYTES, **others),
        features=("image", *others),
        value_range=(-1, 1),
    )
    np.testing.assert_allclose(made["image"], SYMMETRIC, atol=1e-6)
    for name, values in others.items():
        np.testing.assert_array_equal(made[name], values)
        assert made[name].dtype == values.dtype


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float32"])
def test_every_type_is_resized_and_binarized(dtype):
    images = np.zeros((6, 28, 28), dtype)
    images[:, :14] = 1 if dtype in ("bool", "float32") else 255
    x = batch(dataset_of(images), image_size=8, value_range=(-1, 1))
    assert x.shape == (6, 8, 8, 1)
    # Antialiasing mixes the two rows at the edge.
    np.testing.assert_allclose(x[:, :3], 1.0, rtol=1e-6)
    np.testing.assert_array_equal(x[:, 5:], -1.0)
    assert x.max() <= 1.0
    x = batch(dataset_of(images), image_size=8, binarize="threshold")
    assert np.all(x[:, :3] == 1.0) and np.all(x[:, 5:] == 0.0)


def test_floats_are_resized_without_rounding():
    images = np.full((6, 9, 9, 1), 0.12345, "float32")
    x = batch(dataset_of(images), image_size=4)
    np.testing.assert_allclose(x, 0.12345, rtol=1e-5)


def test_floats_are_not_dequantized():
    with pytest.raises(ValueError, match="`dequantize` must be False.*uint8"):
        batch(dataset_of(BYTES / 255), dequantize=True)
    x = batch(dataset_of(BYTES.astype("int64")), dequantize=True)
    assert np.all(np.floor(256 * x[..., 0]) == BYTES)
