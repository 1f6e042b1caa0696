"""Two steps of `fit`: who changes what, what is logged, what is kept."""

import keras
import numpy as np

from tests.contract.case import BATCH
from tests.contract.helpers import (
    arrays,
    assert_finite,
    assert_identical,
    fit,
    state_of,
    trained,
)


def test_fit_logs_every_loss_and_its_validation(plain_case):
    model, history, _ = trained(plain_case)
    names = {*model.loss_names.values(), *model.logged}
    assert set(history) == names | {f"val_{name}" for name in names}
    for name, values in history.items():
        assert len(values) == 1, name
        assert_finite(values)


def test_every_player_makes_its_updates(plain_case):
    model, _, _ = trained(plain_case)
    for player in model.players:
        made = int(model.optimizer[player].iterations)
        assert made == plain_case.updates_in_two_steps(player), player
    last = list(model.players)[-1]
    assert int(model.optimizer.iterations) == int(
        model.optimizer[last].iterations
    )


def test_every_variable_that_moves_has_used_its_slots(plain_case):
    model, _, _ = trained(plain_case)
    for player in model.players:
        optimizer = model.optimizer[player]
        slots = arrays(v for v in optimizer.variables if len(v.shape))
        idle = sum(not np.any(slot) for slot in slots)
        per_variable = len(slots) // len(model.player_variables(player))
        assert idle <= plain_case.unmoved.get(player, 0) * per_variable


def test_everything_stays_finite_and_is_counted(plain_case):
    model, _, state = trained(plain_case)
    assert_finite(state)
    assert int(model.epochs_seen) == 1
    assert int(model.steps_seen) == 2
    assert int(model.examples_seen) == 2 * BATCH


def test_evaluate_logs_the_same_names_and_changes_nothing(plain_case):
    model, history, _ = trained(plain_case)
    before = arrays([*model.weights, *model.optimizer.variables])
    result = model.evaluate(
        *plain_case.data(seed=1), batch_size=BATCH, verbose=0, return_dict=True
    )
    after = arrays([*model.weights, *model.optimizer.variables])
    assert_identical(before, after)
    assert set(result) == {
        name for name in history if not name.startswith("val_")
    }
    assert_finite(result.values())


def test_predict_is_the_call_in_batches(plain_case):
    model, _, _ = trained(plain_case)
    inputs = plain_case.inputs(n=5)
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


def test_scores_are_of_each_example_alone(plain_case):
    """Neither noise nor the other examples of a batch change them."""
    model, _, _ = trained(plain_case)
    rng = np.random.default_rng(0)
    x, y = model.data_spec().x, model.data_spec().y
    calls = {}
    if hasattr(model, "discriminate"):
        calls["discriminate"] = [x.draw(rng, 5)], {}
        if isinstance(model.example_shape[0], tuple):
            # An example is of several domains.
            calls["discriminate"] = [(x.draw(rng, 5), y.draw(rng, 5))], {}
        elif model.condition is not None:
            labels = {"labels": model.condition.draw(rng, 5)}
            calls["discriminate"] = [x.draw(rng, 5)], labels
    if "classify" in model.signatures():
        calls["class_probabilities"] = [x.draw(rng, 5)], {}
    for name, (given, labels) in calls.items():
        together, apart = (
            keras.tree.flatten(
                getattr(model, name)(*given, batch_size=size, **labels)
            )
            for size in (5, 2)
        )
        for left, right in zip(together, apart, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


def test_a_player_changes_its_own_variables_alone(class_case):
    """One model, whose other players have the learning rate 0."""
    model = class_case.compiled("sgd")
    for player in model.players:
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
        history = fit(model, class_case.data())
        if player == next(iter(model.players)):
            for name in model.players:
                made = int(model.optimizer[name].iterations)
                assert made == class_case.updates_in_two_steps(name), name
        assert set(history) == {*model.loss_names.values(), *model.logged}
        assert_finite(history.values())
        assert_identical(others_before, arrays(others))
        unmoved = [
            variable.path
            for variable, before in zip(own, own_before, strict=True)
            if np.array_equal(before, arrays([variable])[0])
        ]
        expected = class_case.unmoved.get(player, 0)
        assert len(unmoved) == expected, (player, unmoved)


def test_the_shared_model_is_left_as_it_was(plain_case):
    """The last of these tests: none of the others has trained it."""
    model, _, state = trained(plain_case)
    weights = len(model.weights)
    assert_identical(arrays(model.weights), arrays(model.weights)[:weights])
    assert [a.shape for a in state] == [a.shape for a in state_of(model)]
    for before, after, variable in zip(
        state, state_of(model), model.variables, strict=False
    ):
        # Evaluation and sampling draw from the model's seeds.
        if "seed_generator_state" not in variable.path:
            np.testing.assert_array_equal(before, after, variable.path)


class OwnSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that Keras does not know."""

    def __call__(self, step):
        return 1e-3

    def get_config(self):
        return {}


class OwnAdam(keras.optimizers.Adam):
    """An optimizer that Keras does not know."""


def test_constant_data_an_optimizer_of_the_users_own_and_nan(swept_case):
    """What is the same in all examples lets no variance vanish.

    And `TerminateOnNaN` stops a model whose last player alone has gone wrong.
    """
    model = swept_case.compiled(OwnAdam(OwnSchedule()))
    for player in model.players:
        optimizer = model.optimizer[player]
        assert type(optimizer) is OwnAdam
        assert type(optimizer._learning_rate) is OwnSchedule
    x, *rest = swept_case.data()
    low, _ = getattr(model, "value_range", None) or (0.0, 1.0)
    x = keras.tree.map_structure(lambda part: np.full_like(part, low), x)
    assert_finite(fit(model, (x, *rest)).values())
    assert_finite(arrays(model.trainable_variables))
    last = list(model.players)[-1]
    for variable in model.player_variables(last):
        variable.assign(keras.ops.full(variable.shape, np.nan, variable.dtype))
    stop = keras.callbacks.TerminateOnNaN()
    history = fit(model, (x, *rest), epochs=3, callbacks=[stop])
    assert {len(values) for values in history.values()} == {1}
