import numpy as np
import pytest
import scipy.special
import scipy.stats

from keras_gen.distributions import Bernoulli, Masked, Mixture, Normal
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    gradient,
    tensor,
)

MEAN = np.array([[0.7, -1.2], [-0.9, 0.4], [2.0, 3.0]])
LOG_VARIANCE = np.array([[-0.3, 0.5], [0.6, -0.7], [0.1, 0.0]])
LOGITS = np.array([0.3, -1.0, 1.1])


def mixture(logits=LOGITS):
    components = Normal(tensor(MEAN), tensor(LOG_VARIANCE))
    return Mixture(components, None if logits is None else tensor(logits))


@pytest.mark.parametrize("logits", [LOGITS, None])
def test_log_density(logits):
    weights = scipy.special.softmax(np.zeros(3) if logits is None else logits)
    x = np.random.default_rng(0).normal(size=(4, 5, 2))
    std = np.exp(0.5 * LOG_VARIANCE)
    densities = scipy.stats.norm.pdf(x[..., None, :], MEAN, std).prod(-1)
    expected = np.log(densities @ weights)
    found = array(mixture(logits).log_prob(tensor(x)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_draws():
    n = 40_000
    z = array(mixture().sample(n, seed=0))
    weights = scipy.special.softmax(LOGITS)
    mean = weights @ MEAN
    second = weights @ (MEAN**2 + np.exp(LOG_VARIANCE))
    np.testing.assert_allclose(array(mixture().mean), mean, rtol=1e-5)
    for values, expected in ((z, mean), (z**2, second)):
        error = np.abs(values.mean(axis=0) - expected)
        assert np.all(error < 4.0 * values.std(axis=0) / n**0.5)
    # Components are drawn as a whole.
    product = weights @ (MEAN[:, 0] * MEAN[:, 1])
    error = abs((z[:, 0] * z[:, 1]).mean() - product)
    assert error < 4.0 * (z[:, 0] * z[:, 1]).std() / n**0.5


def test_one_component_is_that_component():
    for dim in (1, 2):
        one = Normal(tensor(MEAN[:1, :dim]), tensor(LOG_VARIANCE[:1, :dim]))
        x = tensor(np.random.default_rng(0).normal(size=(4, dim)))
        np.testing.assert_allclose(
            array(Mixture(one).log_prob(x)), array(one.log_prob(x)), rtol=1e-5
        )


def test_gradient():
    x = np.random.default_rng(0).normal(size=(3, 2))
    with double_precision():
        found = gradient(lambda x: mixture().log_prob(x), x)
        expected = difference_quotients(
            lambda x: array(mixture().log_prob(tensor(x))).sum(), x
        )
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_normal_distribution_without_a_batch():
    q = Normal(tensor(MEAN[0]), tensor(LOG_VARIANCE[0]))
    z = array(q.sample(20_000, seed=0))
    assert z.shape == (20_000, 2)
    np.testing.assert_allclose(z.mean(axis=0), MEAN[0], atol=0.05)
    np.testing.assert_allclose(z.var(0), np.exp(LOG_VARIANCE[0]), rtol=0.05)


def test_a_mask_leaves_components_out():
    logits = np.random.default_rng(0).normal(size=(5, 3, 2))
    mask = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    x = np.random.default_rng(1).uniform(size=(5, 3, 2))
    pixels = Bernoulli(tensor(logits), event_rank=0)
    masked = Masked(pixels, mask)
    expected = (mask * array(pixels.log_prob(tensor(x)))).sum((1, 2))
    found = array(masked.log_prob(tensor(x)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(array(masked.mean), array(pixels.mean))
    assert masked.event_shape == (3, 2)
