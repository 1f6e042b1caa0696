"""The embedded scenes: their shapes, their pairs, their attributes."""

import numpy as np
import pytest

from keras_gen import data
from keras_gen.data import SCENE_ATTRIBUTES


@pytest.fixture(scope="module")
def scenes():
    """The first test scenes as arrays, at 64 pixels."""
    batch = next(iter(data.load("scenes", "test").batch(400)))
    return {name: value.numpy() for name, value in batch.items()}


def as_float(images):
    return images.astype("float64") / 255.0


def test_features(scenes):
    for name, channels in {
        "image": 3,
        "layout": 3,
        "edges": 1,
        "mask": 1,
    }.items():
        assert scenes[name].shape == (400, 64, 64, channels)
        assert scenes[name].dtype == np.uint8
    sizes = [len(names) for names in SCENE_ATTRIBUTES.values()]
    assert scenes["attributes"].shape == (400, len(sizes))
    np.testing.assert_array_equal(scenes["attributes"].min(axis=0), 0)
    np.testing.assert_array_equal(
        scenes["attributes"].max(axis=0), np.array(sizes) - 1
    )
    assert data.split_sizes("scenes") == {
        "train": 20_000,
        "test": 2_000,
        "all": 22_000,
    }


def test_shapes_are_whole_and_of_their_areas(scenes):
    mask = as_float(scenes["mask"])[..., 0]
    border = mask.copy()
    border[:, 1:-1, 1:-1] = 0.0
    assert not border.any()
    # From pi 0.16^2 to pi 0.24^2, whatever the shape.
    areas = mask.mean(axis=(1, 2))
    for shape in range(3):
        chosen = areas[scenes["attributes"][:, 0] == shape]
        assert 0.078 < chosen.min() < 0.095 and 0.165 < chosen.max() < 0.184


def test_shapes_differ_by_their_extent(scenes):
    """The second moment about the center, of a disc of the same area."""
    mask = as_float(scenes["mask"])[..., 0]
    grid = np.arange(64) + 0.5
    total = mask.sum(axis=(1, 2))
    x = np.einsum("nhw,w->n", mask, grid) / total
    y = np.einsum("nhw,h->n", mask, grid) / total
    squares = (grid[None, None, :] - x[:, None, None]) ** 2
    squares = squares + (grid[None, :, None] - y[:, None, None]) ** 2
    moment = (mask * squares).sum(axis=(1, 2)) / total
    found = moment / (total / (2 * np.pi))
    # Closed forms: 1 of a disc, pi/3 of a square, 2 pi/(3 sqrt 3) of a
    # triangle.
    for shape, expected in enumerate((1.0, np.pi / 3, 2 * np.pi / 27**0.5)):
        chosen = found[scenes["attributes"][:, 0] == shape]
        np.testing.assert_allclose(chosen, expected, rtol=0.03)


def test_layouts_tell_all_attributes_but_nothing_else(scenes):
    """Inside and outside the shape there is one color, that of its kind."""
    mask = scenes["mask"][..., 0]
    _, color, texture, ground = scenes["attributes"].T
    kinds = {}
    for i in range(400):
        inside = scenes["layout"][i][mask[i] == 255]
        outside = scenes["layout"][i][mask[i] == 0]
        # Up to the rounding of what is covered but for a thousandth.
        paint = np.median(inside, axis=0)
        assert np.abs(inside - paint).max() <= 1
        assert np.abs(outside - np.median(outside, axis=0)).max() <= 1
        kind = (color[i], texture[i])
        assert kinds.setdefault(kind, tuple(paint)) == tuple(paint)
        assert (outside[0][0] > 128) == (ground[i] == 0)
    assert len(set(kinds.values())) == len(kinds) == 12


def test_textures_are_not_in_layouts_and_differ(scenes):
    """Stripes vary along one axis, dots along both."""
    mask = scenes["mask"][..., 0] == 255
    gray = as_float(scenes["image"]).max(axis=-1)
    spread = np.array([gray[i][mask[i]].std() for i in range(400)])
    assert spread.min() > 0.1
    # Half of the area is bright.
    peak = np.array([gray[i][mask[i]].max() for i in range(400)])
    mean = np.array([gray[i][mask[i]].mean() for i in range(400)]) / peak
    np.testing.assert_allclose(mean, 1.0 - 0.6 / 2, atol=0.08)
    ground = scenes["mask"][..., 0] == 0
    np.testing.assert_allclose(
        scenes["layout"][ground].astype(int),
        scenes["image"][ground].astype(int),
        atol=1,
    )


def test_edges_are_the_outline(scenes):
    mask, edges = scenes["mask"][..., 0], scenes["edges"][..., 0]
    inside = (mask == 255) & (edges == 0)
    outside = (mask == 0) & (edges == 0)
    touching = inside[:, :, :-1] & outside[:, :, 1:]
    assert not touching.any() and inside.any(axis=(1, 2)).all()
    assert (edges[(mask > 60) & (mask < 200)] > 200).all()


def test_captions(scenes):
    for i in range(5):
        shape, color, texture, ground = (
            names[scenes["attributes"][i, axis]]
            for axis, names in enumerate(SCENE_ATTRIBUTES.values())
        )
        assert scenes["caption"][i].decode() == (
            f"a {color} {shape} with {texture} on {ground} ground"
        )


def test_other_sizes_show_the_same_scenes(scenes):
    large = next(iter(data.load("scenes", "test", image_size=128).batch(20)))
    halved = as_float(large["mask"].numpy()).reshape(20, 64, 2, 64, 2, 1)
    halved = halved.mean(axis=(2, 4))
    # What of a pixel is covered is exact for straight outlines along it.
    assert np.abs(halved - as_float(scenes["mask"][:20])).max() < 0.3
    again = next(iter(data.load("scenes", "test", seed=1).batch(20)))
    assert not np.array_equal(again["attributes"], scenes["attributes"][:20])
    with pytest.raises(ValueError, match="one side.*image_size=\\(32, 64\\)"):
        data.load("scenes", image_size=(32, 64))
