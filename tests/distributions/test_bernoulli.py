import math

import keras
import numpy as np
import pytest
import scipy.stats

from keras_gen.distributions import Bernoulli, bernoulli_kl
from tests.numerics import array, double_precision, gradient, tensor


def log_prob(x, logits, **options):
    return array(Bernoulli(tensor(logits), **options).log_prob(tensor(x)))


@pytest.mark.parametrize("event_rank", [1, 2])
def test_log_probability_is_scipys_summed_over_the_event(event_rank):
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 2.0, (5, 3, 4))
    x = rng.integers(0, 2, (5, 3, 4))
    terms = scipy.stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-logits)))
    np.testing.assert_allclose(
        log_prob(x, logits, event_rank=event_rank),
        terms.sum(tuple(range(-event_rank, 0))),
        rtol=1e-5,
    )


def test_logits_broadcast_over_draws():
    """Those of several draws of `z`, for one batch of examples."""
    rng = np.random.default_rng(0)
    logits, x = rng.normal(size=(5, 3, 4)), rng.uniform(size=(3, 4))
    found = log_prob(x, logits)
    expected = [log_prob(x, each) for each in logits]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_zero_logits_cost_log_two_for_each_component():
    x = np.random.default_rng(0).uniform(size=(2, 784))
    np.testing.assert_allclose(
        log_prob(x, np.zeros((2, 784))), -784 * math.log(2), rtol=1e-6
    )


def test_gray_values_give_the_expectation_over_a_draw():
    x, logit = 0.3, 1.7
    expected = x * log_prob([1.0], [logit]) + (1 - x) * log_prob([0.0], [logit])
    np.testing.assert_allclose(log_prob([x], [logit]), expected, rtol=1e-5)


def test_extreme_logits_are_finite():
    right = log_prob([1.0, 0.0], [1e4, -1e4])
    wrong = log_prob([0.0, 1.0], [1e4, -1e4])
    assert right == 0.0
    assert wrong == pytest.approx(-2e4)


def test_the_mean_is_the_probability():
    logits = np.random.default_rng(0).normal(size=(5, 3, 4))
    distribution = Bernoulli(tensor(logits), event_rank=2)
    assert distribution.event_shape == (3, 4)
    np.testing.assert_allclose(
        array(distribution.mean), 1 / (1 + np.exp(-logits)), rtol=1e-6
    )


# ---- The divergence of two probabilities ------------------------------------


@pytest.mark.parametrize("p", [0.05, 0.6])
def test_divergence_is_scipys_with_the_stated_derivative(p):
    q = np.array([0.01, 0.05, 0.5, 0.6, 0.99])
    with double_precision():
        terms = array(bernoulli_kl(p, tensor(q)))
        slope = gradient(lambda q: bernoulli_kl(p, q), q)
    expected = [scipy.stats.entropy([p, 1 - p], [x, 1 - x]) for x in q]
    np.testing.assert_allclose(terms, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slope, (1 - p) / (1 - q) - p / q, atol=1e-9)


def test_divergence_is_finite_at_both_ends():
    found = array(bernoulli_kl(0.1, tensor([0.0, 1.0])))
    ends = np.array([1e-7, 1 - 1e-7])
    expected = [scipy.stats.entropy([0.1, 0.9], [x, 1 - x]) for x in ends]
    # In 32 bits, 1 - 1e-7 is 1 - 1.2e-7.
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_half_precision_probabilities_stay_away_from_both_ends():
    """In 16 bits, 1e-7 is nearly 0 and 1 - 1e-7 is 1."""
    ends = keras.ops.convert_to_tensor(np.array([0.0, 0.5, 1.0], "float16"))
    found = array(bernoulli_kl(0.1, ends))
    assert found.dtype == np.float32
    expected = array(bernoulli_kl(0.1, tensor([0.0, 0.5, 1.0])))
    np.testing.assert_array_equal(found, expected)
