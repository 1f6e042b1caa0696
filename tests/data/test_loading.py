import subprocess
import sys

import pytest

from keras_gen import data

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
        assert rows[0][feature].shape == spec.shape
    with pytest.raises(ValueError, match="splits all, test.*'validation'"):
        data.load(name, "validation")


def test_unknown_names_are_explained(tmp_path):
    with pytest.raises(
        ValueError, match="digits, lit_heads.*'folder'.*TensorF.*'dogits'"
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
    ],
)
def test_missing_packages_are_explained(monkeypatch, module, call):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"keras-gen\[recipes\]"):
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
