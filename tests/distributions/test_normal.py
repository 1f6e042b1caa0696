import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from keras import ops

from keras_gen.distributions import normal
from tests.numerics import array, double_precision, gradient, tensor

# Mean and log-variance of two distributions.
P = np.array([[0.7, -1.2, 0.1], [-0.9, 0.4, 0.0]])
Q = np.array([[-0.3, 0.5, 2.0], [0.6, -0.7, 1.1]])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def call(fn, *args, **options):
    return array(fn(*map(tensor, args), **options))


@pytest.mark.parametrize("event_rank", [0, 1, 2])
def test_log_densities_are_scipys(rng, event_rank):
    x, mean, log_variance = rng.normal(size=(3, 4, 2, 3))
    axes = tuple(range(-event_rank, 0))
    terms = scipy.stats.norm.logpdf(x, mean, np.exp(0.5 * log_variance))
    np.testing.assert_allclose(
        call(normal.log_prob, x, mean, log_variance, event_rank=event_rank),
        terms.sum(axes) if axes else terms,
        rtol=1e-5,
        atol=1e-5,
    )
    terms = scipy.stats.norm.logpdf(x)
    np.testing.assert_allclose(
        call(normal.standard_log_prob, x, event_rank=event_rank),
        terms.sum(axes) if axes else terms,
        rtol=1e-5,
    )


def quadrature(mean, log_variance, prior_mean, prior_log_variance):
    """The divergence of one coordinate, by integration."""
    q = scipy.stats.norm(mean, np.exp(0.5 * log_variance))
    p = scipy.stats.norm(prior_mean, np.exp(0.5 * prior_log_variance))
    return scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -30, 30, points=[0]
    )[0]


def test_divergences_equal_their_integrals():
    standard = np.zeros((2, 3))
    for prior in (standard, Q):
        terms = [quadrature(*row) for row in np.concatenate([P, prior]).T]
        between = call(normal.kl_divergence_between, *P, *prior, event_rank=0)
        np.testing.assert_allclose(between, terms, rtol=1e-5)
        summed = call(normal.kl_divergence_between, *P, *prior)
        np.testing.assert_allclose(summed, np.sum(terms), rtol=1e-5)
        if prior is standard:
            np.testing.assert_allclose(
                call(normal.kl_divergence, *P), np.sum(terms), rtol=1e-5
            )


def test_divergences_are_what_samples_say(rng):
    noise = rng.normal(size=(100_000, 3))
    z = call(normal.sample, *P, noise)
    log_q = call(normal.log_prob, z, *P)
    log_ratio = log_q - call(normal.standard_log_prob, z)
    # Standard errors of 0.4 and 0.3 % of the values.
    np.testing.assert_allclose(
        log_ratio.mean(), call(normal.kl_divergence, *P), rtol=0.01
    )
    log_ratio = log_q - call(normal.log_prob, z, *Q)
    np.testing.assert_allclose(
        log_ratio.mean(),
        call(normal.kl_divergence_between, *P, *Q),
        rtol=0.01,
    )


def test_divergence_vanishes_with_its_gradient_at_the_prior():
    zeros = np.zeros((2, 3))
    assert call(normal.kl_divergence, *zeros) == 0.0
    by_both = gradient(lambda x: normal.kl_divergence(x[0], x[1]), zeros)
    np.testing.assert_array_equal(by_both, zeros)
    assert call(normal.kl_divergence_between, *P, *P) == pytest.approx(0.0)


def test_derivatives_of_a_reparameterised_draw():
    noise = np.array([0.3, -1.4, 2.0])
    by_mean, by_log_variance = gradient(
        lambda x: normal.sample(x[0], x[1], tensor(noise)), P
    )
    np.testing.assert_array_equal(by_mean, np.ones(3))
    np.testing.assert_allclose(
        by_log_variance, 0.5 * np.exp(0.5 * P[1]) * noise, rtol=1e-6
    )


def test_draws_have_the_stated_moments(rng):
    z = call(normal.sample, *P, rng.normal(size=(100_000, 3)))
    np.testing.assert_allclose(z.mean(0), P[0], atol=0.02)
    np.testing.assert_allclose(z.var(0), np.exp(P[1]), rtol=0.02)


def test_product_is_that_of_the_densities(rng):
    mean, other_mean = rng.normal(size=(2, 5))
    variance, other_variance = np.exp(rng.normal(size=(2, 5)))
    m, v = normal.product(mean, variance, other_mean, other_variance)
    np.testing.assert_allclose(1 / v, 1 / variance + 1 / other_variance)
    assert np.all(v < np.minimum(variance, other_variance))
    assert np.all(m > np.minimum(mean, other_mean))
    assert np.all(m < np.maximum(mean, other_mean))
    # The logarithms differ by a constant.
    z = np.linspace(-3, 3, 7)[:, None]
    norm = scipy.stats.norm
    difference = (
        norm.logpdf(z, mean, variance**0.5)
        + norm.logpdf(z, other_mean, other_variance**0.5)
        - norm.logpdf(z, m, v**0.5)
    )
    np.testing.assert_allclose(np.ptp(difference, axis=0), 0.0, atol=1e-9)


def test_product_with_a_flat_density_changes_nothing():
    with double_precision():
        mean, variance = np.array([0.5, -2.0]), np.array([0.3, 4.0])
        flat = np.full(2, 1e15)
        for order in (1, -1):
            pair = [(mean, variance), (np.ones(2), flat)][::order]
            m, v = normal.product(*map(tensor, np.concatenate(pair)))
            np.testing.assert_allclose(array(m), mean, rtol=1e-12)
            np.testing.assert_allclose(array(v), variance, rtol=1e-12)


def test_arguments_broadcast():
    z = np.zeros((4, 1, 3))
    assert ops.shape(normal.log_prob(tensor(z), *map(tensor, P))) == (4, 1)
