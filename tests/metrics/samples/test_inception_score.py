import numpy as np
import pytest

from keras_gen.metrics import inception_score, inception_score_per_split


def one_hot(labels, classes=10):
    return np.eye(classes)[labels]


def test_uniform_predictions_score_one():
    assert inception_score(np.full((50, 10), 0.1)) == pytest.approx(1.0)


def test_sure_and_balanced_predictions_score_the_number_of_classes():
    predictions = one_hot(np.arange(50) % 10)
    assert inception_score(predictions) == pytest.approx(10.0, rel=1e-12)


def test_collapsed_predictions_score_one():
    assert inception_score(one_hot([3] * 50)) == pytest.approx(1.0)
    unsure = np.tile(np.random.default_rng(0).dirichlet(np.ones(10)), (50, 1))
    assert inception_score(unsure) == pytest.approx(1.0)


def test_uneven_classes_score_the_exponential_entropy():
    # Sure predictions: the divergence is the entropy of the marginal.
    predictions = one_hot([0, 0, 0, 1])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert inception_score(predictions) == pytest.approx(np.exp(entropy))


def test_direction_of_the_divergence():
    predictions = np.array([[0.9, 0.1], [0.4, 0.6]])
    marginal = [0.65, 0.35]
    divergence = np.mean(
        [
            sum(p * np.log(p / m) for p, m in zip(row, marginal, strict=True))
            for row in predictions
        ]
    )
    assert inception_score(predictions) == pytest.approx(np.exp(divergence))


def test_logits_agree_with_probabilities_and_do_not_overflow():
    logits = np.random.default_rng(1).normal(size=(30, 5)) * 3.0
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = inception_score(probs)
    score = inception_score(logits, from_logits=True)
    assert score == pytest.approx(expected, rel=1e-12)
    shifted = inception_score(logits + 1e4, from_logits=True)
    assert shifted == pytest.approx(expected, rel=1e-9)
    sure = 1e5 * one_hot(np.arange(20) % 10)
    assert inception_score(sure, from_logits=True) == pytest.approx(10.0)


def test_splits_are_scored_by_themselves():
    # The first half shows one class, the second half four.
    predictions = one_hot([0] * 20 + [1, 2, 3, 4] * 5)
    scores = inception_score_per_split(predictions, splits=2)
    np.testing.assert_allclose(scores, [1.0, 4.0], rtol=1e-12)
    assert inception_score(predictions, splits=2) == pytest.approx(2.5)
    # Shuffled, both halves hold about half of each.
    shuffled = inception_score_per_split(predictions, splits=2, seed=0)
    assert shuffled.min() > 2.0


def test_order_does_not_matter_within_a_split():
    predictions = np.random.default_rng(2).dirichlet(np.ones(10), size=40)
    assert inception_score(predictions[::-1]) == pytest.approx(
        inception_score(predictions), rel=1e-12
    )


def test_lies_between_one_and_the_number_of_classes():
    rng = np.random.default_rng(3)
    for concentration in (0.01, 0.1, 1.0, 10.0):
        predictions = rng.dirichlet(np.full(10, concentration), size=100)
        assert 1.0 <= inception_score(predictions) <= 10.0


def test_refuses_what_are_no_predictions():
    logits = np.random.default_rng(4).normal(size=(10, 5))
    with pytest.raises(ValueError, match="Pass `from_logits=True`"):
        inception_score(logits)
    with pytest.raises(ValueError, match="Pass `from_logits=True`"):
        inception_score(np.full((4, 5), 0.3))
    with pytest.raises(ValueError, match=r"\(samples, classes\).*\(5,\)"):
        inception_score(logits[0])
    with pytest.raises(ValueError, match="NaN"):
        inception_score(np.full((4, 5), np.nan))
    with pytest.raises(ValueError, match="number of samples.*splits=11 for 10"):
        inception_score(logits, splits=11, from_logits=True)
