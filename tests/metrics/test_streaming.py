import keras
import numpy as np
import pytest
from keras import ops

from keras_gen.metrics import (
    FeatureMoments,
    FrechetDistance,
    InceptionScore,
    NegativeLogLikelihood,
    frechet_distance,
    importance_weighted_bound,
    inception_score,
)


def test_frechet_distance_of_batches_is_that_of_all():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(300, 6)), 2.0 + rng.normal(size=(200, 6))
    expected = frechet_distance(real, fake)
    for given in (real, FeatureMoments().update(real), np.split(real, 3)):
        metric = FrechetDistance(given)
        for batch in np.split(fake, [10, 130]):
            metric.update_state(batch)
        assert metric.result() == pytest.approx(expected, rel=1e-12)
    metric.reset_state()
    metric.update_state(real)
    assert metric.result() == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("from_logits", [True, False])
def test_inception_score_of_batches_is_that_of_all(from_logits):
    rng = np.random.default_rng(1)
    predictions = 3.0 * rng.normal(size=(90, 5))
    if not from_logits:
        predictions = np.exp(predictions)
        predictions[:30, 2] = 0.0
        predictions /= predictions.sum(axis=1, keepdims=True)
    metric = InceptionScore(from_logits=from_logits)
    for batch in np.split(predictions, [7, 50]):
        metric.update_state(batch)
    expected = inception_score(predictions, from_logits=from_logits)
    assert metric.result() == pytest.approx(expected, rel=1e-12)
    metric.reset_state()
    metric.update_state(np.eye(5) * (1e3 if from_logits else 1.0))
    assert metric.result() == pytest.approx(5.0)


def test_negative_log_likelihood_of_batches_is_that_of_all():
    log_weights = np.random.default_rng(2).normal(size=(20, 11)) - 90.0
    log_weights[3, 4] = -np.inf
    metric = NegativeLogLikelihood()
    for batch in np.split(log_weights, [4, 6], axis=1):
        metric.update_state(batch)
    expected = -importance_weighted_bound([log_weights]).log_likelihood.mean()
    assert metric.result() == pytest.approx(expected, rel=1e-12)
    metric.reset_state()
    metric.update_state(np.full((3, 2), -7.0))
    assert metric.result() == pytest.approx(7.0)


def test_they_are_metrics_and_take_tensors():
    x = np.random.default_rng(3).normal(size=(40, 3)).astype("float32")
    metric = FrechetDistance(x)
    assert isinstance(metric, keras.metrics.Metric)
    metric.update_state(ops.convert_to_tensor(x))
    assert metric.result() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    "metric",
    [FrechetDistance(np.eye(3)), InceptionScore(), NegativeLogLikelihood()],
)
def test_nothing_and_nan_have_no_result(metric):
    with pytest.raises(ValueError):
        metric.result()
    with pytest.raises(ValueError, match="NaN"):
        metric.update_state(np.full((3, 3), np.nan))


def test_widths_must_fit():
    metric = FrechetDistance(np.eye(3))
    metric.update_state(np.eye(4))
    with pytest.raises(ValueError, match="width"):
        metric.result()
    score = InceptionScore()
    score.update_state(np.eye(3))
    with pytest.raises(ValueError, match="3"):
        score.update_state(np.eye(4))
