import itertools
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gen import data
from keras_gen.data import pipelines
from tests.data import picture_files
from tests.data.picture_files import save


def rows(*arguments, **options):
    dataset = data.load("folder", *arguments, **options)
    found = list(dataset.as_numpy_iterator())
    assert len(found) == int(dataset.cardinality())
    return found


def values(*arguments, **options):
    """The first value of every picture."""
    return [int(row["image"].flat[0]) for row in rows(*arguments, **options)]


@pytest.fixture
def flat(tmp_path):
    for value in range(10):
        save(tmp_path / f"{value:02d}.png", 10 * value)
    return tmp_path


@pytest.fixture
def classes(tmp_path):
    for label, (name, count) in enumerate((("cat", 10), ("dog", 20))):
        for place in range(count):
            path = tmp_path / name / f"{place:02d}.png"
            save(path, 100 * label + place)
    return tmp_path


def test_pictures_come_in_the_order_of_their_paths(flat):
    assert values(data_dir=flat) == list(range(0, 100, 10))
    assert values(data_dir=str(flat)) == values("all", data_dir=flat)
    row = rows(data_dir=flat)[3]
    assert set(row) == {"image"}
    assert row["image"].shape == (4, 6, 3) and row["image"].dtype == np.uint8
    assert np.all(row["image"] == 30)


def test_slices_of_the_whole(flat):
    train = values("train[:80%]", data_dir=flat)
    test = values("train[80%:]", data_dir=flat)
    assert (train, test) == ([*range(0, 80, 10)], [80, 90])
    with pytest.raises(ValueError, match="splits all, train.*'test'"):
        data.load("folder", "test", data_dir=flat)


def test_other_files_are_passed_over(flat):
    (flat / "notes.txt").write_text("no picture")
    save(flat / ".hidden.png", 1)
    save(flat / ".cache" / "a.png", 1)
    save(flat / "__MACOSX" / "a.png", 1)
    assert values(data_dir=flat) == list(range(0, 100, 10))


def test_subfolders_are_classes(classes):
    found = rows(data_dir=classes)
    assert {row["image"].flat[0] // 100 == row["label"] for row in found} == {
        True
    }
    assert found[0]["label"].dtype == np.int64
    # Every slice has its part of each class, in order.
    for split, first, count in (
        ("train[:70%]", 0, 7),
        ("train[70%:]", 7, 3),
        ("train[50%:60%]", 5, 1),
    ):
        part = values(split, data_dir=classes)
        assert [v for v in part if v < 100] == [*range(first, first + count)]
        assert [v - 100 for v in part if v >= 100] == [
            *range(2 * first, 2 * (first + count))
        ]


def test_subfolders_named_so_are_splits(tmp_path):
    for split, first in (("train", 0), ("test", 100)):
        for label, name in enumerate(("b", "a", "c")):
            save(tmp_path / split / name / "x.png", first + label)
    # A class that one split has not is numbered all the same.
    os.remove(tmp_path / "test" / "b" / "x.png")
    found = {
        split: {
            int(row["image"].flat[0]): int(row["label"])
            for row in rows(split, data_dir=tmp_path)
        }
        for split in ("train", "test", "all")
    }
    assert found["train"] == {0: 1, 1: 0, 2: 2}
    assert found["test"] == {101: 0, 102: 2}
    assert found["all"] == {**found["train"], **found["test"]}


def test_splits_without_classes(tmp_path):
    save(tmp_path / "train" / "a.png", 5)
    save(tmp_path / "val" / "a.png", 6)
    assert values(data_dir=tmp_path) == [5]
    assert values("val", data_dir=tmp_path) == [6]
    assert set(rows(data_dir=tmp_path)[0]) == {"image"}


@pytest.mark.parametrize(("mode", "suffix"), picture_files.FORMATS)
def test_every_mode_and_format_becomes_rgb_or_gray(tmp_path, mode, suffix):
    path = tmp_path / f"a.{suffix}"
    expected = picture_files.save_gradient(path, mode)
    for channels in (3, 1):
        (row,) = rows(data_dir=tmp_path, channels=channels)
        assert row["image"].shape[-1] == channels
        picture_files.assert_close(row["image"], expected, path)


@pytest.mark.parametrize("orientation", picture_files.ORIENTATIONS)
def test_pictures_are_turned_as_their_camera_says(tmp_path, orientation):
    picture, expected = picture_files.gradient("RGB")
    picture, expected = picture.crop((0, 0, 8, 6)), expected[:6]
    picture_files.save_turned(tmp_path / "a.png", picture, orientation)
    (row,) = rows(data_dir=tmp_path)
    np.testing.assert_array_equal(row["image"], expected)


@pytest.fixture
def mixed(tmp_path):
    """Pictures of many sizes: black, with the middle of one value."""
    sizes = [(20, 60), (60, 20), (32, 32), (33, 47), (8, 8), (100, 99)]
    for index, (width, height) in enumerate(sizes):
        side = min(width, height)
        picture = np.zeros((height, width, 3), "uint8")
        top, left = (height - side) // 2, (width - side) // 2
        picture[top : top + side, left : left + side] = 40 * index
        folder = tmp_path / ("even", "odd")[index % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize("memory", [0, 2**29])
def test_pipeline_resizes_and_crops_before_it_batches(
    mixed, monkeypatch, memory
):
    monkeypatch.setattr(pipelines, "_MEMORY", memory)
    dataset = data.load("folder", data_dir=mixed)
    made = data.pipeline(
        dataset,
        3,
        features=("image", "label"),
        image_size=16,
        value_range=(0, 255),
    )
    assert made.dataset.element_spec[0].shape == (3, 16, 16, 3)
    found = {}
    for x, y in itertools.islice(made.dataset.as_numpy_iterator(), 2):
        assert np.ptp(x, axis=(1, 2, 3)).max() < 1e-3
        found |= dict(zip(x[:, 0, 0, 0].round().astype(int), y, strict=True))
    assert found == {40 * index: index % 2 for index in range(6)}
    with pytest.raises(ValueError, match="Pass `image_size`"):
        data.pipeline(dataset, 3)


def test_both_ways_of_reading_give_the_same_batches(mixed, monkeypatch):
    batches = []
    for memory in (0, 2**29):
        monkeypatch.setattr(pipelines, "_MEMORY", memory)
        made = data.pipeline(
            data.load("folder", "train[1:]", data_dir=mixed),
            2,
            image_size=(12, 8),
            augment="flip",
            binarize="dynamic",
            seed=3,
            start_step=1,
        )
        batches.append([*itertools.islice(made.dataset.as_numpy_iterator(), 7)])
    np.testing.assert_array_equal(*batches)


def test_size_may_be_given_to_load(mixed):
    dataset = data.load("folder", data_dir=mixed, image_size=(12, 8))
    assert dataset.element_spec["image"].shape == (12, 8, 3)
    assert dataset.element_spec["label"].shape == ()
    assert data.pipeline(dataset, 3).steps_per_epoch == 2
    with pytest.raises(ValueError, match="`image_size` must be"):
        data.load("folder", data_dir=mixed, image_size=0)


def test_pictures_are_read_when_they_are_used(flat, monkeypatch):
    monkeypatch.setattr(pipelines, "_MEMORY", 0)
    dataset = data.load("folder", data_dir=flat)
    made = data.pipeline(dataset, 2, image_size=4, shuffle=False)
    for path in flat.iterdir():
        save(path, 200, size=(9, 9))
    (x,) = itertools.islice(made.dataset.as_numpy_iterator(), 1)
    np.testing.assert_allclose(x, 200 / 255, rtol=1e-6)


@pytest.mark.parametrize("name", picture_files.UNREADABLE)
def test_unreadable_pictures_are_named(flat, name):
    picture_files.save_unreadable(flat / name)
    dataset = data.load("folder", data_dir=flat)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"/{name}'"):
        list(dataset)
    with pytest.raises(tf.errors.InvalidArgumentError, match="or replace it"):
        data.pipeline(dataset, 2, image_size=4)


def test_unusable_folders_are_explained(tmp_path):
    def refuses(message, **options):
        with pytest.raises(ValueError, match=message):
            data.load("folder", **options)

    refuses("`data_dir` must be a folder.*None")
    refuses("/missing', which is no folder", data_dir=tmp_path / "missing")
    refuses("must hold pictures.*none", data_dir=tmp_path)
    (tmp_path / "train").mkdir()
    save(tmp_path / "test" / "a.png", 1)
    refuses("split of `data_dir` must.*/train', wh", data_dir=tmp_path)
    save(tmp_path / "train" / "cat" / "a.png", 1)
    refuses("all have subfolders.*'train': True", data_dir=tmp_path)
    save(tmp_path / "test" / "cat" / "a.png", 1)
    refuses("/test/a.png' beside", data_dir=tmp_path)
    os.remove(tmp_path / "test" / "a.png")
    save(tmp_path / "other" / "a.png", 1)
    refuses("folders of its splits.*/other/a.png'", data_dir=tmp_path)
    assert values(data_dir=tmp_path / "other") == [1]
    refuses("1 .gray. or 3 .RGB.", data_dir=tmp_path / "other", channels=4)
    with pytest.raises(ValueError, match="`channels` must be None unless"):
        data.load("digits", channels=3)


def test_missing_pillow_is_explained(flat, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[recipes\]'"):
        data.load("folder", data_dir=flat)


def test_a_link_upwards_counts_no_picture_twice(tmp_path):
    for value, name in enumerate(("a", "b")):
        save(tmp_path / name / "one.png", value)
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b" / "itself").symlink_to(tmp_path / "b")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    found = [int(row["label"]) for row in rows(data_dir=tmp_path)]
    assert sorted(found) == [0, 1, 2]


def test_names_that_are_not_unicode(tmp_path):
    save(tmp_path / "one.png", 7)
    os.rename(tmp_path / "one.png", os.fsencode(tmp_path) + b"/caf\xe9.png")
    assert values(data_dir=tmp_path) == [7]
