import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen.losses import classification
from tests.numerics import array, double_precision, gradient, tensor

LOGITS = np.random.default_rng(0).normal(size=(6, 4))
# Of the labeled ones, the second, the fourth and the last are right.
BEST = LOGITS.argmax(-1)
LABELS = np.where(
    [0, 1, 0, 1, 0, 1], BEST, [-1, 0, (BEST[2] + 1) % 4, 0, -1, 0]
)
LABELED = LABELS >= 0


def labels_of(labels):
    return ops.convert_to_tensor(np.asarray(labels, "int32"))


def value(fn, labels, logits=LOGITS):
    return float(array(fn(labels_of(labels), tensor(logits))))


def test_cross_entropy_is_a_mean_over_the_labeled_examples():
    log_p = scipy.special.log_softmax(LOGITS, axis=-1)
    expected = -log_p[range(6), LABELS][LABELED].mean()
    found = value(classification.cross_entropy, LABELS)
    assert LABELED.sum() == 4 and found == pytest.approx(expected, rel=1e-5)
    # It is the mean of what each of them costs alone.
    alone = [
        value(
            classification.cross_entropy, LABELS[i : i + 1], LOGITS[i : i + 1]
        )
        for i in np.flatnonzero(LABELED)
    ]
    assert found == pytest.approx(np.mean(alone), rel=1e-5)


def test_accuracy_is_that_of_the_labeled_examples():
    assert value(classification.accuracy, LABELS) == pytest.approx(3 / 4)
    assert value(classification.accuracy, BEST) == 1.0


def test_unlabeled_batches_cost_nothing():
    nothing = np.full(6, -1)
    assert value(classification.cross_entropy, nothing) == 0.0
    assert value(classification.accuracy, nothing) == 0.0
    slope = gradient(
        lambda x: classification.cross_entropy(labels_of(nothing), x), LOGITS
    )
    np.testing.assert_array_equal(slope, np.zeros_like(LOGITS))


def test_gradient_is_that_of_the_softmax():
    """`(p - one_hot) / labeled` for those with a label, 0 for the others."""
    with double_precision():
        slope = gradient(
            lambda x: classification.cross_entropy(labels_of(LABELS), x), LOGITS
        )
    p = scipy.special.softmax(LOGITS, axis=-1)
    expected = (p - np.eye(4)[LABELS]) * LABELED[:, None] / LABELED.sum()
    np.testing.assert_allclose(slope, expected, atol=1e-9)


def test_large_logits_are_finite():
    logits = 1e4 * np.eye(4)[:2]
    assert value(classification.cross_entropy, [0, 1], logits) == 0.0
    found = value(classification.cross_entropy, [1, 0], logits)
    assert found == pytest.approx(1e4)


def test_half_precision_logits_give_a_float32_loss():
    logits = ops.cast(LOGITS, "float16")
    for fn in (classification.cross_entropy, classification.accuracy):
        result = array(fn(labels_of(LABELS), logits))
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, value(fn, LABELS), rtol=1e-3)


def test_workers_share_the_count_of_labels(monkeypatch):
    """The mean over two workers is that over their common batch."""
    expected = value(classification.cross_entropy, LABELS)
    fraction = LABELED.mean()
    monkeypatch.setattr(classification, "replica_mean", lambda x: fraction)
    parts = [
        value(classification.cross_entropy, LABELS[rows], LOGITS[rows])
        for rows in (slice(0, 2), slice(2, 4), slice(4, 6))
    ]
    assert LABELED[:2].sum() != LABELED[2:4].sum()
    assert np.mean(parts) == pytest.approx(expected, rel=1e-5)


def test_labels_may_be_of_any_type():
    for labels, types in (
        (LABELS, ("int8", "int64", "float16", "float32", "float64")),
        (BEST, ("uint8",)),
    ):
        for fn in (classification.cross_entropy, classification.accuracy):
            for dtype in types:
                given = ops.convert_to_tensor(np.asarray(labels, dtype))
                found = array(fn(given, tensor(LOGITS)))
                assert found.dtype == np.float32
                assert found == value(fn, labels)


# ---- Classes and "generated" ------------------------------------------------


def test_source_logits_are_those_of_one_more_class():
    """With its logit at 0; so they are the losses of a softmax of K + 1."""
    with double_precision():
        every = np.concatenate([LOGITS, np.zeros((6, 1))], axis=1)
        log_p = scipy.special.log_softmax(every, axis=1)
        source = array(classification.source_logits(tensor(LOGITS)))
        generated = np.logaddexp(0.0, source)
        np.testing.assert_allclose(generated, -log_p[:, -1], rtol=1e-7)
        real = np.logaddexp(0.0, -source)
        known = np.log1p(-np.exp(log_p[:, -1]))
        np.testing.assert_allclose(real, -known, rtol=1e-7)
        # The K-way cross-entropy is that of a class, given that it is real.
        labels = np.array([0, 1, 2, 3, 1, 2])
        supervised = value(classification.cross_entropy, labels)
        together = -log_p[range(6), labels].mean()
        assert together == pytest.approx(supervised + real.mean(), rel=1e-6)
        # One number added to all K + 1 logits changes nothing.
        shifted = scipy.special.log_softmax(every + 3.0, axis=1)
        np.testing.assert_allclose(shifted, log_p, rtol=1e-7)
        moved = array(classification.source_logits(tensor(LOGITS + 3.0)))
        np.testing.assert_allclose(moved, source + 3.0, rtol=1e-7)


def test_with_one_class_the_source_logit_is_its_logit():
    found = array(classification.source_logits(tensor(LOGITS[:, :1])))
    np.testing.assert_allclose(found, LOGITS[:, 0], rtol=1e-5)


def test_weights_of_unlabeled_examples():
    found = array(classification.unlabeled_weights(labels_of(LABELS)))
    np.testing.assert_allclose(found, [3.0, 0, 0, 0, 3.0, 0])
    assert found.mean() == pytest.approx(1.0)
    for labels in (np.full(6, -1), BEST):
        found = array(classification.unlabeled_weights(labels_of(labels)))
        np.testing.assert_array_equal(found, np.ones(6))
