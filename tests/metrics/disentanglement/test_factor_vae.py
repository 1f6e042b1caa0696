import numpy as np
import pytest

from keras_gen.data import FactorArrays, FactorData
from keras_gen.metrics.disentanglement.factor_vae import (
    factor_vae_score,
    factor_vae_score_from_votes,
    vote_table,
)
from tests.metrics.disentanglement.codes import (
    SIZES,
    NoiseCodes,
    duplicated_codes,
    grid,
    perfect_codes,
)

QUICK = {"num_train": 400, "num_test": 400, "num_variance": 1000}
DATA = FactorData(SIZES)


def test_known_codes():
    perfect = factor_vae_score(DATA, **QUICK)
    assert perfect.score == perfect.train_accuracy == 1.0
    assert perfect.num_active == 4
    np.testing.assert_array_equal(
        perfect.votes, np.diag(np.diag(perfect.votes))
    )
    assert perfect.votes.sum() == 400
    noise = factor_vae_score(DATA, NoiseCodes(), **QUICK)
    # Three standard errors of a frequency of 1/4 in 400.
    assert noise.score == pytest.approx(0.25, abs=3 * 0.0217)
    assert factor_vae_score(DATA, duplicated_codes, **QUICK).score == 1.0


def test_two_factors_in_one_latent():
    data = FactorData((8, 8, 8))

    def encode(x):
        return np.stack([x[:, 1] + x[:, 2], x[:, 0]], axis=1)

    result = factor_vae_score(data, encode, **QUICK)
    # The second latent is for factor 0; the first takes one of the others.
    assert result.votes[0, 0] == 0
    np.testing.assert_array_equal(result.votes[1, 1:], [0, 0])
    assert result.score == pytest.approx(2 / 3, abs=3 * 0.024)


def test_ignores_scale_and_shift_above_the_threshold():
    same = factor_vae_score(DATA, **QUICK)
    changed = factor_vae_score(
        DATA, lambda x: x * [1.0, -20.0, 0.1, 3.0] + 5.0, **QUICK
    )
    np.testing.assert_array_equal(changed.votes, same.votes)
    assert changed.score == same.score
    # A deviation of 2.29 shrunk to below 0.05.
    small = factor_vae_score(DATA, lambda x: x * [1, 1, 1, 0.02], **QUICK)
    assert small.num_active == 3 and small.votes[3].sum() == 0
    assert small.score < 0.9


def test_pruned_latents_keep_their_place():
    def encode(x):
        return np.concatenate([np.full((len(x), 1), 2.0), 0.01 * x, x], axis=1)

    result = factor_vae_score(DATA, encode, **QUICK)
    assert result.score == 1.0 and result.num_active == 4
    assert (result.votes[:5] == 0).all() and result.votes[5:].sum() == 400
    nothing = factor_vae_score(DATA, lambda x: 0.001 * x, **QUICK)
    assert (nothing.score, nothing.num_active) == (0.0, 0)
    # Without a threshold a constant latent still cannot be divided by.
    result = factor_vae_score(DATA, encode, threshold=0.0, **QUICK)
    assert result.num_active == 8 and result.votes[0].sum() == 0


def test_votes_by_hand():
    within = [[0.2, 2.0, 0.0], [0.9, 1.0, 0.0], [0.3, 2.0, 0.0]]
    variances = [1.0, 4.0, 0.0001]
    votes = vote_table(within, variances, [0, 2, 2], num_factors=3)
    np.testing.assert_array_equal(votes, [[1, 0, 1], [0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(
        vote_table(within, variances, [0, 2, 2], 3, threshold=0.001)[2],
        [1, 0, 2],
    )


def test_accuracy_by_hand():
    train, test = [[9, 1], [2, 5]], [[3, 1], [4, 2]]
    score, train_accuracy = factor_vae_score_from_votes(train, test)
    assert score == pytest.approx(5 / 10)
    assert train_accuracy == pytest.approx(14 / 17)
    assert factor_vae_score_from_votes([[0, 0]], [[0, 0]]) == (0.0, 0.0)


def test_arrays_of_codes_and_a_constant_factor():
    factors = grid((3, 1, 4))
    data = FactorArrays(perfect_codes(factors), factors)
    result = factor_vae_score(data, **QUICK)
    assert result.score == 1.0 and result.votes[:, 1].sum() == 0


def test_refuses_bad_input():
    with pytest.raises(ValueError, match=r"2 factors that vary.*\(1, 5\)"):
        factor_vae_score(FactorData((1, 5)))
    with pytest.raises(ValueError, match="at least 2. Received: num_images=1"):
        factor_vae_score(DATA, num_images=1)
    with pytest.raises(ValueError, match="NaN"):
        factor_vae_score(DATA, lambda x: x * np.nan, **QUICK)
    with pytest.raises(ValueError, match=r"\(sets, dim\)"):
        vote_table([[0.0, 1.0]], [1.0], [0], 2)
    with pytest.raises(
        ValueError, match=r"the same shape.*\(1, 2\), .*\(1, 3\)"
    ):
        factor_vae_score_from_votes([[1, 2]], [[1, 2, 3]])
