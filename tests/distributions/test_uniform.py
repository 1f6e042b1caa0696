import numpy as np
import pytest
import scipy.stats

from keras_gen.distributions import Uniform
from tests.distributions.draws import check_uniform, many
from tests.numerics import array, tensor


def test_draws_fill_the_cube():
    z = many("uniform")
    for column in z.T:
        check_uniform(column, -1.0, 2.0)
    assert np.abs(np.corrcoef(z.T) - np.eye(3)).max() < 5 / len(z) ** 0.5


def test_density_is_scipys():
    prior = Uniform(2, -1.0, 2.0)
    points = np.array([[0.0, 1.9], [-0.99, 0.0], [0.0, 2.1], [-1.1, 0.0]])
    expected = scipy.stats.uniform(-1.0, 3.0).logpdf(points).sum(axis=1)
    assert np.isinf(expected).sum() == 2
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(points))), expected, rtol=1e-6
    )
    draws = np.stack([points, points[::-1]])
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(draws))),
        [expected, expected[::-1]],
        rtol=1e-6,
    )


def test_a_cube_has_a_size():
    with pytest.raises(ValueError, match="`high` must be above.*high=1.0"):
        Uniform(3, 1.0, 1.0)
