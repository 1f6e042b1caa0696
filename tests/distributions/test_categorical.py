import numpy as np

from keras_gen.distributions import Categorical
from tests.distributions.draws import SLACK, drawn, many
from tests.numerics import array, tensor


def test_one_hot_vectors_of_equal_probability():
    prior, z = Categorical(4), many("categorical")
    assert set(np.unique(z)) == {0.0, 1.0}
    np.testing.assert_array_equal(z.sum(axis=1), 1.0)
    # The variance of a component is 3 / 16.
    assert np.abs(z.mean(axis=0) - 0.25).max() < SLACK * np.sqrt(3) / 4
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(np.eye(4)))), np.log(0.25), rtol=1e-6
    )
    draws = np.eye(4)[[[0, 1], [3, 3], [2, 0]]]
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(draws))),
        np.full((3, 2), np.log(0.25)),
        rtol=1e-6,
    )


def test_labels_are_the_classes():
    labels = np.array([3, 0, 1, 1, 2] * 5 + [-1] * 25)
    found = drawn(Categorical(4), labels, 50)
    np.testing.assert_array_equal(found[:25], np.eye(4)[labels[:25]])
    assert set(found[25:].argmax(-1)) == {0, 1, 2, 3}
