"""What a condition does to an adversarial model."""

import numpy as np
import pytest

from tests.contract.case import Case, all_cases

CONTRACT = {
    "projection_gan": Case(latent_dim=2, parts=2, unmoved={"critic": 1})
}


@pytest.fixture(scope="module")
def case():
    return all_cases()["projection_gan"]


def test_labels_condition_samples_and_scores(case):
    model = case.build()
    samples = [model.sample(4, labels=c, seed=0) for c in range(3)]
    assert not np.allclose(samples[0], samples[1])
    turn = model.sample(3, seed=0)
    each = model.sample(3, seed=0, labels=[0, 1, 2])
    np.testing.assert_array_equal(turn, each)
    scores = [model.discriminate(turn, labels=c) for c in range(3)]
    assert scores[0].shape == (3,) and not np.allclose(scores[0], scores[1])


def test_labels_are_served(case):
    signature = case.build().signatures()
    assert list(signature["serving_default"].inputs) == ["z", "labels"]
