"""A classifier, of which some examples have no label."""

import numpy as np
import pytest

from tests.contract.case import BATCH, Case, all_cases
from tests.contract.helpers import fit
from tests.numerics import array, tensor

CONTRACT = {"semi_classifier": Case(latent_dim=2)}


@pytest.fixture(scope="module")
def case():
    return all_cases()["semi_classifier"]


def test_examples_without_labels_teach_no_class(case):
    """The loss is that of the labeled rows, and of none without any."""
    model = case.build()
    x, y = case.data(steps=1)
    y = np.array([2, -1, 0, -1, 1, -1, -1, 2], "int32")
    logits = array(model.logits_step(x))
    shifted = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    labeled = y >= 0
    expected = -np.mean(shifted[labeled, y[labeled]])
    found = float(array(model.classification_loss(tensor(y), tensor(logits))))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (
        float(
            array(model.classification_loss(tensor(0 * y - 1), tensor(logits)))
        )
        == 0.0
    )


def test_probabilities_and_classes(case):
    model = case.build()
    x, _ = case.data(steps=1)
    probabilities = model.class_probabilities(x, batch_size=3)
    np.testing.assert_allclose(probabilities.sum(-1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(model.classify(x), probabilities.argmax(-1))


def test_it_learns_from_few_labels(case):
    model = case.compiled()
    model.optimizer.learning_rate = 0.02
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 12 * BATCH).astype("int32")
    x = 3.0 * np.eye(5, dtype="float32")[y]
    x += rng.normal(size=x.shape).astype("float32") * 0.3
    some = np.where(rng.random(len(y)) < 0.3, y, -1).astype("int32")
    fit(model, (x, some), epochs=8)
    assert np.mean(model.classify(x) == y) > 0.95
