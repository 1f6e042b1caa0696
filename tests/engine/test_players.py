"""The optimizers of several players, behind one `model.optimizer`."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_gen
from keras_gen.engine import OptimizerGroup
from keras_gen.engine.players import assign_optimizers
from tests.engine.toys import (
    Game,
    Shared,
    Solo,
    array,
    arrays,
    compiled,
    dense,
    points,
)

SGD = keras.optimizers.SGD
X = points(8)


def group(**options):
    return OptimizerGroup({"first": SGD(0.1), "second": SGD(0.2)}, **options)


def rates(model):
    return {
        name: float(model.optimizer[name].learning_rate)
        for name in model.optimizer.keys()
    }


def play(model):
    """A step of which the second player's gradient is one of ones."""

    def step(batch):
        model.minimize("first", lambda: ops.mean(model.left(batch.x) ** 2))
        model.minimize("second", lambda: ops.mean(model.right(batch.x)))
        model.log(extra=1.0)

    return step


# ---- assign_optimizers ------------------------------------------------------


def test_one_setting_is_copied():
    given = SGD(0.3, momentum=0.9)
    made = assign_optimizers(given, {"a": None, "b": None}, False)
    assert list(made.keys()) == ["a", "b"]
    assert made["a"] is not made["b"] and made["a"] is not given
    for name in ("a", "b"):
        assert made[name].name == name
        assert made[name].momentum == 0.9


def test_an_only_player_keeps_the_object_it_was_given():
    given = SGD(0.3)
    assert assign_optimizers(given, {"a": None}, False)["a"] is given
    given.build([keras.Variable([1.0])])
    assert assign_optimizers(given, {"a": None}, False)["a"] is not given


@pytest.mark.parametrize(
    "setting",
    ["sgd", {"class_name": "SGD", "config": {"learning_rate": 0.5}}],
)
def test_names_and_configurations(setting):
    made = assign_optimizers(setting, {"a": None, "b": None}, False)
    assert all(isinstance(o, SGD) for o in made.optimizers)


def test_a_dictionary_may_mix_names_and_objects():
    made = assign_optimizers(
        {"b": SGD(0.5), "a": "adam"}, {"a": None, "b": None}, False
    )
    assert isinstance(made["a"], keras.optimizers.Adam)
    assert isinstance(made["b"], SGD)


@pytest.mark.parametrize("keys", [("a",), ("a", "b", "c"), ("a", "c")])
def test_wrong_names_are_an_error(keys):
    with pytest.raises(ValueError) as error:
        assign_optimizers(
            dict.fromkeys(keys, "sgd"), {"a": None, "b": None}, False
        )
    assert "['a', 'b']" in str(error.value)
    assert str(sorted(keys)) in str(error.value)


def test_one_object_for_two_players_is_an_error():
    shared = SGD(0.1)
    with pytest.raises(ValueError, match="optimizer object of its own"):
        assign_optimizers(
            {"a": shared, "b": shared}, {"a": None, "b": None}, False
        )


def test_defaults_and_groups_are_taken_as_they_are():
    defaults = {"a": SGD(0.1), "b": SGD(0.2)}
    made = assign_optimizers(None, defaults, False)
    again = assign_optimizers(made, dict.fromkeys("ab"), False)
    for name, optimizer in defaults.items():
        assert made[name] is optimizer and again[name] is optimizer


def test_losses_are_scaled_once():
    scaling = keras.optimizers.LossScaleOptimizer
    made = assign_optimizers(
        {"a": "sgd", "b": scaling(SGD(0.1))}, {"a": None, "b": None}, True
    )
    for optimizer in made.optimizers:
        assert type(optimizer) is scaling
        assert isinstance(optimizer.inner_optimizer, SGD)
    made = assign_optimizers("sgd", {"a": None}, False)
    assert isinstance(made["a"], SGD)


# ---- The group --------------------------------------------------------------


def test_unknown_players_are_named():
    with pytest.raises(KeyError, match="third.*first.*second"):
        group()["third"]


def test_a_group_has_no_rate_but_sets_all():
    optimizers = group()
    with pytest.raises(AttributeError, match=r"optimizer\[player\]"):
        _ = optimizers.learning_rate
    optimizers.learning_rate = 0.75
    for optimizer in optimizers.optimizers:
        assert float(optimizer.learning_rate) == 0.75


def test_a_single_player_has_a_rate():
    model = compiled(Solo(seed=0))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
    model.optimizer.learning_rate = model.optimizer.learning_rate * 0.5
    assert float(model.optimizer["model"].learning_rate) == pytest.approx(0.05)


def test_a_group_is_not_applied_as_a_whole():
    with pytest.raises(RuntimeError, match="minimize"):
        group().apply([])


def test_group_is_serialized():
    optimizers = group(name="pair")
    config = keras.saving.serialize_keras_object(optimizers)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is OptimizerGroup and copy.name == "pair"
    assert list(copy.keys()) == ["first", "second"]
    assert copy.get_config() == optimizers.get_config()
    assert float(copy["second"].learning_rate) == pytest.approx(0.2)


def test_variables_are_those_of_all_players():
    model = compiled(Game(), keras.optimizers.Adam())
    first, second = model.optimizer.optimizers
    expected = [*first.variables, *second.variables]
    assert len(model.optimizer.variables) == len(expected)
    for a, b in zip(model.optimizer.variables, expected, strict=True):
        assert a is b
    # The group keeps them as optimizer's state, not as weights of the model.
    weights = {id(v) for v in model.weights}
    assert not weights & {id(v) for v in expected}


def test_iterations_are_rounds():
    model = compiled(Game())
    for _ in range(3):
        model.minimize("first", lambda: ops.mean(model.left(X)))
    model.minimize("second", lambda: ops.mean(model.right(X)))
    assert int(model.optimizer["first"].iterations) == 3
    assert int(model.optimizer.iterations) == 1


def test_each_player_has_its_own_rate_and_clipping():
    model = compiled(
        Game(),
        {"first": SGD(1.0, clipnorm=0.01), "second": SGD(0.5)},
    )
    left, right = arrays(model.left.weights), arrays(model.right.weights)
    play(model)(type("Batch", (), {"x": X}))
    # Keras' clipnorm is the norm of each gradient by itself.
    for before, after in zip(left, arrays(model.left.weights), strict=True):
        np.testing.assert_allclose(
            np.linalg.norm(after - before), 0.01, rtol=1e-4
        )
    slopes = (X.mean(0)[:, None], np.ones(1))
    for before, after, slope in zip(
        right, arrays(model.right.weights), slopes, strict=True
    ):
        np.testing.assert_allclose(after, before - 0.5 * slope, rtol=1e-5)


def test_two_players_may_own_a_variable():
    """Each has slots of its own; both updates count."""
    model = Shared()
    compiled(
        model,
        {
            "first": SGD(0.1, momentum=0.5),
            "second": SGD(0.01, momentum=0.5),
        },
    )
    bias = model.network.weights[1]
    start = array(bias)
    for _ in range(2):
        for player in ("first", "second"):
            model.minimize(player, lambda: ops.sum(model.network(X[:1])))
    # A gradient of 1: velocities of -rate, then of -1.5 rate.
    np.testing.assert_allclose(
        array(bias), start - 2.5 * (0.1 + 0.01), rtol=1e-5
    )
    shared = [
        sum(v is mine for v in model.optimizer.player_variables(player))
        for player in model.players
        for mine in [bias]
    ]
    assert shared == [1, 1]


def test_shared_variables_survive_saving(tmp_path):
    def step(batch):
        for player in model.players:
            model.minimize(
                player,
                lambda: ops.mean(model.network(batch.x) * model.left(batch.x)),
            )

    model = Shared()
    compiled(model, keras.optimizers.Adam(0.1), step=step)
    model.fit(X, batch_size=4, verbose=0)
    model.save(tmp_path / "shared.keras")
    loaded = keras.saving.load_model(tmp_path / "shared.keras")
    for a, b in zip(
        [*model.variables, *model.optimizer.variables],
        [*loaded.variables, *loaded.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(array(a), array(b))
    for player in loaded.players:
        for a, b in zip(
            loaded.optimizer.player_variables(player),
            loaded.player_variables(player),
            strict=True,
        ):
            assert a is b


# ---- Keras' callbacks -------------------------------------------------------


def test_learning_rate_scheduler():
    model = Game()
    compiled(
        model,
        {"first": SGD(0.8), "second": SGD(0.4)},
        step=play(model),
    )
    history = model.fit(
        X,
        batch_size=8,
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        ],
    ).history
    assert rates(model) == pytest.approx({"first": 0.2, "second": 0.1})
    assert history["learning_rate_first"] == pytest.approx([0.4, 0.2])
    assert history["learning_rate_second"] == pytest.approx([0.2, 0.1])


def test_reduce_learning_rate_on_plateau():
    model = Game()
    compiled(
        model,
        {"first": SGD(0.8), "second": SGD(0.4)},
        step=play(model),
    )
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="extra", mode="min", factor=0.5, patience=1
    )
    model.fit(X, batch_size=8, epochs=3, verbose=0, callbacks=[callback])
    # `extra` stays at 1: no better in the second and in the third epoch.
    assert rates(model) == pytest.approx({"first": 0.2, "second": 0.1})


def test_schedules_count_the_updates_of_their_player():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [1], [0.5, 0.0625]
    )
    model = compiled(Game(), {"first": SGD(schedule), "second": SGD(0.1)})
    bias = model.left.weights[1]
    steps = []
    for _ in range(4):
        before = array(bias)
        model.minimize("first", lambda: ops.sum(model.left(X[:1])))
        steps.append(float((before - array(bias))[0]))
    assert steps == pytest.approx([0.5, 0.5, 0.0625, 0.0625], rel=1e-5)


def test_averages_of_an_optimizer_are_those_of_its_player():
    """`use_ema` overwrites the variables of one player, at the end of fit."""
    model = Game()
    compiled(
        model,
        {"first": SGD(0.5, use_ema=True), "second": SGD(0.5)},
        step=play(model),
    )
    right = arrays(model.right.weights)
    model.fit(X, batch_size=2, epochs=1, shuffle=False, verbose=0)
    averages = model.optimizer["first"]._model_variables_moving_average
    for variable, average in zip(model.left.weights, averages, strict=True):
        np.testing.assert_array_equal(array(variable), array(average))
    # Four steps of a gradient of 1.
    np.testing.assert_allclose(
        array(model.right.weights[1]), right[1] - 4 * 0.5, rtol=1e-5
    )


def test_compile_of_a_single_player_takes_any_optimizer():
    model = compiled(Solo(), "rmsprop")
    assert isinstance(model.optimizer["model"], keras.optimizers.RMSprop)
    assert model.loss_names == {"model": "loss"}
    assert Game().loss_names == {
        "first": "first_loss",
        "second": "second_loss",
    }


# ---- Optimizers that no file can hold ---------------------------------------


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that is not registered with Keras."""

    def __call__(self, step):
        return 0.5 ** ops.cast(step, "float32")


class OwnSGD(SGD):
    """A class that is not registered with Keras."""


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        (lambda: SGD(Halving()), 1.0),
        (lambda: SGD(lambda: 0.25), 0.25),
        (lambda: OwnSGD(0.125), 0.125),
        (lambda: keras.optimizers.LossScaleOptimizer(OwnSGD(Halving())), 1.0),
    ],
)
def test_schedules_functions_and_own_classes_are_copied(given, rate):
    made = assign_optimizers(given(), {"a": None, "b": None}, False)
    first, second = (getattr(o, "inner_optimizer", o) for o in made.optimizers)
    assert first is not second and type(first) is type(second)
    assert isinstance(first, SGD)
    assert float(first.learning_rate) == rate


def test_a_copy_excludes_the_same_variables_from_weight_decay():
    given = keras.optimizers.AdamW(0.1)
    given.exclude_from_weight_decay(var_names=["bias"])
    made = assign_optimizers(given, {"a": None, "b": None}, False)
    kernel, bias = (keras.Variable([1.0], name=n) for n in ("kernel", "bias"))
    for optimizer in made.optimizers:
        optimizer.build([kernel, bias])
        assert optimizer._use_weight_decay(kernel)
        assert not optimizer._use_weight_decay(bias)


def test_gradients_are_accumulated():
    """Two batches of a half make the update of the whole; by Adam's kernel
    too, which TensorFlow has."""
    weights = []
    for size, steps in ((8, None), (4, 2)):
        adam = keras.optimizers.Adam(0.1, gradient_accumulation_steps=steps)
        model = Solo(network=dense(kernel_initializer="ones"))

        def step(batch, model=model):
            model.minimize("model", lambda: ops.mean(model(batch.x) ** 2))

        compiled(model, adam, step=step)
        model.fit(X, batch_size=size, shuffle=False, verbose=0)
        weights.append(arrays(model.network.weights))
    for whole, parts in zip(*weights, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-5)
    assert not np.allclose(weights[0][0], 1.0)


def test_averages_of_weights_in_half_precision_over_several_fits():
    """On JAX, no array is both a variable and its average."""
    model = keras_gen.VAE(
        (6,), latent_dim=2, hidden_units=4, dtype="mixed_float16"
    )
    model.compile(keras.optimizers.Adam(use_ema=True))
    x = np.random.default_rng(0).random((8, 6), "float32")
    for _ in range(2):
        history = model.fit(x, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert int(model.steps_seen) == 2
