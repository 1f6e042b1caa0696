import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from keras_gen.metrics import (
    StreamingLogMeanExp,
    bits_per_dim,
    importance_weighted_bound,
    log_mean_exp,
)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4, -1e8])
def test_log_mean_exp_agrees_with_scipy(offset):
    values = offset + 30.0 * np.random.default_rng(0).normal(size=(100, 7))
    expected = logsumexp(values, axis=0) - np.log(100)
    np.testing.assert_allclose(log_mean_exp(values), expected, rtol=1e-13)
    across = logsumexp(values, axis=1) - np.log(7)
    np.testing.assert_allclose(log_mean_exp(values, axis=1), across, rtol=1e-13)


def test_is_a_mean_of_weights_not_of_logs():
    assert log_mean_exp(np.log([1.0, 3.0])) == pytest.approx(np.log(2.0))


@pytest.mark.parametrize("order", [1, -1])
def test_chunking_does_not_change_the_result(order):
    # Sorted both ways: the maximum comes first, or grows with every chunk.
    values = 200.0 * np.random.default_rng(1).normal(size=(60, 4))
    values = np.sort(values, axis=0)[::order]
    weights = np.exp(values - values.max(axis=0))
    size = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    for cuts in ([], [1, 2, 3], [30], list(range(1, 60))):
        bound = importance_weighted_bound(np.split(values, cuts))
        np.testing.assert_allclose(
            bound.log_likelihood, log_mean_exp(values), rtol=1e-13
        )
        np.testing.assert_allclose(
            bound.effective_sample_size, size, rtol=1e-12
        )
        assert bound.num_samples == 60


def test_one_draw_is_the_elbo_estimate():
    weights = np.random.default_rng(2).normal(size=(1, 5))
    bound = importance_weighted_bound([weights])
    np.testing.assert_allclose(bound.log_likelihood, weights[0], rtol=1e-15)
    np.testing.assert_allclose(bound.effective_sample_size, 1.0)


def test_equal_weights_count_fully():
    bound = importance_weighted_bound([np.full((20, 3), -7.0)] * 5)
    np.testing.assert_allclose(bound.log_likelihood, -7.0, rtol=1e-14)
    np.testing.assert_allclose(bound.effective_sample_size, 100.0)


def test_grows_with_the_number_of_draws_to_the_true_likelihood():
    # p(z) = N(0, 1), p(x|z) = N(z, 1), so p(x) = N(0, 2); the proposal
    # N(x/2, 1) is wider than the posterior N(x/2, 1/2).
    rng = np.random.default_rng(3)
    x = np.array([-1.0, 0.5, 2.0])

    def log_weights(*draws):
        z = x / 2 + rng.normal(size=(*draws, 3))
        return norm.logpdf(x, z) + norm.logpdf(z) - norm.logpdf(z, x / 2)

    def mean_bound(draws, repeats):
        bounds = importance_weighted_bound([log_weights(draws, repeats)])
        return bounds.log_likelihood.mean(axis=0)

    one, ten = mean_bound(1, 4000), mean_bound(10, 4000)
    exact = norm.logpdf(x, scale=np.sqrt(2.0))
    # The ELBO's gap is KL(N(0, 1) || N(0, 1/2)) = 0.5 (2 - 1 - log 2);
    # the standard error of each mean is below 0.02.
    np.testing.assert_allclose(one, exact - 0.1534, atol=0.06)
    assert (one < ten - 0.05).all() and (ten < exact + 0.01).all()
    chunks = (log_weights(500) for _ in range(40))
    many = importance_weighted_bound(chunks)
    np.testing.assert_allclose(many.log_likelihood, exact, atol=0.02)
    assert (many.effective_sample_size < 20000).all()


def test_weights_of_zero():
    values = np.array([[-np.inf, -np.inf], [-np.inf, 0.0]])
    stream = StreamingLogMeanExp()
    for row in values:
        stream.update(row[None])
    np.testing.assert_array_equal(stream.result(), [-np.inf, np.log(0.5)])
    np.testing.assert_array_equal(stream.effective_sample_size(), [0.0, 1.0])


def test_refuses_bad_weights():
    with pytest.raises(ValueError, match="NaN or"):
        log_mean_exp([0.0, np.nan])
    with pytest.raises(ValueError, match=r"\+inf"):
        log_mean_exp([0.0, np.inf])
    with pytest.raises(ValueError, match="No values yet: call `update` first"):
        importance_weighted_bound([])
    with pytest.raises(ValueError, match=r"shape \(2,\) after .* \(3,\)"):
        importance_weighted_bound([np.zeros((4, 3)), np.zeros((4, 2))])
    with pytest.raises(ValueError, match="scalar"):
        log_mean_exp(0.0)


def test_bits_per_dim():
    # A uniform density over [0, 1]^d has likelihood 1: 8 bits of 8-bit data.
    assert bits_per_dim(0.0, num_dims=12, levels=256) == pytest.approx(8.0)
    assert bits_per_dim(-np.log(2.0) * 24, num_dims=12) == pytest.approx(2.0)
