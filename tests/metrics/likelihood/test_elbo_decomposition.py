import tracemalloc

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from keras_gen.metrics.likelihood import aggregate
from keras_gen.metrics.likelihood.aggregate import (
    aggregate_log_densities,
    draw_noise,
)
from keras_gen.metrics.likelihood.elbo_decomposition import (
    active_units,
    elbo_decomposition,
)


def posteriors(num, dim, seed=0):
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(num, dim)), rng.normal(size=(num, dim)) - 1.0


@pytest.mark.parametrize("blocks", [(128, 1024), (3, 5)])
def test_agrees_with_a_mixture_by_scipy(monkeypatch, blocks):
    monkeypatch.setattr(aggregate, "_SAMPLE_BLOCK", blocks[0])
    monkeypatch.setattr(aggregate, "_REFERENCE_BLOCK", blocks[1])
    mean, log_variance = posteriors(31, 3)
    samples = np.random.default_rng(2).normal(size=(17, 3))
    logs = norm.logpdf(samples[:, None], mean, np.exp(0.5 * log_variance))
    joint, marginals = aggregate_log_densities(samples, mean, log_variance)
    np.testing.assert_allclose(
        joint, logsumexp(logs.sum(axis=2), axis=1, b=1 / 31), rtol=1e-12
    )
    np.testing.assert_allclose(
        marginals, logsumexp(logs, axis=1, b=1 / 31), rtol=1e-12
    )


def test_every_part_is_its_definition():
    mean, log_variance = posteriors(40, 2)
    parts = elbo_decomposition(mean, log_variance, num_samples=25, seed=3)
    chosen, noise = draw_noise((40, 2), 25, seed=3)
    assert len(set(chosen)) == 25
    scale = np.exp(0.5 * log_variance)
    z = mean[chosen] + noise * scale[chosen]
    # The mixture is over all 40 although 25 are drawn.
    joint, marginals = aggregate_log_densities(z, mean, log_variance)
    conditional = norm.logpdf(z, mean[chosen], scale[chosen]).sum(axis=1)
    prior = norm.logpdf(z)
    assert parts.mutual_information == pytest.approx(
        (conditional - joint).mean(), rel=1e-12
    )
    assert parts.total_correlation == pytest.approx(
        (joint - marginals.sum(axis=1)).mean(), rel=1e-12
    )
    np.testing.assert_allclose(
        parts.dimension_wise_kls, (marginals - prior).mean(axis=0), rtol=1e-12
    )
    rates = conditional - prior.sum(axis=1)
    assert parts.mc_rate == pytest.approx(rates.mean(), rel=1e-12)
    assert parts.mc_rate_standard_error == pytest.approx(
        rates.std(ddof=1) / 5.0, rel=1e-12
    )
    assert (parts.num_samples, parts.num_reference) == (25, 40)
    assert parts.log_num_reference == pytest.approx(np.log(40))


def test_parts_add_up_to_the_rate():
    mean, log_variance = posteriors(1500, 4)
    nll = np.arange(1500.0)
    parts = elbo_decomposition(mean, log_variance, nll)
    total = (
        parts.mutual_information
        + parts.total_correlation
        + parts.dimension_wise_kl
    )
    assert total == pytest.approx(parts.mc_rate, rel=1e-12)
    assert parts.dimension_wise_kl == pytest.approx(
        parts.dimension_wise_kls.sum(), rel=1e-14
    )
    # KL(N(m, v) || N(0, 1)) in closed form.
    variance = np.exp(log_variance)
    kl = 0.5 * (mean**2 + variance - 1.0 - log_variance).sum(axis=1)
    assert parts.rate == pytest.approx(kl.mean(), rel=1e-12)
    assert abs(parts.mc_rate - parts.rate) < 3 * parts.mc_rate_standard_error
    assert 0.0 <= parts.mutual_information <= parts.log_num_reference
    assert parts.distortion == 749.5


def test_equal_posteriors_hold_no_information():
    parts = elbo_decomposition(np.full((300, 3), 0.7), np.full((300, 3), -1.0))
    assert parts.mutual_information == pytest.approx(0.0, abs=1e-10)
    assert parts.total_correlation == pytest.approx(0.0, abs=1e-10)
    assert parts.dimension_wise_kl == pytest.approx(parts.mc_rate, rel=1e-12)


def test_separate_posteriors_hold_log_n():
    mean = np.stack([100.0 * np.arange(200), np.zeros(200)], axis=1)
    parts = elbo_decomposition(mean, np.full((200, 2), -2.0))
    assert parts.mutual_information == pytest.approx(np.log(200), abs=1e-9)


def test_one_latent_has_no_total_correlation():
    parts = elbo_decomposition(*posteriors(200, 1))
    assert parts.total_correlation == pytest.approx(0.0, abs=1e-12)


def test_standard_normal_aggregate():
    # x ~ N(0, 1 - v) and z ~ N(x, v), so that q(z) is the prior for large N.
    variance, dim = 0.3, 2
    rng = np.random.default_rng(5)
    mean = rng.normal(scale=np.sqrt(1 - variance), size=(3000, dim))
    log_variance = np.full(mean.shape, np.log(variance))
    parts = elbo_decomposition(mean, log_variance)
    expected = dim * 0.5 * np.log(1.0 / variance)
    # The information's standard error is sqrt(0.7 / 3000) = 0.015.
    assert parts.mutual_information == pytest.approx(expected, abs=0.06)
    assert parts.total_correlation == pytest.approx(0.0, abs=0.02)
    assert parts.dimension_wise_kl == pytest.approx(0.0, abs=0.02)


def test_total_correlation_of_a_normal_aggregate():
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    rng = np.random.default_rng(6)
    mean = rng.multivariate_normal(
        [0, 0], covariance - 0.1 * np.eye(2), size=3000
    )
    parts = elbo_decomposition(mean, np.full((3000, 2), np.log(0.1)))
    expected = -0.5 * np.log(1 - 0.8**2)
    # The standard error is about 0.8 / sqrt(3000) = 0.015.
    assert parts.total_correlation == pytest.approx(expected, abs=0.05)


def test_memory_does_not_grow_with_the_matrix():
    mean, log_variance = posteriors(3000, 2)
    tracemalloc.start()
    elbo_decomposition(mean, log_variance)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A whole matrix of 3000 x 3000 would take 72 MB.
    assert peak < 10e6


def test_seed_decides_and_is_not_that_of_the_data():
    mean = np.random.default_rng(0).normal(size=(2000, 4))
    log_variance = np.zeros((2000, 4))
    a, b = (elbo_decomposition(mean, log_variance, seed=0) for _ in range(2))
    assert a.mc_rate == b.mc_rate
    assert a.mc_rate != elbo_decomposition(mean, log_variance, seed=1).mc_rate
    # Noise equal to the means, drawn from the same seed, would add to it.
    assert abs(a.mc_rate - a.rate) < 3 * a.mc_rate_standard_error


def test_active_units():
    mean = np.array([[0.0, 5.0, 0.0], [0.2, 5.0, 0.1], [0.4, 5.0, 0.2]])
    units = active_units(mean)
    np.testing.assert_allclose(units.variances, [0.08 / 3, 0.0, 0.02 / 3])
    np.testing.assert_array_equal(units.active, [True, False, False])
    assert units.count == 1 and units.threshold == 0.01
    assert active_units(mean, threshold=0.006).count == 2


def test_refuses_bad_input():
    mean, log_variance = posteriors(10, 2)
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 20"):
        bad = mean.copy()
        bad[3, 1] = np.nan
        elbo_decomposition(bad, log_variance)
    with pytest.raises(
        ValueError, match=r"shape of the means.*\(10, 1\), mean.*\(10, 2\)"
    ):
        elbo_decomposition(mean, log_variance[:, :1])
    with pytest.raises(ValueError, match="at least 2 examples"):
        elbo_decomposition(mean[:1], log_variance[:1])
    with pytest.raises(ValueError, match="`num_samples` must be"):
        elbo_decomposition(mean, log_variance, num_samples=1)
    with pytest.raises(ValueError, match=r"within \[-600, 600\]"):
        elbo_decomposition(mean, log_variance - 1e4)
    with pytest.raises(ValueError, match="one value per example.*=9 for 10"):
        elbo_decomposition(mean, log_variance, np.zeros(9))
    with pytest.raises(
        ValueError, match=r"samples.shape=\(4, 3\), mean.shape=\(10, 2\)"
    ):
        aggregate_log_densities(np.zeros((4, 3)), mean, log_variance)
    with pytest.raises(ValueError, match="at least 2 examples"):
        active_units(mean[:1])
