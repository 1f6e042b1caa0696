import numpy as np
import pytest

from keras_gen.losses import pulling_away as module
from keras_gen.losses.pulling_away import pulling_away
from tests.numerics import array, tensor


def value(codes):
    return float(array(pulling_away(tensor(np.asarray(codes, "float32")))))


def test_against_numpy():
    codes = np.random.default_rng(0).normal(size=(6, 4))
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    squares = (unit @ unit.T) ** 2
    expected = (squares.sum() - 6) / (6 * 5)
    assert value(codes) == pytest.approx(expected, rel=1e-5)


def test_angles_alone_count():
    code = np.array([1.0, -2.0, 3.0])
    assert value([code, code, 5.0 * code]) == pytest.approx(1.0, rel=1e-5)
    assert value([code, -code]) == pytest.approx(1.0, rel=1e-5)
    assert value(np.eye(4)) == pytest.approx(0.0, abs=1e-6)
    codes = np.random.default_rng(1).normal(size=(5, 3))
    scales = np.array([[1.0], [3.0], [0.1], [20.0], [2.0]])
    assert value(scales * codes) == pytest.approx(value(codes), rel=1e-5)


def test_a_worker_compares_its_codes_with_those_of_all(monkeypatch):
    """The mean over two workers is the value of the whole batch."""
    codes = np.random.default_rng(3).normal(size=(6, 4))
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    whole = value(codes)
    monkeypatch.setattr(module, "gather", lambda own: tensor(unit))
    halves = [value(codes[:3]), value(codes[3:])]
    assert halves[0] != pytest.approx(halves[1], rel=1e-3)
    assert np.mean(halves) == pytest.approx(whole, rel=1e-5)


def test_of_isotropic_codes():
    """The mean squared cosine in `s` dimensions is `1 / s`."""
    codes = np.random.default_rng(2).normal(size=(1000, 8))
    # 500,000 pairs, of deviation 0.15.
    assert value(codes) == pytest.approx(1 / 8, rel=0.02)


def test_single_and_vanishing_codes():
    assert value(np.ones((1, 3))) == 0.0
    assert value(np.zeros((4, 3))) == 0.0
