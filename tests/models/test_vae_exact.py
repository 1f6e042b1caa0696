"""A VAE whose likelihood and posterior are known."""

import keras
import numpy as np
import pytest
import scipy.stats
from keras import layers

from keras_gen import VAE
from keras_gen.models.vaes import vae
from tests.numerics import fix_noise, linear

COLUMNS = np.array([[1.0, 1.0], [1.0, -1.0], [0.5, 2.0], [-2.0, 0.5]])
OFFSET = np.array([0.3, -0.2, 0.0, 1.0])
SCALE = 0.7


def linear_gaussian(posterior_shift=0.0, **options):
    """`x|z = N(W z + b, s^2)` with orthogonal columns, and its posterior."""
    x, z = keras.Input((4,)), keras.Input((2,))
    heads = [layers.Dense(2, name=name)(x) for name in ("mean", "variance")]
    model = VAE(
        (4,),
        2,
        likelihood="gaussian",
        scale=SCALE,
        encoder=keras.Model(x, heads),
        decoder=keras.Model(z, layers.Dense(4)(z)),
        seed=0,
        **options,
    )
    linear(model.decoder, COLUMNS.T, OFFSET)
    precision = np.diag(COLUMNS.T @ COLUMNS) + SCALE**2
    kernel = COLUMNS / precision
    mean, variance = (model.encoder.get_layer(n) for n in ("mean", "variance"))
    mean.set_weights([kernel, posterior_shift - OFFSET @ kernel])
    log_variance = np.log(SCALE**2 / precision) + posterior_shift
    variance.set_weights([np.zeros((4, 2)), log_variance])
    return model


def exact_log_likelihood(x):
    covariance = COLUMNS @ COLUMNS.T + SCALE**2 * np.eye(4)
    return scipy.stats.multivariate_normal(OFFSET, covariance).logpdf(x)


@pytest.fixture
def observations():
    return np.random.default_rng(3).normal(0.0, 1.5, (6, 4))


def test_the_exact_posterior_makes_the_bound_tight(observations):
    model = linear_gaussian(estimator="monte_carlo")
    expected = exact_log_likelihood(observations)
    for _ in range(3):
        bound = model.elbo(observations)["elbo"]
        np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-5)


def test_the_analytic_bound_is_tight_too(monkeypatch, observations):
    model = linear_gaussian(estimator="analytic")
    # These four points have the moments of the noise up to the second order,
    # and the likelihood is quadratic: its expectation is exact.
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    fix_noise(monkeypatch, vae, np.repeat(signs[:, None], 6, axis=1))
    np.testing.assert_allclose(
        model.elbo(observations, num_samples=4)["elbo"],
        exact_log_likelihood(observations),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("num_samples", [1, 7])
def test_importance_weights_of_the_exact_posterior_are_equal(
    observations, num_samples
):
    model = linear_gaussian()
    expected = exact_log_likelihood(observations)
    for _ in range(2):
        bound = model.log_likelihood(observations, num_samples, chunk_size=5)
        np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-5)


def test_importance_weighting_tightens_the_bound(observations):
    model = linear_gaussian(posterior_shift=0.5)
    x = np.tile(observations[:1], (2000, 1))
    exact = exact_log_likelihood(observations[0])
    elbo = model.elbo(x, batch_size=2000)["elbo"].mean()
    bounds = [
        model.log_likelihood(x, num_samples, batch_size=2000).mean()
        for num_samples in (1, 5, 50)
    ]
    # The standard deviation of one draw is below 4 nats.
    assert bounds[0] == pytest.approx(elbo, abs=5 * 4 / 2000**0.5)
    assert elbo < exact - 2.0
    assert bounds[0] + 0.5 < bounds[1]
    assert bounds[1] + 0.2 < bounds[2] < exact
    assert bounds[2] == pytest.approx(exact, abs=0.4)
