"""A folder of pairs of pictures, in the forms that people have them."""

import numpy as np
import pytest
from PIL import Image

from keras_gen import data


def save(path, color, size=(6, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)


def colors(dataset):
    """The first pixel of both pictures of each pair."""
    return [
        (tuple(pair["a"][0, 0].numpy()), tuple(pair["b"][0, 0].numpy()))
        for pair in dataset
    ]


RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def test_halves_of_files(tmp_path):
    for name, left, right in (("1", RED, BLUE), ("2", GREEN, RED)):
        picture = Image.new("RGB", (12, 4), left)
        picture.paste(Image.new("RGB", (6, 4), right), (6, 0))
        picture.save(tmp_path / f"größe {name}.png")
    pairs = data.load("pairs", data_dir=tmp_path)
    assert int(pairs.cardinality()) == 2
    assert colors(pairs) == [(RED, BLUE), (GREEN, RED)]
    first = next(iter(pairs))
    assert first["a"].shape == first["b"].shape == (4, 6, 3)
    small = next(iter(data.load("pairs", data_dir=tmp_path, image_size=2)))
    assert small["a"].shape == (2, 2, 3)
    gray = next(iter(data.load("pairs", data_dir=tmp_path, channels=1)))
    assert gray["b"].shape == (4, 6, 1)


@pytest.mark.parametrize(
    "places",
    [
        ("A/{}", "B/{}"),
        ("train/A/{}", "train/B/{}"),
        ("A/train/{}", "B/train/{}"),
        ("trainA/{}", "trainB/{}"),
        ("A/sub/{}", "B/sub/{}"),
    ],
)
def test_folders_of_two_domains(tmp_path, places):
    a, b = places
    save(tmp_path / a.format("2.png"), GREEN)
    save(tmp_path / a.format("1.jpg"), 255, mode="L")
    save(tmp_path / b.format("1.png"), BLUE)
    save(tmp_path / b.format("2.bmp"), RED)
    pairs = data.load("pairs", data_dir=tmp_path)
    assert colors(pairs) == [((255, 255, 255), BLUE), (GREEN, RED)]


def test_splits(tmp_path):
    for split, n in {"train": 3, "test": 2}.items():
        for domain in "AB":
            for i in range(n):
                save(tmp_path / f"{split}{domain}" / f"{i}.png", RED)
    assert data.split_sizes("pairs", data_dir=tmp_path) == {
        "train": 3,
        "test": 2,
        "all": 5,
    }


def test_a_pipeline_changes_both_alike(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(4):
        half = rng.integers(0, 256, (16, 16, 3), dtype="uint8")
        both = np.concatenate([half, half], axis=1)
        Image.fromarray(both).save(tmp_path / f"{i}.png")
    pairs = data.load("pairs", data_dir=tmp_path)
    batches = data.pipeline(
        pairs, 4, features=("a", "b"), augment=("flip", "crop"), image_size=16
    )
    for a, b in batches.dataset.take(3):
        np.testing.assert_array_equal(a, b)


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(ValueError, match="data_dir=None, which is no folder"):
        data.load("pairs")
    with pytest.raises(ValueError, match="which holds none"):
        data.load("pairs", data_dir=tmp_path)
    save(tmp_path / "odd.png", RED, size=(7, 4))
    with pytest.raises(Exception, match="odd.png', 7 pixels wide"):
        next(iter(data.load("pairs", data_dir=tmp_path)))
    save(tmp_path / "A" / "1.png", RED)
    with pytest.raises(ValueError, match="odd.png' outside of A and B"):
        data.load("pairs", data_dir=tmp_path)
    (tmp_path / "odd.png").unlink()
    with pytest.raises(ValueError, match="'train' has none of B"):
        data.load("pairs", data_dir=tmp_path)
    save(tmp_path / "B" / "2.png", RED)
    with pytest.raises(ValueError, match=r"1.png' without \(1 in all\)"):
        data.load("pairs", data_dir=tmp_path)


def test_domains_need_no_pairs(tmp_path):
    for domain, n in {"A": 3, "B": 2}.items():
        for i in range(n):
            save(tmp_path / f"train{domain}" / f"{domain}{i}.png", RED)
    save(tmp_path / "testA" / "x.png", GREEN)
    save(tmp_path / "testB" / "y.png", BLUE)
    sizes = {
        name: data.split_sizes(name, data_dir=tmp_path)
        for name in ("domain_a", "domain_b")
    }
    assert sizes["domain_a"] == {"train": 3, "test": 1, "all": 4}
    assert sizes["domain_b"] == {"train": 2, "test": 1, "all": 3}
    (picture,) = data.load("domain_b", "test", data_dir=tmp_path)
    assert list(picture) == ["image"]
    np.testing.assert_array_equal(picture["image"][0, 0], BLUE)
    with pytest.raises(ValueError, match="the folders A and B"):
        data.load("domain_a", data_dir=tmp_path / "trainA")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("set/train/1.png", "set/test/2.png"), "itself hold the folders"),
        (("set/trainA/1.png", "set/trainB/1.png"), "itself hold the folders"),
        (("a/1.png", "b/1.png"), "A and B in capitals"),
        (("train/1.png", "0.png"), "0.png' beside them"),
        (("A/1.png", "A/1.jpg", "B/1.png"), "must differ in their names"),
    ],
)
def test_folders_that_mean_something_else_are_refused(tmp_path, files, words):
    for file in files:
        save(tmp_path / file, RED)
    with pytest.raises(ValueError) as caught:
        data.load("pairs", data_dir=tmp_path)
    assert words in str(caught.value)
