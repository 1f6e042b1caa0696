import numpy as np
import pytest
from scipy.spatial.distance import pdist

from keras_gen.losses.cluster_heads import cluster_head_penalty
from tests.numerics import array, double_precision, gradient, tensor


def test_penalty_of_close_heads():
    heads = np.random.default_rng(0).normal(size=(6, 3))
    for distance in (1.0, 3.0):
        expected = np.maximum(distance - pdist(heads), 0.0).sum()
        assert expected > 0.0
        found = float(array(cluster_head_penalty(tensor(heads), distance)))
        assert found == pytest.approx(expected, rel=1e-5)


def penalty_gradient(heads):
    return gradient(lambda w: cluster_head_penalty(w, 1.0), heads)


def test_the_gradient_pushes_apart():
    with double_precision():
        found = penalty_gradient(np.array([[0.0, 0.0], [0.3, 0.4]]))
    # Of 1 - ||a - b||: each head is pushed away from the other.
    np.testing.assert_allclose(found, [[0.6, 0.8], [-0.6, -0.8]], rtol=1e-8)


def test_distant_heads_are_left_alone():
    heads = 1.01 * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert float(array(cluster_head_penalty(tensor(heads), 1.0))) == 0.0
    np.testing.assert_array_equal(penalty_gradient(heads), 0.0)


def test_equal_heads_are_the_root_of_the_epsilon_apart():
    with double_precision():
        found = array(cluster_head_penalty(tensor(np.ones((2, 3))), 1.0))
    assert found == pytest.approx(1.0 - 1e-6, rel=1e-9)


def test_equal_heads_have_a_finite_gradient():
    assert np.all(np.isfinite(penalty_gradient(np.ones((3, 2)))))
