"""Two steps of `fit`: who changes what, what is logged, what is kept."""

import keras
import numpy as np
import pytest

from tests.contract.helpers import (
    BATCH,
    arrays,
    assert_finite,
    assert_identical,
    compiled,
    data_of,
    fit,
    inputs_of,
)
from tests.contract.settings import SETTINGS


@pytest.fixture(scope="module")
def trained(case):
    """A model after one epoch of two steps, and that epoch's history."""
    model = compiled(case)
    history = fit(model, data_of(case), validation_data=data_of(case, seed=1))
    return model, history


def test_fit_logs_every_loss_and_its_validation(trained):
    model, history = trained
    names = {*model.loss_names.values(), *model.logged}
    assert set(history) == names | {f"val_{name}" for name in names}
    for name, values in history.items():
        assert len(values) == 1, name
        assert_finite(values)


def test_every_player_makes_its_updates(case, trained):
    model, _ = trained
    for player in model.players:
        made = int(model.optimizer[player].iterations)
        assert made == 2 * SETTINGS[case].updates.get(player, 1), player
    last = list(model.players)[-1]
    assert int(model.optimizer.iterations) == int(
        model.optimizer[last].iterations
    )


def test_every_variable_that_moves_has_used_its_slots(case, trained):
    model, _ = trained
    for player in model.players:
        optimizer = model.optimizer[player]
        slots = arrays(v for v in optimizer.variables if len(v.shape))
        idle = sum(not np.any(slot) for slot in slots)
        per_variable = len(slots) // len(model.player_variables(player))
        still = SETTINGS[case].unmoved.get(player, 0)
        assert idle <= still * per_variable


def test_weights_stay_finite(trained):
    model, _ = trained
    assert_finite(arrays(model.weights))
    assert_finite(arrays(model.optimizer.variables))


def test_evaluate_logs_the_same_names_and_changes_nothing(case, trained):
    model, history = trained
    before = arrays([*model.weights, *model.optimizer.variables])
    result = model.evaluate(
        *data_of(case, seed=1), batch_size=BATCH, verbose=0, return_dict=True
    )
    after = arrays([*model.weights, *model.optimizer.variables])
    assert_identical(before, after)
    assert set(result) == {
        name for name in history if not name.startswith("val_")
    }
    assert_finite(result.values())


def test_predict_is_the_call_in_batches(case, trained):
    model, _ = trained
    inputs = inputs_of(case, n=5)
    predicted = keras.tree.flatten(
        model.predict(inputs, batch_size=3, verbose=0)
    )
    called = keras.tree.flatten(model(inputs))
    for left, right in zip(predicted, called, strict=True):
        assert left.shape[0] == 5
        assert_finite([left])
        np.testing.assert_allclose(
            left, keras.ops.convert_to_numpy(right), rtol=1e-4, atol=1e-6
        )


def test_epochs_are_counted(case):
    model = compiled(case)
    fit(model, data_of(case, steps=1), epochs=2)
    fit(model, data_of(case, steps=1))
    assert int(model.epochs_seen) == 3


def test_history_holds_the_mean_over_the_batches(case):
    """Two steps in one epoch log the mean of what they log one by one."""
    data = data_of(case)
    together = fit(compiled(case), data)
    model = compiled(case)
    single = []
    for start in (0, BATCH):
        part = [x[start : start + BATCH] for x in data]
        single.append(fit(model, part))
        # A schedule over the epochs would otherwise move on.
        model.epochs_seen.assign(0)
    for name, (value,) in together.items():
        expected = (single[0][name][0] + single[1][name][0]) / 2
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_a_player_changes_its_own_variables_alone(case):
    settings = SETTINGS[case]
    for player in compiled(case).players:
        model = compiled(case, "sgd")
        for name, optimizer in zip(
            model.players, model.optimizer.optimizers, strict=True
        ):
            optimizer.learning_rate = 0.01 if name == player else 0.0
        own = model.player_variables(player)
        others = [
            v
            for v in model.trainable_variables
            if all(v is not mine for mine in own)
        ]
        own_before, others_before = arrays(own), arrays(others)
        fit(model, data_of(case))
        assert_identical(others_before, arrays(others))
        unmoved = [
            variable.path
            for variable, before in zip(own, own_before, strict=True)
            if np.array_equal(before, arrays([variable])[0])
        ]
        expected = settings.unmoved.get(player, 0)
        assert len(unmoved) == expected, (player, unmoved)
