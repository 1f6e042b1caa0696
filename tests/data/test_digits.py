import numpy as np
import pytest
from sklearn import datasets

from keras_gen import data
from keras_gen.data import digits


def read(dataset):
    rows = list(dataset.as_numpy_iterator())
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def everything():
    return read(data.load("digits", "all"))


def test_images_look_like_mnist(everything):
    images = everything["image"]
    assert images.shape == (1797, 28, 28, 1)
    assert images.dtype == np.uint8
    # White on black, each image over the full range.
    assert np.all(images.max(axis=(1, 2, 3)) == 255)
    assert np.all(images.min(axis=(1, 2, 3)) == 0)
    # MNIST's mean brightness is 0.1307.
    assert images.mean() / 255 == pytest.approx(0.1307, abs=0.015)
    # The border of four pixels stays nearly black, as in MNIST.
    frame = images.copy()
    frame[:, 4:-4, 4:-4] = 0
    assert (frame > 127).mean() < 0.005


def test_digits_are_centered_by_mass(everything):
    images = everything["image"][..., 0] / 255.0
    mass = images.sum(axis=(1, 2))
    rows = (images.sum(axis=2) * np.arange(28)).sum(axis=1) / mass
    columns = (images.sum(axis=1) * np.arange(28)).sum(axis=1) / mass
    # The contrast curve moves single centers a little, not their mean.
    assert abs(rows.mean() - 13.5) < 0.15
    assert abs(columns.mean() - 13.5) < 0.15
    assert np.abs(rows - 13.5).max() < 1.5
    assert np.abs(columns - 13.5).max() < 1.5


def test_images_are_upright_and_belong_to_their_labels(everything):
    original = datasets.load_digits()
    np.testing.assert_array_equal(everything["label"], original.target)
    # Where the original has its ink, so has the enlarged image.
    small = everything["image"][:, 4:24, 4:24, 0].reshape(-1, 4, 5, 4, 5)
    small = small.mean(axis=(2, 4)).reshape(1797, -1)
    blocks = original.images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    blocks = blocks.reshape(1797, -1)
    turned = blocks.reshape(-1, 4, 4)

    def agreement(others):
        others = others.reshape(1797, -1)
        pairs = zip(small, others, strict=True)
        return np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])

    upright = agreement(turned)
    assert upright.mean() > 0.8
    # Digits that are not symmetric are neither mirrored nor upside down.
    uneven = np.isin(original.target, [4, 6, 7])
    for wrong in (turned[:, ::-1], turned[:, :, ::-1]):
        assert (upright > agreement(wrong))[uneven].mean() > 0.95


def test_train_and_test_are_a_stratified_partition(everything):
    labels = everything["label"]
    train, test = digits.stratified_split(labels, 1500, seed=0)
    assert len(train) == 1500
    together = np.sort(np.concatenate([train, test]))
    np.testing.assert_array_equal(together, np.arange(1797))
    fraction = np.bincount(labels[train]) / np.bincount(labels)
    # Each class gives 1500/1797 of its members, but for rounding.
    assert np.all(np.abs(fraction - 1500 / 1797) < 1 / 170)
    assert not np.array_equal(np.sort(train), train)


def test_splits_depend_on_the_seed_alone():
    first = read(data.load("digits", "test"))
    again = read(data.load("digits", "test"))
    other = read(data.load("digits", "test", seed=1))
    np.testing.assert_array_equal(first["image"], again["image"])
    assert len(first["label"]) == len(other["label"]) == 297
    assert not np.array_equal(first["image"], other["image"])


def test_other_sizes_and_slices():
    dataset = data.load("digits", "train[:10%]", image_size=32)
    assert int(dataset.cardinality()) == 150
    assert dataset.element_spec["image"].shape == (32, 32, 1)
    assert dataset.element_spec["label"].dtype == "int64"
    with pytest.raises(ValueError, match="square"):
        data.load("digits", image_size=(28, 32))
