import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import entropy, norm
from sklearn.metrics import mutual_info_score

from keras_gen.metrics.disentanglement.mig import (
    discretize,
    mig_hist,
    mig_sampled,
    mutual_information_matrix,
)
from keras_gen.metrics.likelihood.aggregate import draw_noise
from tests.metrics.disentanglement.codes import (
    NoiseCodes,
    draw_factors,
    duplicated_codes,
    grid,
    perfect_codes,
    rotated_codes,
)


def test_bins_are_those_of_a_histogram():
    codes = np.random.default_rng(0).normal(size=(500, 3))
    codes[:, 2] = 4.0
    bins = discretize(codes, 7)
    for j in range(2):
        counts, edges = np.histogram(codes[:, j], 7)
        np.testing.assert_array_equal(
            bins[:, j], np.digitize(codes[:, j], edges[:-1]) - 1
        )
        np.testing.assert_array_equal(np.bincount(bins[:, j]), counts)
    assert (bins[:, 2] == 0).all()
    # An edge belongs to the bin above it, the last one to the last bin.
    steps = discretize(np.arange(5.0)[:, None], 4)
    np.testing.assert_array_equal(steps[:, 0], [0, 1, 2, 3, 3])


def test_information_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    a, b = rng.integers(5, size=(300, 3)), rng.integers(-2, 4, size=(300, 2))
    a[:, 0] = b[:, 0] // 2 - 1
    found = mutual_information_matrix(a, b)
    for i in range(3):
        for j in range(2):
            expected = mutual_info_score(a[:, i], b[:, j])
            assert found[i, j] == pytest.approx(expected, abs=1e-12)
    # Exactly none, so that rounding is not taken for information.
    assert (mutual_information_matrix(grid()[:, :1], grid()[:, 1:]) == 0).all()


def test_hist_is_its_definition():
    factors = draw_factors(800)
    codes = perfect_codes(factors) @ np.random.default_rng(2).normal(
        size=(4, 5)
    )
    result = mig_hist(codes, factors, num_bins=12)
    bins = discretize(codes, 12)
    for f in range(4):
        information = sorted(
            mutual_info_score(bins[:, j], factors[:, f]) for j in range(5)
        )
        total = entropy(np.bincount(factors[:, f]))
        assert result.entropies[f] == pytest.approx(total, rel=1e-12)
        gap = (information[-1] - information[-2]) / total
        assert result.gaps[f] == pytest.approx(gap, abs=1e-12)
    assert result.score == pytest.approx(result.gaps.mean(), rel=1e-12)


def test_hist_of_known_codes():
    factors = grid()
    assert mig_hist(perfect_codes(factors), factors).score == pytest.approx(
        1.0, abs=1e-12
    )
    assert mig_hist(duplicated_codes(factors), factors).score == pytest.approx(
        0.0, abs=1e-12
    )
    assert abs(mig_hist(rotated_codes(factors), factors).score) < 0.02
    drawn = draw_factors(10000)
    assert 0.99 < mig_hist(perfect_codes(drawn), drawn).score < 1.0
    assert mig_hist(NoiseCodes()(drawn), drawn).score < 0.02


def test_hist_ignores_order_scale_and_dead_latents():
    factors = draw_factors(1000)
    codes = perfect_codes(factors)
    changed = np.concatenate(
        [7.0 - 3.0 * codes[:, [2, 0, 3, 1]], np.full((1000, 1), 9.0)], axis=1
    )
    score = mig_hist(codes, factors).score
    # The same bins from the other side, but for values on an edge.
    assert mig_hist(changed, factors).score == pytest.approx(score, abs=1e-12)


def test_more_values_than_bins_cannot_reach_one():
    factors = grid((40, 4))
    score = mig_hist(perfect_codes(factors), factors, num_bins=20).score
    # Two values in each of 20 bins: log 20 of log 40.
    expected = 0.5 * (np.log(20) / np.log(40) + 1.0)
    assert score == pytest.approx(expected, abs=1e-12)
    full = mig_hist(perfect_codes(factors), factors, num_bins=40).score
    assert full == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("sampled", [False, True])
def test_constant_factor_is_left_out(sampled):
    factors = grid((4, 1, 5))
    codes = perfect_codes(factors)
    if sampled:
        result = mig_sampled(codes, np.full(codes.shape, -9.0), factors)
    else:
        result = mig_hist(codes, factors)
    assert result.score == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(np.isnan(result.gaps), [False, True, False])


def test_sampled_is_its_definition():
    factors = draw_factors(60, sizes=(3, 2))
    rng = np.random.default_rng(4)
    mean = factors @ rng.normal(size=(2, 3)) + 0.3 * rng.normal(size=(60, 3))
    log_variance = rng.normal(size=(60, 3)) - 1.0
    result = mig_sampled(mean, log_variance, factors, num_samples=40, seed=5)
    chosen, noise = draw_noise((60, 3), 40, seed=5)
    scale = np.exp(0.5 * log_variance)
    z = mean[chosen] + noise * scale[chosen]
    logs = norm.logpdf(z[:, None], mean, scale)
    for f in range(2):
        same = factors[chosen, None, f] == factors[:, f]
        conditional = logsumexp(
            logs, axis=1, b=(same / same.sum(axis=1, keepdims=True))[..., None]
        )
        marginal = logsumexp(logs, axis=1, b=1 / 60)
        np.testing.assert_allclose(
            result.mutual_information[:, f],
            np.maximum((conditional - marginal).mean(axis=0), 0.0),
            rtol=1e-10,
        )
    # Entropies of the factors in all examples, not in those drawn.
    np.testing.assert_allclose(
        result.entropies, [entropy(np.bincount(column)) for column in factors.T]
    )


def test_sampled_of_known_codes():
    factors = grid()

    def score(codes, log_variance=-12.0):
        log_variances = np.full(codes.shape, log_variance)
        return mig_sampled(codes, log_variances, factors).score

    assert score(perfect_codes(factors)) == pytest.approx(1.0, abs=1e-9)
    assert score(duplicated_codes(factors)) == pytest.approx(0.0, abs=1e-9)
    assert abs(score(rotated_codes(factors), -3.0)) < 0.02
    assert score(NoiseCodes()(factors), -1.0) < 0.02
    # Wide posteriors hide the factor from its latent.
    assert score(perfect_codes(factors), 4.0) < 0.5
    order = [2, 0, 3, 1]
    assert score(perfect_codes(factors)[:, order]) == pytest.approx(1.0)


def test_sampled_information_is_not_negative():
    factors = draw_factors(60, sizes=(3, 2))
    mean = NoiseCodes(4)(factors)
    found = [
        mig_sampled(mean, np.zeros((60, 4)), factors, 2, seed)
        for seed in range(10)
    ]
    information = np.stack([each.mutual_information for each in found])
    assert information.min() == 0.0 and information.max() > 0.0


def test_refuses_bad_input():
    factors = draw_factors(100)
    codes = perfect_codes(factors)
    with pytest.raises(ValueError, match=r"num_bins=20, len\(codes\)=10"):
        mig_hist(codes[:10], factors[:10])
    with pytest.raises(ValueError, match="must be integers.* Received: 0.5"):
        mig_hist(codes, factors + 0.5)
    with pytest.raises(ValueError, match="NaN or infinity in 100"):
        mig_hist(codes * [np.nan, 1, 1, 1], factors)
    with pytest.raises(ValueError, match=r"len\(factors\)=99 for 100"):
        mig_hist(codes, factors[:99])
    with pytest.raises(ValueError, match="at least 2 latents. Received: 1"):
        mig_hist(codes[:, :1], factors)
    with pytest.raises(ValueError, match="4 constant factors of 100 samples"):
        mig_hist(codes, np.zeros_like(factors))
    with pytest.raises(ValueError, match="shape of the means"):
        mig_sampled(codes, codes[:, :2], factors)
    with pytest.raises(
        ValueError, match="2 examples and 2 draws.*num_samples=1"
    ):
        mig_sampled(codes, codes, factors, num_samples=1)
    with pytest.raises(ValueError, match="shape"):
        mig_hist(codes[0], factors[0])
