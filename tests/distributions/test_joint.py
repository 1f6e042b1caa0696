import numpy as np
import pytest
import scipy.stats

from keras_gen.distributions import (
    Categorical,
    FromFunction,
    IsotropicNormal,
    Joint,
    Normal,
    Uniform,
)
from tests.distributions.draws import (
    PRIORS,
    check_normal,
    check_uniform,
    many,
)
from tests.numerics import array, tensor


def test_parts_are_independent():
    normal, category, uniform = many("joint")
    for column in normal.T:
        check_normal(column, 0.0, 1.0)
    np.testing.assert_array_equal(category.sum(-1), 1.0)
    for column in uniform.T:
        check_uniform(column, -1.0, 1.0)
    assert PRIORS["joint"].latent_dim == 3 + 4 + 2
    # Two equal parts are two draws.
    first, second = map(array, Joint([Uniform(2)] * 2).sample(50, seed=0))
    assert np.abs(first - second).max() > 0.1


def test_density_is_the_product():
    prior = Joint([IsotropicNormal(2, std=2.0), Categorical(5)])
    z, one_hot = np.array([[0.3, -1.0], [2.0, 0.1]]), np.eye(5)[[1, 4]]
    expected = scipy.stats.norm(0, 2).logpdf(z).sum(-1) - np.log(5)
    found = prior.log_prob((tensor(z), tensor(one_hot)))
    np.testing.assert_allclose(array(found), expected, rtol=1e-5)


def test_divergence_is_the_sum():
    mean, log_variance = np.random.default_rng(0).normal(size=(2, 4, 3))
    q = Normal(tensor(mean), tensor(log_variance))
    priors = IsotropicNormal(3), IsotropicNormal(3, std=2.0)
    found = Joint([q, q]).kl_divergence(Joint(priors))
    expected = sum(array(q.kl_divergence(prior)) for prior in priors)
    np.testing.assert_allclose(array(found), expected, rtol=1e-6)
    # Of one part without a closed form, there is none of the whole.
    assert Joint([q, q]).kl_divergence(Joint([*priors[:1], Uniform(3)])) is None
    assert Joint([q]).kl_divergence(priors[0]) is None
    with pytest.raises(ValueError, match="shorter"):
        Joint([q, q]).kl_divergence(Joint(priors[:1]))


def test_a_function_can_be_a_part():
    def ones(n, labels=None, seed=None):
        return np.ones((n, 2))

    _, z = Joint([Uniform(2), FromFunction(ones, 2)]).sample(50, seed=0)
    np.testing.assert_array_equal(array(z), np.ones((50, 2)))


def test_each_part_has_its_event():
    with pytest.raises(ValueError, match="zip"):
        Joint([Uniform(2), Uniform(2)]).log_prob((tensor(np.zeros((1, 2))),))
