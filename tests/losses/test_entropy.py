import math

import numpy as np
import pytest

from keras_gen.losses.entropy import conditional_entropy, marginal_entropy
from tests.numerics import array, gradient, tensor


def value(function, logits):
    return float(array(function(tensor(logits))))


def probabilities(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_against_numpy():
    logits = np.random.default_rng(0).normal(scale=2.0, size=(9, 4))
    p = probabilities(logits)
    expected = -(p * np.log(p)).sum(axis=1).mean()
    assert value(conditional_entropy, logits) == pytest.approx(expected, 1e-5)
    mean = p.mean(axis=0)
    expected = -(mean * np.log(mean)).sum()
    assert value(marginal_entropy, logits) == pytest.approx(expected, 1e-5)


def test_their_order_and_bounds():
    """`0 <= E[H] <= H(E) <= log K`, equal where all rows are."""
    rng = np.random.default_rng(1)
    for scale in (0.1, 1.0, 10.0):
        logits = rng.normal(scale=scale, size=(20, 5))
        conditional = value(conditional_entropy, logits)
        marginal = value(marginal_entropy, logits)
        assert 0.0 <= conditional < marginal <= math.log(5) + 1e-6
    logits = np.tile(rng.normal(size=(1, 5)), (7, 1))
    assert value(conditional_entropy, logits) == pytest.approx(
        value(marginal_entropy, logits), rel=1e-5
    )


def test_certain_and_balanced():
    certain = 60.0 * np.eye(4)
    assert value(conditional_entropy, certain) == pytest.approx(0.0, abs=1e-6)
    assert value(marginal_entropy, certain) == pytest.approx(math.log(4), 1e-6)
    equal = np.zeros((3, 4))
    for function in (conditional_entropy, marginal_entropy):
        assert value(function, equal) == pytest.approx(math.log(4), rel=1e-6)


def test_finite_at_extreme_logits():
    logits = np.array([[1e4, -1e4, 0.0], [1e4, 0.0, -1e4]])
    for function in (conditional_entropy, marginal_entropy):
        assert value(function, logits) == pytest.approx(0.0, abs=1e-6)
        assert np.isfinite(gradient(function, logits)).all()


def test_the_classes_order_does_not_matter():
    logits = np.random.default_rng(2).normal(size=(9, 4))
    for function in (conditional_entropy, marginal_entropy):
        other = value(function, logits[:, [2, 0, 3, 1]])
        assert other == pytest.approx(value(function, logits), rel=1e-6)
