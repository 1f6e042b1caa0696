import numpy as np
import pytest
from PIL import Image

from keras_gen.callbacks import save_scatter


def test_points_are_drawn_where_they_lie(tmp_path):
    rng = np.random.default_rng(0)
    left = rng.normal(size=(300, 2)) * [0.1, 2.0]
    save_scatter(tmp_path / "left.png", left, np.zeros(300, int))
    picture = np.asarray(Image.open(tmp_path / "left.png").convert("RGB"))
    coloured = np.ptp(picture.astype(int), axis=-1) > 60
    rows, columns = np.nonzero(coloured[:, : int(0.9 * picture.shape[1])])
    # A tall column of points.
    assert len(rows) > 300 and np.std(rows) > 3 * np.std(columns)


def test_classes_have_colours_of_their_own(tmp_path):
    codes = np.random.default_rng(0).normal(size=(200, 2))
    pictures = []
    for name, labels in (("one", np.zeros(200)), ("two", np.arange(200) % 2)):
        save_scatter(tmp_path / f"{name}.png", codes, labels)
        picture = Image.open(tmp_path / f"{name}.png").convert("RGB")
        pictures.append(np.asarray(picture))
    assert pictures[0].shape == pictures[1].shape
    assert np.any(pictures[0] != pictures[1])


def test_wrong_input(tmp_path):
    with pytest.raises(ValueError, match=r"\(5, 3\) and \(5,\)"):
        save_scatter(tmp_path / "a.png", np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(4,\)"):
        save_scatter(tmp_path / "a.png", np.zeros((5, 2)), np.zeros(4))
    assert not list(tmp_path.iterdir())
