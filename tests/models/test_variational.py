"""The bound of variational models, with parts in place of the defaults."""

import concurrent.futures
import dataclasses
import inspect
import threading

import numpy as np
import pytest
from keras import ops

from keras_gen import Schedule
from keras_gen.distributions import (
    GaussianMixtureRing,
    IsotropicNormal,
    Normal,
    normal,
)
from keras_gen.engine import Batch
from keras_gen.models.bounds import lazy
from keras_gen.models.variational import VariationalModel
from tests.numerics import (
    array,
    evaluation_logs,
    fix_noise,
    tensor,
    training_logs,
)

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(4, 2)).astype("float32")
X = RNG.uniform(size=(5, 4)).astype("float32")
EPS = RNG.normal(size=(3, 5, 2))
LOG_VARIANCE = -0.7


class Linear(VariationalModel):
    """Means by known weights, and variances that are constants."""

    players = {"model": []}
    input_shape = (4,)
    latent_dim = 2
    value_range = (0.0, 1.0)

    def __init__(self, prior=None, **kwargs):
        super().__init__(seed=0, **kwargs)
        self.given_prior = prior

    @property
    def prior(self):
        return self.given_prior or super().prior

    def posterior(self, x, training=False):
        mean = ops.matmul(x, WEIGHTS)
        return Normal(mean, ops.full_like(mean, LOG_VARIANCE))

    def likelihood(self, z, training=False):
        return Normal(ops.matmul(z, WEIGHTS.T), 0.0)


class WithTerms(Linear):
    """A weight of the divergence, and a term of its own."""

    logged = (*Linear.logged, "mean_square")

    def terms(self, bound):
        square = ops.mean(ops.square(bound.posterior.mean))
        return {**super().terms(bound), "mean_square": square}

    def term_weights(self):
        schedule = Schedule(1.0, 4.0, over=2)
        return {"kl_divergence": self.scheduled(schedule), "mean_square": 0.5}


@pytest.fixture
def draws(monkeypatch):
    """Codes of three draws, by fixed noise."""
    fix_noise(monkeypatch, normal, EPS)
    return X @ WEIGHTS + np.exp(LOG_VARIANCE / 2) * EPS


def densities(z, prior):
    """`log p(x|z), log p(z), log q(z|x)`."""
    squares = ((X - z @ WEIGHTS.T) ** 2).sum(-1)
    likelihood = -0.5 * (4 * np.log(2 * np.pi) + squares)
    squares = (EPS**2).sum(-1)
    posterior = -0.5 * (2 * np.log(2 * np.pi) + 2 * LOG_VARIANCE + squares)
    return likelihood, array(prior.log_prob(tensor(z))), posterior


@pytest.mark.parametrize("estimator", ["analytic", "monte_carlo"])
def test_the_bound_and_its_parts(draws, estimator):
    prior = IsotropicNormal(2, std=1.5)
    bound = Linear(prior, estimator=estimator).bound(Batch(tensor(X)), 3)
    likelihood, log_prior, log_posterior = densities(draws, prior)
    divergence = log_posterior - log_prior
    if estimator == "analytic":
        variance = np.exp(LOG_VARIANCE) / 1.5**2
        squares = (X @ WEIGHTS / 1.5) ** 2
        divergence = 0.5 * (variance + squares - 1 - np.log(variance)).sum(-1)
    for name, expected in {
        "z": draws,
        "log_likelihood": likelihood,
        "log_prior": log_prior,
        "log_posterior": log_posterior,
        "kl_divergence": divergence,
        "elbo": likelihood - divergence,
        "log_weights": likelihood + log_prior - log_posterior,
    }.items():
        found = array(getattr(bound, name))
        assert found.shape == np.shape(expected), name
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_bound_is_of_one_draw_and_stays_as_it_is():
    bound = Linear().bound(Batch(tensor(X)))
    assert tuple(bound.z.shape) == (1, 5, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        bound.z = None


def test_parts_that_are_computed_at_a_time_do_not_wait_for_each_other():
    """As replicas do, each of which needs the mean over all of them."""
    together = threading.Barrier(2, timeout=10)

    class Part:
        asked = 0

        @lazy
        def value(self):
            self.asked += 1
            return together.wait()

    parts = Part(), Part()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        values = list(pool.map(lambda part: part.value, parts))
    assert sorted(values) == [0, 1]
    assert [part.value for part in parts] == values
    assert [part.asked for part in parts] == [1, 1]


def test_a_divergence_without_a_closed_form_is_estimated(draws):
    prior = GaussianMixtureRing(5, 2.0, 0.5, 0.5)
    model = Linear(prior, num_samples=3, estimator="analytic")
    likelihood, log_prior, log_posterior = densities(draws, prior)
    divergence = (log_posterior - log_prior).mean()
    logs = training_logs(model, X)
    assert logs["kl_divergence"] == pytest.approx(divergence, rel=1e-4)
    assert logs["elbo"] == pytest.approx(
        likelihood.mean() - divergence, rel=1e-4
    )
    parts = model.elbo(X, num_samples=3)
    np.testing.assert_allclose(
        parts["kl_divergence"], (log_posterior - log_prior).mean(0), rtol=1e-4
    )


@pytest.mark.parametrize("logs_of", [training_logs, evaluation_logs])
def test_terms_are_weighted_in_the_loss_alone(draws, logs_of):
    model = WithTerms(num_samples=3)
    likelihood, _, _ = densities(draws, model.prior)
    squares = (X @ WEIGHTS) ** 2
    variance = np.exp(LOG_VARIANCE)
    divergence = 0.5 * (squares + variance - 1 - LOG_VARIANCE).sum(-1).mean()
    for epoch, weight in ((0, 1.0), (1, 2.5), (2, 4.0)):
        model.epochs_seen.assign(epoch)
        reconstruction = -likelihood.mean()
        assert logs_of(model, X) == pytest.approx(
            {
                "loss": reconstruction
                + weight * divergence
                + 0.5 * squares.mean(),
                "reconstruction_loss": reconstruction,
                "kl_divergence": divergence,
                "mean_square": squares.mean(),
                "elbo": -reconstruction - divergence,
            },
            rel=1e-4,
        )


def test_codes_are_means_and_samples_come_from_the_prior():
    model = Linear(IsotropicNormal(2, std=3.0))
    np.testing.assert_allclose(model.encode(X), X @ WEIGHTS, rtol=1e-4)
    z = array(model.prior.sample(5, seed=2))
    np.testing.assert_allclose(
        model.sample(5, seed=2), z @ WEIGHTS.T, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("elbo", {"num_samples": 0}),
        ("anomaly_score", {"num_samples": 0}),
        ("log_likelihood", {"num_samples": 0}),
        ("log_likelihood", {"chunk_size": 0}),
    ],
)
def test_draws_are_counted_from_one(method, options):
    with pytest.raises(ValueError, match="must be above 0"):
        getattr(Linear(), method)(X, **options)


@pytest.mark.parametrize(
    ("method", "defaults"),
    [
        ("elbo", (1, 256)),
        ("anomaly_score", (10, 256)),
        ("log_likelihood", (5000, None, 100)),
    ],
)
def test_default_numbers_of_draws_and_of_examples_at_a_time(method, defaults):
    parameters = inspect.signature(getattr(Linear, method)).parameters
    assert defaults == tuple(p.default for p in [*parameters.values()][2:])


@pytest.mark.parametrize("method", ["elbo", "log_likelihood"])
def test_a_bound_is_one_of_examples_in_their_range(method):
    bound_of = getattr(Linear(), method)
    with pytest.raises(ValueError, match="values from 0 to 1"):
        bound_of(255.0 * X, num_samples=1)
    with pytest.raises(ValueError, match=r"`x` of Linear .*\(None, 4\)"):
        bound_of(X[:, :3], num_samples=1)


def test_what_is_anomalous_has_a_score():
    model = Linear()
    scores = model.anomaly_score(np.concatenate([X[:2], 3.0 + X[:2]]))
    assert np.all(np.isfinite(scores))
    with pytest.raises(ValueError, match="finite"):
        model.anomaly_score(X * np.nan)


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(2**20, [2, 2, 1]), (2**23, [1] * 5)]
)
def test_draws_of_large_batches_are_held_a_few_at_a_time(
    monkeypatch, batch_size, sizes
):
    """Of 2^23 components: two draws of 2^20 examples of four, at least one."""
    model, found = Linear(), []
    bound = model.bound

    def recorded(batch, num_samples=1, training=False):
        found.append(num_samples)
        return bound(batch, num_samples, training)

    monkeypatch.setattr(model, "bound", recorded)
    model.log_likelihood(X[:2], num_samples=5, batch_size=batch_size)
    assert found == sizes
