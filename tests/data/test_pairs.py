"""A folder of pairs of pictures, in the forms that people have them."""

import os
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gen import data
from tests.data import picture_files
from tests.data.picture_files import save

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def colors(dataset):
    """The first pixel of both pictures of each pair."""
    return [
        (tuple(pair["a"][0, 0].numpy()), tuple(pair["b"][0, 0].numpy()))
        for pair in dataset
    ]


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


# ---------------------------------------------------------------------------
# Files as people have them, each way that they may be given.

KINDS = ("halves", "folders", "domain_a")


def place(kind, root, name):
    """Where a picture goes, in the second domain of pairs in folders."""
    if kind == "folders":
        save(root / "A" / f"{os.path.splitext(name)[0]}.bmp", RED)
        return root / "B" / name
    if kind == "domain_a":
        save(root / "B" / "other.bmp", RED)
        return root / "A" / name
    return root / name


def read(kind, root, **options):
    """The pictures that were placed, whole, in order."""
    name = "domain_a" if kind == "domain_a" else "pairs"
    found = data.load(name, data_dir=root, **options).as_numpy_iterator()
    if kind == "halves":
        return [np.concatenate([row["a"], row["b"]], axis=1) for row in found]
    return [row["b" if kind == "folders" else "image"] for row in found]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("mode", "suffix"), picture_files.FORMATS)
def test_every_mode_and_format_is_read(tmp_path, kind, mode, suffix):
    path = place(kind, tmp_path, f"1.{suffix}")
    expected = picture_files.save_gradient(path, mode)
    for channels in (3, 1):
        (image,) = read(kind, tmp_path, channels=channels)
        assert image.shape[-1] == channels
        picture_files.assert_close(image, expected, path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", picture_files.ORIENTATIONS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_pictures_are_turned_before_all_else(
    tmp_path, kind, orientation, suffix
):
    picture, expected = picture_files.gradient("RGB")
    picture, expected = picture.crop((0, 0, 8, 5)), expected[:5]
    path = place(kind, tmp_path, f"1.{suffix}")
    path.parent.mkdir(exist_ok=True)
    picture_files.save_turned(path, picture, orientation)
    (image,) = read(kind, tmp_path)
    picture_files.assert_close(image, expected, path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", picture_files.UNREADABLE)
def test_unreadable_pictures_are_named(tmp_path, kind, name):
    path = place(kind, tmp_path, name)
    picture_files.save_unreadable(path)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"/{name}'.*Rem"):
        read(kind, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_one_pixel_is_enough(tmp_path, kind):
    path = place(kind, tmp_path, "1.png")
    save(path, GREEN, size=(1 + (kind == "halves"), 1))
    for image_size in (None, 4):
        (image,) = read(kind, tmp_path, image_size=image_size)
        assert image.shape[0] == (image_size or 1)
        np.testing.assert_array_equal(
            image, np.broadcast_to(GREEN, image.shape)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_a_camera_are_read(tmp_path, kind):
    picture = Image.new("RGB", (5472, 3648), RED)
    picture.paste(BLUE, (2736, 0, 5472, 3648))
    path = place(kind, tmp_path, "DSC_0001.JPG")
    path.parent.mkdir(exist_ok=True)
    picture.save(path)
    (image,) = read(kind, tmp_path, image_size=64)
    middle = image.shape[1] // 2
    assert image.shape == (64, 128 if kind == "halves" else 64, 3)
    for half, color in (
        (image[:, : middle - 1], RED),
        (image[:, middle + 1 :], BLUE),
    ):
        assert np.abs(half - np.array(color)).max() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_endings_may_be_any(tmp_path, kind):
    names = (
        *("two words.jpg", "1.2.3.PNG", "größe.jpeg", "фото 1.bmp"),
        *("写真.png", "😀.webp", "שלום.tif"),
    )
    names = sorted(names)
    for value, name in enumerate(names):
        save(place(kind, tmp_path, name), 30 * value, size=(16, 8))
    images = read(kind, tmp_path)
    assert [int(image.mean().round()) for image in images] == [
        30 * value for value in range(len(names))
    ]


def test_names_that_are_not_unicode(tmp_path):
    for domain, color in (("A", RED), ("B", BLUE)):
        save(tmp_path / domain / "1.png", color)
        folder = os.fsencode(tmp_path / domain)
        os.rename(folder + b"/1.png", folder + b"/caf\xe9.png")
    assert colors(data.load("pairs", data_dir=tmp_path)) == [(RED, BLUE)]


def test_a_name_may_be_written_with_accents_apart(tmp_path):
    save(tmp_path / "A" / unicodedata.normalize("NFC", "größe.png"), RED)
    save(tmp_path / "B" / unicodedata.normalize("NFD", "größe.png"), BLUE)
    assert colors(data.load("pairs", data_dir=tmp_path)) == [(RED, BLUE)]


def test_pictures_of_a_pair_may_differ_in_size(tmp_path):
    for value, sizes in enumerate((((6, 4), (9, 7)), ((8, 8), (3, 5)))):
        for domain, size in zip("AB", sizes, strict=True):
            save(tmp_path / domain / f"{value}.png", 50 * value, size)
    pairs = data.load("pairs", data_dir=tmp_path)
    first = next(iter(pairs))
    assert first["a"].shape == (4, 6, 3) and first["b"].shape == (7, 9, 3)
    options = {"features": ("a", "b"), "shuffle": False}
    with pytest.raises(ValueError, match="'a' must.*Pass `image_size`"):
        data.pipeline(pairs, 2, **options)
    sized = data.load("pairs", data_dir=tmp_path, image_size=(4, 5))
    for made in (
        data.pipeline(pairs, 2, image_size=(4, 5), **options),
        data.pipeline(sized, 2, **options),
    ):
        for batch in next(iter(made.dataset)):
            assert batch.shape == (2, 4, 5, 3)
            expected = np.array([0.0, 50 / 255])[:, None, None, None]
            np.testing.assert_allclose(
                batch, np.broadcast_to(expected, batch.shape), rtol=1e-6
            )
