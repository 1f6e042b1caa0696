import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from keras_gen.metrics.samples import parzen
from keras_gen.metrics.samples.parzen import (
    choose_parzen_sigma,
    parzen_log_likelihood,
)


def brute_force(data, samples, sigma):
    log_densities = [
        multivariate_normal(center, sigma**2 * np.eye(len(center))).logpdf(data)
        for center in samples
    ]
    return logsumexp(log_densities, axis=0) - np.log(len(samples))


def test_single_sample_is_a_gaussian():
    # At the center, and at a distance of 5: -25 / (2 * 4) below it.
    estimate = parzen_log_likelihood([[1.0, 1.0], [4.0, 5.0]], [[[1, 1]]], 2.0)
    at_center = -np.log(2 * np.pi * 4)
    np.testing.assert_allclose(
        estimate.log_likelihood, [at_center, at_center - 25 / 8], rtol=1e-12
    )
    assert estimate.mean == pytest.approx(at_center - 25 / 16)
    # Half the difference of two values, over the root of 2, times the root.
    assert estimate.standard_error == pytest.approx(25 / 16)
    assert (estimate.sigma, estimate.num_samples) == (2.0, 1)


def test_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    # A common offset must not cost precision.
    data = 1e3 + rng.normal(size=(30, 5))
    samples = 1e3 + rng.normal(size=(40, 5))
    for sigma in (0.05, 0.5, 3.0):
        estimate = parzen_log_likelihood(data, samples, sigma)
        expected = brute_force(data, samples, sigma)
        np.testing.assert_allclose(
            estimate.log_likelihood, expected, rtol=1e-10
        )
        assert estimate.mean == pytest.approx(expected.mean())
        error = expected.std(ddof=1) / np.sqrt(30)
        assert estimate.standard_error == pytest.approx(error)


def test_far_data_do_not_underflow():
    estimate = parzen_log_likelihood([[0.0], [100.0]], [[[0.0]]], 0.1)
    assert estimate.log_likelihood[1] == pytest.approx(-5e5, rel=1e-5)


def test_streaming_changes_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    data, samples = rng.normal(size=(20, 3)), rng.normal(size=(50, 3))
    whole = parzen_log_likelihood(data, samples, 0.4)
    # Blocks of 7 samples, in batches that do not fit them.
    monkeypatch.setattr(parzen, "_BLOCK_ELEMENTS", 7 * 20)
    batches = iter(np.split(samples, [3, 25, 26]))
    streamed = parzen_log_likelihood(data, batches, 0.4)
    assert streamed.num_samples == 50
    np.testing.assert_allclose(
        streamed.log_likelihood, whole.log_likelihood, rtol=1e-12
    )


def test_converges_to_the_density():
    # Samples of N(0, 1) under a window of deviation s: N(0, 1 + s^2).
    rng = np.random.default_rng(2)
    data, samples = np.linspace(-2, 2, 9)[:, None], rng.normal(size=(40000, 1))
    estimate = parzen_log_likelihood(data, samples, 0.5)
    expected = multivariate_normal(0.0, 1.25).logpdf(data)
    # About three standard errors in the tails.
    np.testing.assert_allclose(estimate.log_likelihood, expected, atol=0.04)


def test_sigma_is_chosen_on_validation_data():
    rng = np.random.default_rng(3)
    data, validation, samples = rng.normal(size=(3, 200, 2))
    sigmas = [0.02, 0.1, 0.4, 1.0, 5.0]
    means = [brute_force(validation, samples, s).mean() for s in sigmas]
    chosen = choose_parzen_sigma(validation, samples, sigmas)
    assert chosen == sigmas[int(np.argmax(means))] == 0.4
    batches = np.split(samples, 4)
    estimate = parzen_log_likelihood(
        data, batches, validation=validation, sigmas=sigmas
    )
    assert estimate.sigma == 0.4
    assert estimate.mean == parzen_log_likelihood(data, batches, 0.4).mean
    # The values of the paper's search, for data in [0, 1].
    default = choose_parzen_sigma(0.1 * validation, 0.1 * samples)
    assert default == pytest.approx(0.1)


def test_refuses_what_has_no_likelihood():
    good = np.random.default_rng(4).normal(size=(10, 3))
    bad = good.copy()
    bad[4, 1] = np.nan
    with pytest.raises(
        ValueError, match="one of `sigma` and `validation`.*missing"
    ):
        parzen_log_likelihood(good, good)
    with pytest.raises(ValueError, match="one of .*sigma=1.0, .* given"):
        parzen_log_likelihood(good, good, 1.0, validation=good)
    with pytest.raises(ValueError, match="two passes .*generator"):
        parzen_log_likelihood(good, (x for x in [good]), validation=good)
    with pytest.raises(
        ValueError, match="`sigma` must be above 0. Received: 0"
    ):
        parzen_log_likelihood(good, good, 0.0)
    with pytest.raises(
        ValueError, match="`sigma` must be above 0. Received: -1"
    ):
        choose_parzen_sigma(good, good, [1.0, -1.0])
    with pytest.raises(ValueError, match="at least 1 values"):
        choose_parzen_sigma(good, good, [])
    with pytest.raises(ValueError, match="`samples` must be finite"):
        parzen_log_likelihood(good, bad, 1.0)
    with pytest.raises(ValueError, match="`data` must be finite"):
        parzen_log_likelihood(bad, good, 1.0)
    with pytest.raises(ValueError, match="data of 3 and samples of 2"):
        parzen_log_likelihood(good, good[:, :2], 1.0)
    with pytest.raises(
        ValueError, match="`data` must hold at least 2 examples"
    ):
        parzen_log_likelihood(good[:1], good, 1.0)
    with pytest.raises(ValueError, match="at least one sample. Received: none"):
        parzen_log_likelihood(good, [], 1.0)
