import sys

import numpy as np
import pytest
from matplotlib.image import imread

from keras_gen.metrics.disentanglement.pictures import (
    draw_information,
    draw_traversals,
    traversals,
)


def test_one_latent_moves_at_a_time():
    codes = np.random.default_rng(0).normal(size=(200, 3))
    seen = []

    def decode(z):
        seen.append(z)
        return z[:, :, None].astype("float32")

    images = traversals(decode, codes, steps=5)
    assert images.shape == (3, 5, 3, 1, 1)
    moved = seen[0].reshape(3, 5, 3)
    for j in range(3):
        low, high = np.percentile(codes[:, j], [5, 95])
        np.testing.assert_allclose(moved[j, :, j], np.linspace(low, high, 5))
        others = np.arange(3) != j
        assert (moved[j][:, others] == codes[0, others]).all()
    np.testing.assert_array_equal(images[..., 0, 0], moved.astype("float32"))


def test_heat_map_shows_where_the_information_is(tmp_path):
    path = tmp_path / "information.png"
    draw_information(path, np.eye(3)[[1, 0, 2]], ("a", "b", "c"))
    picture = imread(path)
    # The brightest viridis, a yellow, fills the cells of 1; the color bar
    # has less of it above each other.
    yellow = (picture[..., 0] > 0.9) & (picture[..., 2] < 0.3)
    wide = np.flatnonzero(yellow.sum(axis=0) > 0.15 * len(picture))
    heights = [
        np.nonzero(yellow[:, part])[0].mean()
        for part in np.array_split(wide, 3)
    ]
    # Factors a, b, c are told by latents 1, 0, 2, counted from the top.
    assert heights[1] < heights[0] < heights[2]


def test_traversals_are_drawn_in_rows(tmp_path):
    path = tmp_path / "traversals.png"
    images = np.zeros((2, 3, 4, 4, 1))
    images[1] = 7.0
    draw_traversals(path, images)
    picture = imread(path)[..., :3].mean(axis=-1)
    height, width = picture.shape
    middle = picture[:, width // 2 - 20]
    dark, bright = np.nonzero(middle < 0.1)[0], np.nonzero(middle > 0.9)[0]
    assert dark.min() < height / 2
    inside = bright[(bright > dark.min()) & (bright < 0.9 * height)]
    assert inside.min() > height / 3
    draw_traversals(path, np.zeros((1, 2, 4, 4, 3)))


def test_refuses_bad_input(monkeypatch, tmp_path):
    codes = np.zeros((5, 2))
    with pytest.raises(ValueError, match="method `decode`"):
        traversals(3, codes)
    with pytest.raises(ValueError, match=r"must return 18 images.*\(18, 2\)"):
        traversals(lambda z: z, codes)
    with pytest.raises(ValueError, match="`steps` must be"):
        traversals(lambda z: z, codes, steps=1)
    with pytest.raises(ValueError, match="must hold 2 names.*'a'"):
        draw_information(tmp_path / "a.png", np.eye(2), ("a",))
    with pytest.raises(ValueError, match=r"1 or 3 channels.*4, 2\)"):
        draw_traversals(tmp_path / "a.png", np.zeros((1, 2, 4, 4, 2)))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r"matplotlib.*pip install -e '\.\[recipes\]'"
    ):
        draw_information(tmp_path / "a.png", np.eye(2), ("a", "b"))
