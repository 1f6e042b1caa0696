import json
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen.metrics.report import MetricReport


class Scores(NamedTuple):
    score: float
    shares: np.ndarray
    missing: float | None = None


def example():
    report = MetricReport("DCGAN on digits", {"seed": 0, "sizes": (28, 28)})
    report.add("inception_score", np.float32(8.5), extractor="digits", splits=2)
    report.add("num_classes", np.int64(10))
    report.add("pesq", {"noisy": 1.97, "SEGAN": 2.16})
    report.add("covl", None)
    return report.add("loss", [2.0, 1.5, 1.25])


def test_json_holds_numbers_and_what_they_depend_on(tmp_path):
    path = tmp_path / "run" / "metrics.json"
    report = example()
    report.to_json(path)
    assert [file.name for file in path.parent.iterdir()] == ["metrics.json"]
    content = json.loads(path.read_text())
    assert content == report.to_dict()
    assert content["title"] == "DCGAN on digits"
    assert content["settings"]["seed"] == 0
    assert content["settings"]["sizes"] == [28, 28]
    versions = content["settings"]["versions"]
    assert versions["keras"] == keras.__version__
    assert versions["backend"] == keras.backend.backend()
    assert content["results"] == [
        {
            "name": "inception_score",
            "value": 8.5,
            "settings": {"extractor": "digits", "splits": 2},
        },
        {"name": "num_classes", "value": 10},
        {"name": "pesq", "value": {"noisy": 1.97, "SEGAN": 2.16}},
        {"name": "covl", "value": None},
        {"name": "loss", "value": [2.0, 1.5, 1.25]},
    ]


def test_table_is_aligned_text():
    lines = example().table().split("\n")
    assert lines[:2] == ["DCGAN on digits", "==============="]
    assert [line.split() for line in lines[2:8]] == [
        ["inception_score", "8.5"],
        ["num_classes", "10"],
        ["pesq.noisy", "1.97"],
        ["pesq.SEGAN", "2.16"],
        ["covl", "unavailable"],
        ["loss", "2", "...", "1.25", "(3)"],
    ]
    assert len({len(line) for line in lines[2:8]}) == 1
    assert lines[8] == ""
    assert lines[9].startswith("Settings: seed=0, sizes=[28, 28], versions=(")
    assert lines[10] == "inception_score: extractor=digits, splits=2"
    # Whole numbers keep all of their digits.
    assert "1234567" in MetricReport().add("steps", 1234567).table()
    assert MetricReport("Empty").table().startswith("Empty\n=====\n\nSettings")


def test_parts_of_a_named_tuple_and_tensors():
    shares = keras.ops.convert_to_tensor([0.25, 0.75])
    report = MetricReport().add("classes", Scores(keras.Variable(0.5), shares))
    assert report.results["classes"] == {
        "score": 0.5,
        "shares": [0.25, 0.75],
        "missing": None,
    }
    report.add("other", {"value": 2, "extractor": "pixels", "at": {"n": 3}})
    assert report.results["other"] == {"value": 2}
    assert report.metric_settings["other"] == {
        "extractor": "pixels",
        "at": {"n": 3},
    }


def test_what_an_evaluation_returns_is_added_at_once():
    values = {
        "fid": 12.5,
        "class_shares": [0.5, 0.5],
        "score": None,
        "num_samples": 500,
        "extractor": "digits",
        "versions": {"keras": "3"},
    }
    report = MetricReport(settings={"versions": {"keras": "3"}})
    report.add_all(values, settings=["num_samples"])
    assert report.results == {
        "fid": 12.5,
        "class_shares": [0.5, 0.5],
        "score": None,
    }
    assert report.settings == {
        "versions": {"keras": "3"},
        "num_samples": 500,
        "extractor": "digits",
    }
    with pytest.raises(
        ValueError, match="`num_samples` must be the same .*9, after 500"
    ):
        report.add_all({"num_samples": 9}, settings=["num_samples"])
    with pytest.raises(
        ValueError, match=r"among .*'kid'.*Received: \['seed'\]"
    ):
        report.add_all({"kid": 1.0}, settings=["seed"])
    with pytest.raises(ValueError, match="`name` must be new .*name='fid'"):
        report.add_all({"fid": 1.0})


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    example().to_json(path)
    before = path.read_bytes()
    write = Path.write_text

    def half(self, text, **options):
        write(self, text[: len(text) // 2], **options)
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space"):
        MetricReport("Other").to_json(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_picture_shows_the_numbers(tmp_path):
    report = example()
    report.save_picture(tmp_path / "deep" / "metrics.png")
    picture = read(tmp_path / "deep" / "metrics.png")
    # Two rows of three panels, the missing one left out.
    assert picture.shape[1] == 3 * 480 and picture.shape[0] > 600
    report.results["loss"][1] = 0.1
    report.save_picture(tmp_path / "other.png")
    other = read(tmp_path / "other.png")
    assert other.shape == picture.shape
    assert (other != picture).mean() > 0.001
    single = MetricReport().add("recall", {"curve": [0.1, 0.4], "real": 0.5})
    single.save_picture(tmp_path / "single.png")
    assert read(tmp_path / "single.png").shape[1] == 480


def test_picture_needs_numbers_and_matplotlib(tmp_path, monkeypatch):
    report = MetricReport().add("covl", None).add("sig", {"a": None})
    with pytest.raises(ValueError, match="must hold numbers to draw"):
        report.save_picture(tmp_path / "none.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r"matplotlib.*pip install -e '\.\[recipes\]'"
    ):
        example().save_picture(tmp_path / "none.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "`fid` must be finite"),
        ([1.0, float("inf")], "`fid` must be finite"),
        ({"a": float("nan")}, "`fid.a` must be finite"),
        ("good", "`fid` must be a number"),
        (["1.5"], "`fid` must be a number"),
        ([[1.0], [1.0, 2.0]], "`fid` must be a number"),
        (object(), "`fid` must be a number"),
        (1j, "`fid` must be a number"),
        (np.eye(2), r"`fid` must be .* shape \(2, 2\)"),
        ([], r"`fid` must be .* shape \(0,\)|`fid` must be a number"),
        ({"name": "x"}, r"`fid` must hold numbers.*only \['name'\]"),
    ],
)
def test_an_error_names_the_metric(value, message):
    report = MetricReport()
    with pytest.raises(ValueError, match=message):
        report.add("fid", value)
    assert report.results == {} and report.metric_settings == {}


def test_refuses_names_and_settings_that_cannot_be():
    report = MetricReport().add("fid", 1.0, name="own", value=3)
    assert report.metric_settings["fid"] == {"name": "own", "value": 3}
    with pytest.raises(ValueError, match="`name` must be new .*name='fid'"):
        report.add("fid", 2.0)
    with pytest.raises(ValueError, match="setting `model` .* JSON"):
        MetricReport(settings={"model": object()})
    with pytest.raises(ValueError, match="setting `rate` .* nan"):
        report.add("kid", 1.0, rate=float("nan"))
    assert list(report.results) == ["fid"]
