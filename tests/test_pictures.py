import sys

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen.pictures import (
    image_grid,
    save_gif,
    save_image,
    save_scatter,
    to_uint8,
)


def test_values_are_scaled_rounded_and_clipped():
    values = np.array([-9.0, -1.0, -0.5, 0.0, 0.5, 1.0, 9.0, np.nan, np.inf])
    levels = to_uint8(values.reshape(1, 1, -1, 1), value_range=(-1, 1)).ravel()
    assert levels.tolist() == [0, 0, 64, 128, 191, 255, 255, 0, 255]
    levels = to_uint8(np.array([[[0.0, 0.2, 1.0]]])).ravel()
    assert levels.tolist() == [0, 51, 255]


def test_uint8_images_keep_their_values():
    images = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(to_uint8(images, (0, 255)), images)


def test_grid_puts_images_row_by_row():
    images = np.arange(1, 6).reshape(5, 1, 1, 1) * np.ones((5, 2, 3, 1))
    grid = image_grid(images, columns=3, padding=1, value_range=(0, 255))
    w = 255
    expected = [
        [w, w, w, w, w, w, w, w, w, w, w, w, w],
        [w, 1, 1, 1, w, 2, 2, 2, w, 3, 3, 3, w],
        [w, 1, 1, 1, w, 2, 2, 2, w, 3, 3, 3, w],
        [w, w, w, w, w, w, w, w, w, w, w, w, w],
        [w, 4, 4, 4, w, 5, 5, 5, w, 0, 0, 0, w],
        [w, 4, 4, 4, w, 5, 5, 5, w, 0, 0, 0, w],
        [w, w, w, w, w, w, w, w, w, w, w, w, w],
    ]
    assert grid.dtype == np.uint8 and grid.shape == (7, 13, 1)
    np.testing.assert_array_equal(grid[..., 0], expected)


def test_grid_of_colors_without_padding():
    images = np.random.default_rng(0).integers(
        256, size=(4, 5, 6, 3), dtype="uint8"
    )
    grid = image_grid(images, padding=0, value_range=(0, 255))
    assert grid.shape == (10, 12, 3)  # as square as can be
    np.testing.assert_array_equal(grid[5:, 6:], images[3])
    np.testing.assert_array_equal(grid[:5, 6:], images[1])


def test_grid_takes_tensors_and_images_without_channels():
    images = keras.ops.ones((7, 4, 4))
    assert image_grid(images, padding_value=9).shape == (20, 20, 1)


@pytest.mark.parametrize("channels", [2, 4])
def test_lines_and_empty_places_are_opaque(channels):
    images = np.zeros((3, 2, 2, channels))
    grid = image_grid(images, columns=2, padding=1, padding_value=9)
    assert grid.shape == (7, 7, channels)
    opaque = grid[..., -1] == 255
    assert opaque[0].all() and opaque[4:6, 4:6].all()
    assert not opaque[1:3, 1:3].any() and np.all(grid[0, :, :-1] == 9)
    assert np.all(grid[4:6, 4:6, :-1] == 0)


def test_many_channels_are_drawn_in_a_row():
    images = np.random.default_rng(0).uniform(size=(2, 3, 4, 5))
    grid = image_grid(images, columns=1, padding=0)
    assert grid.shape == (6, 20, 1)
    for channel in range(5):
        part = grid[3:, 4 * channel : 4 * channel + 4, 0]
        expected = to_uint8(images[1:, ..., channel])[0, ..., 0]
        np.testing.assert_array_equal(part, expected)


def test_what_is_transparent_shows_white(tmp_path):
    picture = np.zeros((8, 8, 4), "uint8")
    picture[:4, :, 3], picture[..., 0] = 255, 200
    save_image(tmp_path / "a.jpg", picture)
    save_image(tmp_path / "a.png", picture)
    save_gif(tmp_path / "a.gif", [picture, tmp_path / "a.png"])
    jpeg = np.asarray(Image.open(tmp_path / "a.jpg"))
    frames, _, _ = gif_frames(tmp_path / "a.gif")
    for shown in (jpeg, frames[0]):
        difference = abs(shown[::7, 0].astype(int) - [[200, 0, 0], [255] * 3])
        assert difference.max() < 8


def test_grid_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match=r"\(num, height, .*=\(2, 4\)"):
        image_grid(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="at least one image"):
        image_grid(np.zeros((0, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"\(low, high\)"):
        image_grid(np.zeros((2, 4, 4, 1)), value_range=(1, 0))
    with pytest.raises(ValueError, match=r"at least 1\. Received: columns=0"):
        image_grid(np.zeros((2, 4, 4, 1)), columns=0)
    with pytest.raises(ValueError, match=r"`padding` must .*padding=-1\."):
        image_grid(np.zeros((2, 4, 4, 1)), padding=-1)
    with pytest.raises(ValueError, match=r"\[0, 255\].*padding_value=256"):
        image_grid(np.zeros((2, 4, 4, 1)), padding_value=256)


@pytest.mark.parametrize(
    "shape", [(6, 9), (6, 9, 1), (6, 9, 2), (6, 9, 3), (6, 9, 4)]
)
def test_saved_image_reads_back(tmp_path, shape):
    picture = np.random.default_rng(1).integers(256, size=shape, dtype="uint8")
    save_image(tmp_path / "new" / "picture.png", picture)
    with Image.open(tmp_path / "new" / "picture.png") as image:
        np.testing.assert_array_equal(np.asarray(image).reshape(shape), picture)
    assert len(list((tmp_path / "new").iterdir())) == 1


def gif_frames(path):
    with Image.open(path) as image:
        frames, durations = [], []
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(image.info["duration"])
        return frames, durations, image.info.get("loop")


def test_gif_holds_the_frames_and_repeats(tmp_path):
    grays = [np.full((4, 5), level, "uint8") for level in (10, 200, 90)]
    save_image(tmp_path / "last.png", grays[2])
    save_gif(
        tmp_path / "a.gif",
        [grays[0], grays[1][..., None], tmp_path / "last.png"],
        seconds_per_frame=0.1,
        hold=1.5,
    )
    frames, durations, loop = gif_frames(tmp_path / "a.gif")
    assert [frame[0, 0, 0] for frame in frames] == [10, 200, 90]
    assert frames[0].shape == (4, 5, 3)
    assert durations == [100, 100, 1500] and loop == 0


def test_gif_enlarges_small_frames(tmp_path):
    small = np.array([[0, 80], [160, 240]], "uint8")
    large = small.repeat(4, axis=0).repeat(4, axis=1)[::-1]
    save_gif(tmp_path / "a.gif", [small, large])
    frames, _, _ = gif_frames(tmp_path / "a.gif")
    np.testing.assert_array_equal(frames[0][..., 0], large[::-1])
    np.testing.assert_array_equal(frames[1][..., 0], large)


def test_gif_thins_out_many_frames(tmp_path):
    frames = [np.full((2, 2), level, "uint8") for level in range(0, 250, 10)]
    save_gif(tmp_path / "a.gif", frames, max_frames=4)
    kept, _, _ = gif_frames(tmp_path / "a.gif")
    assert [frame[0, 0, 0] for frame in kept] == [0, 80, 160, 240]


def test_writers_refuse_what_they_cannot_write(tmp_path):
    with pytest.raises(ValueError, match="image_grid"):
        save_image(tmp_path / "a.png", np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"1 to 4.*\(4, 4, 5\)"):
        save_image(tmp_path / "a.png", np.zeros((4, 4, 5), "uint8"))
    with pytest.raises(ValueError, match="at least one frame"):
        save_gif(tmp_path / "a.gif", [])
    with pytest.raises(ValueError, match=r"must end in \.gif"):
        save_gif(tmp_path / "a.png", [np.zeros((4, 4), "uint8")])
    with pytest.raises(
        ValueError, match=r"at least 2\. Received: max_frames=1"
    ):
        save_gif(tmp_path / "a.gif", [np.zeros((4, 4), "uint8")], max_frames=1)
    for name in ("seconds_per_frame", "hold"):
        with pytest.raises(ValueError, match=f"{name}=0"):
            save_gif(
                tmp_path / "a.gif", [np.zeros((4, 4), "uint8")], **{name: 0}
            )
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_explained(tmp_path, monkeypatch):
    for module in ("PIL", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    hint = r"pip install -e '\.\[recipes\]'"
    with pytest.raises(ImportError, match=f"Pillow.*{hint}"):
        save_image(tmp_path / "a.png", np.zeros((4, 4), "uint8"))
    with pytest.raises(ImportError, match=f"matplotlib.*{hint}"):
        save_scatter(tmp_path / "a.png", np.zeros((5, 2)), np.zeros(5))


def test_points_are_drawn_where_they_lie(tmp_path):
    rng = np.random.default_rng(0)
    left = rng.normal(size=(300, 2)) * [0.1, 2.0]
    save_scatter(tmp_path / "left.png", left, np.zeros(300, int))
    picture = np.asarray(Image.open(tmp_path / "left.png").convert("RGB"))
    colored = np.ptp(picture.astype(int), axis=-1) > 60
    rows, columns = np.nonzero(colored[:, : int(0.9 * picture.shape[1])])
    # A tall column of points.
    assert len(rows) > 300 and np.std(rows) > 3 * np.std(columns)


def test_classes_have_different_colors(tmp_path):
    codes = np.random.default_rng(0).normal(size=(200, 2))
    pictures = []
    for name, labels in (("one", np.zeros(200)), ("two", np.arange(200) % 2)):
        save_scatter(tmp_path / f"{name}.png", codes, labels)
        picture = Image.open(tmp_path / f"{name}.png").convert("RGB")
        pictures.append(np.asarray(picture))
    assert pictures[0].shape == pictures[1].shape
    assert np.any(pictures[0] != pictures[1])


def test_scatter_refuses_what_it_cannot_draw(tmp_path):
    with pytest.raises(ValueError, match=r"shape=\(5, 3\), .*=\(5,\)"):
        save_scatter(tmp_path / "a.png", np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match=r"shape=\(5, 2\), .*=\(4,\)"):
        save_scatter(tmp_path / "a.png", np.zeros((5, 2)), np.zeros(4))
    assert not list(tmp_path.iterdir())
