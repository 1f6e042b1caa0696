import numpy as np
import pytest

from keras_gen.data import splits

SPLITS = {"train": np.arange(100, 150), "test": np.arange(7)}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("train", np.arange(100, 150)),
        ("train[:90%]", np.arange(100, 145)),
        ("train[10%:20%]", np.arange(105, 110)),
        ("train[-10%:]", np.arange(145, 150)),
        ("train[45:]", np.arange(145, 150)),
        ("train[-3:]", np.arange(147, 150)),
        ("train[2:4]", [102, 103]),
        ("train[:2%]+test[5:]", [100, 5, 6]),
        # 7 x 50 % = 3.5 and 7 x 33 % = 2.31, to the nearest example.
        ("test[:33%]", [0, 1]),
        ("test[50%:]", [4, 5, 6]),
    ],
)
def test_selects_what_tfds_would(spec, expected):
    np.testing.assert_array_equal(splits.select(spec, SPLITS), expected)


def test_percent_slices_partition_the_split():
    parts = [
        splits.select(f"test[{a}%:{a + 10}%]", SPLITS)
        for a in range(0, 100, 10)
        if round(a * 7 / 100) < round((a + 10) * 7 / 100)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(7))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("validation", "splits test, train.*unknown 'validation'"),
        ("train[5]", "must be a name, a slice"),
        ("train[:x%]", "must be a name, a slice"),
        ("train[:]", "must be a name, a slice"),
        ("train[:10", "must be a name, a slice"),
        ("train[:60]", "within the 50 examples"),
        ("train[:120%]", "within the 100%"),
        ("train[20:10]", "at least one example"),
        (3, "must be a string"),
    ],
)
def test_unusable_splits_are_explained(spec, message):
    with pytest.raises(ValueError, match=message):
        splits.select(spec, SPLITS)
