import math

import numpy as np
import pytest
import scipy.stats

from keras_gen.distributions import bernoulli
from tests.numerics import array, tensor


def log_prob(x, logits, **options):
    return array(bernoulli.log_prob(tensor(x), tensor(logits), **options))


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


def test_zero_logits_cost_log_two_for_each_coordinate():
    x = np.random.default_rng(0).uniform(size=(2, 784))
    np.testing.assert_allclose(
        log_prob(x, np.zeros((2, 784))), -784 * math.log(2), rtol=1e-6
    )


def test_grey_values_give_the_expectation_over_a_draw():
    x, logit = 0.3, 1.7
    expected = x * log_prob([1.0], [logit]) + (1 - x) * log_prob([0.0], [logit])
    np.testing.assert_allclose(log_prob([x], [logit]), expected, rtol=1e-5)


def test_extreme_logits_are_finite():
    right = log_prob([1.0, 0.0], [1e4, -1e4])
    wrong = log_prob([0.0, 1.0], [1e4, -1e4])
    assert right == 0.0
    assert wrong == pytest.approx(-2e4)
