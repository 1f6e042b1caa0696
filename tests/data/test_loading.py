import importlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_gen import data
from keras_gen.data import _tensorflow

HEAVY = ("tensorflow_datasets", "keras_cv", "sklearn.datasets")


def test_embedded_data_sets_are_listed():
    names = data.list_datasets()
    assert {"digits", "sprites"} <= set(names)
    names.clear()
    assert data.list_datasets()


@pytest.mark.parametrize("name", sorted(data.list_datasets()))
def test_embedded_data_sets_load(name):
    dataset = data.load(name, "test[:10]")
    rows = list(dataset.as_numpy_iterator())
    assert len(rows) == int(dataset.cardinality()) == 10
    for feature, spec in dataset.element_spec.items():
        assert spec.shape.is_fully_defined(), feature
        assert np.shape(rows[0][feature]) == spec.shape
    with pytest.raises(ValueError, match="splits all, test.*'validation'"):
        data.load(name, "validation")


class SmallPictures(tfds.core.GeneratorBasedBuilder):
    """A set of TensorFlow Datasets: picture `i` is gray, of brightness `i`."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(6, 4, 1))
        label = tfds.features.ClassLabel(num_classes=3)
        features = tfds.features.FeaturesDict({"image": image, "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        counts = {"train": (0, 40), "test": (100, 10)}
        return {k: self._generate_examples(*v) for k, v in counts.items()}

    def _generate_examples(self, first, count):
        for i in range(first, first + count):
            image = np.full((6, 4, 1), i, "uint8")
            yield i, {"image": image, "label": i % 3}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder in which the set is ready."""
    folder = tmp_path_factory.mktemp("tfds")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    builder = SmallPictures(data_dir=folder)
    builder.download_and_prepare(download_config=config)
    return str(folder)


def test_prepared_sets_are_used_as_they_are(prepared, monkeypatch):
    name = "small_pictures"
    part = data.load(name, "train[10:30]", data_dir=prepared, download=False)
    rows = list(part.as_numpy_iterator())
    assert len(rows) == int(part.cardinality()) == 20
    gray = sorted(int(row["image"].max()) for row in rows)
    assert len(set(gray)) == 20 and 0 <= gray[0] and gray[-1] < 40
    assert all(row["label"] == row["image"].max() % 3 for row in rows)
    monkeypatch.setenv("TFDS_DATA_DIR", prepared)
    made = data.pipeline(data.load(name, "test"), 10, shuffle=False)
    x = next(made.dataset.as_numpy_iterator())
    assert x.shape == (10, 6, 4, 1)
    levels = np.arange(100, 110) / 255.0
    np.testing.assert_allclose(np.sort(x[:, 0, 0, 0]), levels, rtol=1e-6)


def test_sets_are_resized_and_their_splits_explained(prepared):
    options = {"data_dir": prepared, "download": False}
    small = data.load("small_pictures", "test[:5]", image_size=3, **options)
    assert small.element_spec["image"].shape == (3, 3, 1)
    with pytest.raises(ValueError, match="train.*Received: .*'validation'"):
        data.load("small_pictures", "validation", **options)


def test_a_folder_is_not_of_an_embedded_data_set(tmp_path):
    for call in (data.load, data.split_sizes):
        with pytest.raises(ValueError, match="must be None for 'digits'.*'fol"):
            call("digits", data_dir=tmp_path)


def test_counts_are_known_without_reading(prepared, monkeypatch):
    sizes = {"train": 1500, "test": 297, "all": 1797}
    assert data.split_sizes("digits") == sizes
    assert data.split_sizes("sprites")["test"] == 73_728
    given = {"data_dir": prepared}
    sizes = data.split_sizes("small_pictures", **given)
    assert sizes == {"train": 40, "test": 10}
    with pytest.raises(ValueError, match="must be an embedded data set"):
        data.split_sizes("dogits", **given)
    digits = data.load("digits", "test[:1]")
    sets = [
        data.load("small_pictures", image_size=n, **given) for n in (None, 3)
    ]
    monkeypatch.setattr(tf.data.Dataset, "as_numpy_iterator", None)
    assert data.num_classes(digits) == 10
    assert [data.num_classes(each) for each in sets] == [3, 3]
    with pytest.raises(ValueError, match="feature 'label'. Received: .*factor"):
        data.num_classes(data.load("sprites"))


def test_classes_are_counted_where_nothing_says_how_many():
    rows = {"label": np.array([0, 4, 2])}
    assert data.num_classes(tf.data.Dataset.from_tensor_slices(rows)) == 5


def test_unknown_names_are_explained(tmp_path):
    with pytest.raises(
        ValueError, match="digits, lit_heads.*folder, .*pairs.*'dogits'"
    ):
        data.load("dogits", data_dir=str(tmp_path))


def test_missing_folders_are_explained(tmp_path):
    missing = str(tmp_path / "missing")
    with pytest.raises(
        ValueError, match="`data_dir` must be.*Received: data_dir="
    ):
        data.load("mnist", data_dir=missing, download=False)
    with pytest.raises(
        ValueError, match="download=False.*'mnist', which is not in"
    ):
        data.load("mnist", data_dir=str(tmp_path), download=False)


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("sklearn", lambda: data.load("digits")),
        ("tensorflow_datasets", lambda: data.load("mnist")),
        ("keras_cv", lambda: data.augmentation("flip")),
        ("tensorflow", lambda: importlib.reload(_tensorflow)),
    ],
)
def test_missing_packages_are_explained(monkeypatch, module, call):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"-e '\.\[recipes\]'"):
        call()


def test_import_leaves_heavy_packages_alone():
    code = (
        "import sys, keras_gen.data as data; data.load('sprites', 'test')\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_examples_are_selected_by_their_places():
    digits = data.load("digits", "test")
    labels = [int(x["label"]) for x in digits]
    chosen = data.select(digits, [7, 3])
    assert [int(x["label"]) for x in chosen] == [labels[7], labels[3]]
    assert data.num_classes(chosen) == 10
    assert int(data.select(chosen, [1]).cardinality()) == 1
    for indices in ([-1], [len(labels)], [[1]]):
        with pytest.raises(ValueError, match="`indices` must be a vector"):
            data.select(digits, indices)
    with pytest.raises(ValueError, match="`dataset` must be as `load"):
        data.select(digits.take(5), [0])
