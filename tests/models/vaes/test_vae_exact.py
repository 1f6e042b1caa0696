"""A VAE whose likelihood and posterior are known."""

import keras
import numpy as np
import pytest
import scipy.stats
from keras import layers

from keras_gen import VAE
from keras_gen.distributions import IsotropicNormal, normal
from tests.numerics import fix_noise, linear, run_as_programs

COLUMNS = np.array([[1.0, 1.0], [1.0, -1.0], [0.5, 2.0], [-2.0, 0.5]])
BIAS = np.array([0.3, -0.2, 0.0, 1.0])
SCALE = 0.7


class OtherPrior(VAE):
    """Of a prior that is not the standard normal distribution."""

    def __init__(self, *args, std: float = 1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.std = std

    @property
    def prior(self):
        return IsotropicNormal(self.latent_dim, self.std)


def linear_gaussian(posterior_shift=0.0, std=1.0, **options):
    """`x|z = N(W z + b, s^2)` with orthogonal columns, and its posterior."""
    x, z = keras.Input((4,)), keras.Input((2,))
    heads = [layers.Dense(2, name=name)(x) for name in ("mean", "variance")]
    model = OtherPrior(
        (4,),
        2,
        likelihood="gaussian",
        scale=SCALE,
        encoder=keras.Model(x, heads),
        decoder=keras.Model(z, layers.Dense(4)(z)),
        std=std,
        seed=0,
        **options,
    )
    linear(model.decoder, COLUMNS.T, BIAS)
    precision = np.diag(COLUMNS.T @ COLUMNS) + SCALE**2 / std**2
    kernel = COLUMNS / precision
    mean, variance = (model.encoder.get_layer(n) for n in ("mean", "variance"))
    mean.set_weights([kernel, posterior_shift - BIAS @ kernel])
    log_variance = np.log(SCALE**2 / precision) + posterior_shift
    variance.set_weights([np.zeros((4, 2)), log_variance])
    return model


def exact_log_likelihood(x, std=1.0):
    covariance = std**2 * COLUMNS @ COLUMNS.T + SCALE**2 * np.eye(4)
    return scipy.stats.multivariate_normal(BIAS, covariance).logpdf(x)


@pytest.fixture
def observations():
    return np.random.default_rng(3).normal(0.0, 1.5, (6, 4))


@pytest.mark.parametrize("std", [1.0, 2.5])
def test_the_exact_posterior_makes_the_bound_tight(observations, std):
    model = linear_gaussian(estimator="monte_carlo", std=std)
    expected = exact_log_likelihood(observations, std)
    for _ in range(3):
        bound = model.elbo(observations)["elbo"]
        np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("std", [1.0, 2.5])
def test_the_analytic_bound_is_tight_too(monkeypatch, observations, std):
    model = linear_gaussian(estimator="analytic", std=std)
    # These four points have the moments of the noise up to the second order,
    # and the likelihood is quadratic: its expectation is exact.
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    fix_noise(monkeypatch, normal, np.repeat(signs[:, None], 6, axis=1))
    parts = model.elbo(observations, num_samples=4)
    np.testing.assert_allclose(
        parts["elbo"],
        exact_log_likelihood(observations, std),
        rtol=1e-5,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        parts["elbo"],
        parts["log_likelihood"] - parts["kl_divergence"],
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("num_samples", [1, 6])
def test_importance_weights_of_the_exact_posterior_are_equal(
    observations, num_samples
):
    model = linear_gaussian()
    expected = exact_log_likelihood(observations)
    for _ in range(2):
        bound = model.log_likelihood(
            observations, num_samples=num_samples, chunk_size=5
        )
        np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-5)


def test_importance_weighting_tightens_the_bound(monkeypatch, observations):
    model = linear_gaussian(posterior_shift=0.5)
    run_as_programs(monkeypatch, model)
    x = np.tile(observations[:1], (2000, 1))
    exact = exact_log_likelihood(observations[0])
    elbo = model.elbo(x, batch_size=2000)["elbo"].mean()
    bounds = [
        model.log_likelihood(x, num_samples=num_samples, batch_size=2000).mean()
        for num_samples in (1, 5, 50)
    ]
    # The standard deviation of one draw is below 4 nats.
    assert bounds[0] == pytest.approx(elbo, abs=5 * 4 / 2000**0.5)
    assert elbo < exact - 2.0
    assert bounds[0] + 0.5 < bounds[1]
    assert bounds[1] + 0.2 < bounds[2] < exact
    assert bounds[2] == pytest.approx(exact, abs=0.4)


def test_samples_have_the_moments_of_the_prior():
    """The means of `p(x|z)` are `N(b, std^2 W W^T)`."""
    samples = linear_gaussian(std=2.5).sample(20_000, seed=0, batch_size=20_000)
    expected = 2.5**2 * COLUMNS @ COLUMNS.T
    # Five standard errors of the largest variance, 2.5^2 * 4.25.
    np.testing.assert_allclose(samples.mean(0), BIAS, atol=0.2)
    np.testing.assert_allclose(np.cov(samples.T), expected, atol=1.4)
