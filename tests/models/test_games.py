"""Which game the players of adversarial models play, and on which examples."""

import keras
import pytest

from keras_gen.models.adversarial import AdversarialModel
from tests.contract.case import all_cases, list_cases
from tests.numerics import array
from tests.translators import batch_of

ALTERNATIVES = {
    "gan": "minimax",
    "cgan": "minimax",
    "acgan": "minimax",
    "cogan": "minimax",
    "sngan": "non_saturating",
    "pix2pix": "least_squares",
}


def test_each_choice_of_an_objective_is_known_here():
    named = {
        case.key
        for case in list_cases(lambda case: not case.is_variant)
        if {"objective", "discriminator"} <= set(case.parameters)
    }
    assert named == set(ALTERNATIVES)


@pytest.mark.parametrize("key", ALTERNATIVES)
def test_the_objective_is_that_of_the_losses(key):
    """The same networks, examples and noise: other losses."""
    case, losses = all_cases()[key], []
    for options in ({}, {"objective": ALTERNATIVES[key]}):
        model = case.build(**options)
        for player in model.players:
            loss = model.player_loss(player, batch_of(model, 6), training=False)
            losses.append((player, float(array(loss))))
    differ = {
        a[0]: a[1] != b[1] for a, b in zip(losses[:2], losses[2:], strict=True)
    }
    assert differ["generator"]
    # The minimax game is another one for the generator alone.
    assert differ["discriminator"] == (ALTERNATIVES[key] != "minimax")


@pytest.mark.parametrize(
    "key",
    [
        case.key
        for case in list_cases(lambda case: not case.is_variant)
        if issubclass(case.cls, AdversarialModel)
    ],
)
def test_all_updates_are_of_batches_of_one_size(key, monkeypatch):
    """The generator learns from as many examples as each other update."""
    model = all_cases()[key].build()
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    sizes, minimize = {}, model.minimize

    def spy(player, batch, **options):
        if not callable(batch):
            first = keras.tree.flatten(batch)[0]
            sizes.setdefault(player, set()).add(first.shape[0])
        return minimize(player, batch, **options)

    monkeypatch.setattr(model, "minimize", spy)
    parts = max(getattr(model, "batch_parts", 1), 1)
    model.training_step(batch_of(model, 4 * parts))
    assert set(sizes) == set(model.players)
    assert set.union(*sizes.values()) == {4}
