import itertools

import numpy as np
import pytest

from keras_gen import data
from keras_gen.data import SPRITE_FACTORS, render_sprites

SIZES = tuple(SPRITE_FACTORS.values())
SQUARE, ELLIPSE, HEART = range(3)


def sprite(shape=SQUARE, scale=5, orientation=0, x=16, y=16):
    return [shape, scale, orientation, x, y]


def centroids(images):
    ink = images[..., 0].astype(float)
    mass = ink.sum(axis=(1, 2))
    places = np.arange(ink.shape[1]) + 0.5
    x = (ink.sum(axis=1) * places).sum(axis=1) / mass
    y = (ink.sum(axis=2) * places).sum(axis=1) / mass
    return x, y


def areas(images):
    return (images > 0).sum(axis=(1, 2, 3))


def test_images_are_binary_and_inside_the_canvas():
    extremes = list(
        itertools.product(range(3), [5], range(40), [0, 31], [0, 31])
    )
    images = render_sprites(np.array(extremes))
    assert images.shape == (480, 64, 64, 1)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 255}
    border = images.copy()
    border[:, 2:-2, 2:-2] = 0
    assert not border.any()


@pytest.mark.parametrize("shape", range(3))
def test_area_grows_with_the_square_of_the_scale(shape):
    # Tilted, since the rows of an upright square come and go all at once.
    factors = np.array([sprite(shape, scale, 3) for scale in range(6)])
    found = areas(render_sprites(factors, image_size=512))
    scales = np.linspace(0.5, 1, 6)
    # At scale 1 every shape covers 0.09 of the canvas; at this resolution
    # the pixels on the outline are about one in a hundred.
    np.testing.assert_allclose(found / 512**2, 0.09 * scales**2, rtol=0.01)


@pytest.mark.parametrize("shape", range(3))
def test_centroid_is_linear_in_the_position(shape):
    factors = np.array([sprite(shape, 5, 7, i, 31 - i) for i in range(32)])
    x, y = centroids(render_sprites(factors, image_size=64))
    # One pixel a step, to the right and downwards, and symmetric.
    np.testing.assert_allclose(np.diff(x), 1.0, atol=1e-9)
    np.testing.assert_allclose(np.diff(y), -1.0, atol=1e-9)
    # The outline's pixels move the centroid by a small part of a pixel.
    assert x[0] == pytest.approx(16.5, abs=0.2)
    assert y[0] == pytest.approx(47.5, abs=0.2)


def test_square_has_fourfold_symmetry():
    for start in (0, 3, 8):
        turned = [sprite(SQUARE, 4, (start + 10 * k) % 40) for k in range(4)]
        images = render_sprites(np.array(turned))
        for image in images[1:]:
            np.testing.assert_array_equal(image, images[0])
    tilted = render_sprites(
        np.array([sprite(orientation=0), sprite(orientation=5)])
    )
    assert areas(tilted[:1] ^ tilted[1:]) > 100


def test_ellipse_has_twofold_symmetry():
    turned = [sprite(ELLIPSE, 5, 3 + k) for k in (0, 10, 20)]
    start, quarter, half = render_sprites(np.array(turned))
    np.testing.assert_array_equal(half, start)
    assert (quarter != start).sum() > 100
    # Its long axis lies along x at orientation 0.
    flat = render_sprites(np.array([sprite(ELLIPSE)]))[0, ..., 0] > 0
    assert np.ptp(np.where(flat.any(axis=0))[0]) == 28
    assert np.ptp(np.where(flat.any(axis=1))[0]) == 16


def test_heart_tells_all_orientations_apart():
    turned = [sprite(HEART, 5, k) for k in range(40)]
    images = render_sprites(np.array(turned))
    for first, second in itertools.combinations(images, 2):
        assert (first != second).any()
    assert (images[0] != images[20]).sum() > 100
    # Exact turns: clockwise as seen on the screen, about the center (32.5).
    grid = images[:, 1:, 1:, 0]
    np.testing.assert_array_equal(grid[10], np.rot90(grid[0], -1))
    np.testing.assert_array_equal(grid[25], np.rot90(grid[5], 2))
    # Upright at first: two lobes above, one tip below, left-right symmetric.
    np.testing.assert_array_equal(grid[0], grid[0][:, ::-1])
    rows = np.where(grid[0].any(axis=1))[0]
    tip, top = grid[0][rows[-1]], grid[0][rows[0]]
    assert np.diff(np.where(tip)[0]).max(initial=1) == 1
    assert np.diff(np.where(top)[0]).max() > 1


def test_antialiasing_gives_the_covered_share():
    factors = np.array([sprite(orientation=3)])
    smooth = render_sprites(factors, antialias=True).astype(float)
    assert len(np.unique(smooth)) > 5
    # 16 samples a pixel: the area is exact to one percent.
    assert smooth.mean() / 255 == pytest.approx(0.09, rel=0.01)
    sharp = render_sprites(factors)
    assert np.abs(smooth - sharp).max() <= 255 * 0.75


def test_all_is_ordered_as_unravel_index():
    dataset = data.load("sprites", "all[1000:3000]")
    rows = list(dataset.as_numpy_iterator())
    expected = np.stack(np.unravel_index(np.arange(1000, 3000), SIZES), 1)
    np.testing.assert_array_equal([row["factors"] for row in rows], expected)
    assert int(data.load("sprites", "all").cardinality()) == 737280


@pytest.mark.parametrize("image_size", [16, 32, 48, 64])
def test_data_set_equals_the_renderer(image_size):
    dataset = data.load("sprites", "test[:300]", image_size=image_size)
    rows = list(dataset.as_numpy_iterator())
    factors = np.stack([row["factors"] for row in rows])
    assert all(len(np.unique(column)) > 2 for column in factors.T)
    np.testing.assert_array_equal(
        np.stack([row["image"] for row in rows]),
        render_sprites(factors, image_size),
    )
    np.testing.assert_array_equal(
        np.stack([row["factor_values"] for row in rows]),
        data.sprite_factor_values(factors),
    )


def test_factor_values():
    values = data.sprite_factor_values(
        np.array([[0, 0, 0, 0, 0], [2, 5, 39, 31, 31], [1, 2, 10, 1, 2]])
    )
    assert values.dtype == np.float32
    expected = [
        [1, 0.5, 0, 0, 0],
        [3, 1, 2 * np.pi * 39 / 40, 1, 1],
        [2, 0.7, np.pi / 2, 1 / 31, 2 / 31],
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_train_and_test_are_a_random_partition():
    train = data.load("sprites", "train")
    test = data.load("sprites", "test")
    assert int(train.cardinality()) == 663552
    assert int(test.cardinality()) == 73728
    from keras_gen.data import sprites

    parts = sprites.build(None, seed=0).splits
    together = np.concatenate([parts["train"], parts["test"]])
    np.testing.assert_array_equal(np.sort(together), np.arange(737280))
    # All shapes equally often: 73728 / 3 with standard deviation 121.
    shapes = np.bincount(parts["test"] // (737280 // 3))
    assert np.all(np.abs(shapes - 24576) < 5 * 121)
    other = sprites.build(None, seed=1).splits
    assert not np.array_equal(other["test"], parts["test"])


def test_unusable_arguments_are_explained():
    with pytest.raises(ValueError, match="must lie below"):
        render_sprites(np.array([[3, 0, 0, 0, 0]]))
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 5\)"):
        render_sprites(np.zeros((2, 4), int))
    with pytest.raises(ValueError, match="multiple of 16"):
        data.load("sprites", image_size=28)
