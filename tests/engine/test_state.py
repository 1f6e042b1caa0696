"""State that a step changes lasts, wherever in the step it was changed."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.layers import BatchNormalization
from tests.engine.toys import Game, Solo, array, compiled, dense, points

X = points(8)


def normalizing(**options):
    return keras.Sequential(
        [keras.Input((2,)), BatchNormalization(**options), layers.Dense(1)]
    )


def drawn(model, count=1):
    """The next `count` draws of the model's seed, without advancing it."""
    twin = keras.random.SeedGenerator(0)
    twin.state.assign(array(model.noise_seed.state))
    return [array(keras.random.normal((3,), seed=twin)) for _ in range(count)]


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_state_changed_in_a_loss_lasts(run_eagerly):
    """Moving statistics, seeds, metrics and variables of the model."""
    model = Game(left=normalizing(momentum=0.75), seed=3)
    (first, second, third) = drawn(model, 3)

    def step(batch):
        def first_loss():
            noise = keras.random.normal((3,), seed=model.noise_seed)
            model.log(extra=ops.sum(noise))
            model.epochs_seen.assign_add(10)
            return ops.mean(model.left(batch.x, training=True)), noise

        _, noise = model.minimize("first", first_loss)
        between = keras.random.normal((3,), seed=model.noise_seed)

        def second_loss():
            last = keras.random.normal((3,), seed=model.noise_seed)
            model.log(extra=ops.sum(noise * between * last))
            return ops.mean(model.right(batch.x))

        model.minimize("second", second_loss)

    compiled(model, step=step, run_eagerly=run_eagerly)
    history = model.fit(X, batch_size=8, verbose=0).history
    norm = model.left.layers[0]
    np.testing.assert_allclose(
        array(norm.moving_mean), 0.25 * X.mean(0), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        array(norm.moving_variance), 0.75 + 0.25 * X.var(0), rtol=1e-5
    )
    # Ten of the step's own, one of the epoch's end.
    assert int(model.epochs_seen) == 11
    expected = (first.sum() + (first * second * third).sum()) / 2
    np.testing.assert_allclose(history["extra"][0], expected, rtol=1e-4)


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_state_changed_in_a_gradient_lasts(run_eagerly):
    model = Solo(network=normalizing(momentum=0.75), seed=3)
    (first, second) = drawn(model, 2)

    def step(batch):
        def noisy(x):
            noise = keras.random.normal((3,), seed=model.noise_seed)
            model.log(extra=ops.sum(noise))
            return model.network(x, training=True) * ops.sum(noise)

        def loss():
            return ops.mean(model.gradient(noisy, batch.x) ** 2)

        model.minimize("model", loss)
        model.gradient(noisy, batch.x)

    compiled(model, step=step, run_eagerly=run_eagerly)
    history = model.fit(X, batch_size=8, verbose=0).history
    norm = model.network.layers[0]
    # Two calls, each of which keeps three quarters.
    np.testing.assert_allclose(
        array(norm.moving_mean),
        (0.25 * 0.75 + 0.25) * X.mean(0),
        rtol=1e-5,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        history["extra"][0], (first.sum() + second.sum()) / 2, rtol=1e-4
    )
    np.testing.assert_array_equal(drawn(model)[0].shape, (3,))


def test_dropout_draws_again_in_each_update():
    network = keras.Sequential(
        [keras.Input((64,)), layers.Dropout(0.5, seed=1), layers.Dense(1)]
    )
    model = Solo(network=network, seed=0)

    def step(batch):
        masks = []
        for _ in range(2):

            def loss():
                y = network.layers[0](batch.x, training=True)
                return 0.0 * ops.mean(network(y)), ops.cast(y != 0, "float32")

            masks.append(model.minimize("model", loss)[1])
        model.log(extra=ops.mean(ops.abs(masks[0] - masks[1])))

    compiled(model, step=step)
    history = model.fit(np.ones((8, 64)), batch_size=8, epochs=2, verbose=0)
    # Two independent masks differ in half of the entries, 512 of them.
    for difference in history.history["extra"]:
        assert 0.35 < difference < 0.65
    assert history.history["extra"][0] != history.history["extra"][1]


def test_evaluation_keeps_weights_and_moves_seeds():
    model = Solo(network=normalizing(), seed=3)
    (first, second) = drawn(model, 2)

    def check(batch):
        noise = keras.random.normal((3,), seed=model.noise_seed)
        model.log(
            loss=ops.mean(model.network(batch.x, training=False)),
            extra=ops.sum(noise),
        )

    compiled(model, check=check)
    before = [array(v) for v in model.weights]
    for expected in (first, second):
        result = model.evaluate(X, batch_size=8, verbose=0, return_dict=True)
        np.testing.assert_allclose(result["extra"], expected.sum(), rtol=1e-5)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, array(new))


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_a_step_that_fails_leaves_the_model_as_it_was(method):
    model = Solo(network=normalizing(), seed=3)

    def step(batch):
        model.minimize("model", lambda: ops.mean(model.network(batch.x)))

    def check(batch):
        model.log(loss=ops.mean(model.network(batch.x)))

    compiled(model, keras.optimizers.Adam(), step=step, check=check)
    state = [*model.variables, *model.optimizer.variables]
    before = [array(v) for v in state]
    # PyTorch calls mismatched shapes a RuntimeError.
    with pytest.raises((ValueError, RuntimeError)):
        getattr(model, method)(np.ones((8, 3)), batch_size=4, verbose=0)
    for old, new in zip(before, state, strict=True):
        np.testing.assert_array_equal(old, array(new))
    model.fit(X, validation_data=(X,), batch_size=4, verbose=0)
    model.predict(X, verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_evaluation_logs_what_was_computed():
    """Not a silent zero."""
    model = Solo(network=dense())
    compiled(
        model,
        check=lambda batch: model.log(
            loss=ops.mean(model.network(batch.x)), extra=2.5
        ),
    )
    result = model.evaluate(X, batch_size=4, verbose=0, return_dict=True)
    kernel, bias = (array(v) for v in model.network.weights)
    np.testing.assert_allclose(
        result["loss"], np.mean(X @ kernel + bias), rtol=1e-5, atol=1e-7
    )
    assert result["extra"] == 2.5


def test_what_is_not_logged_is_named():
    model = compiled(Solo())
    with pytest.raises(KeyError, match="'surprise'.*'loss', 'extra'"):
        model.log(surprise=1.0)


def test_means_are_of_the_batches():
    model = Solo()

    def step(batch):
        model.log(extra=ops.mean(batch.x))
        model.minimize("model", lambda: 0.0 * ops.mean(model.network(batch.x)))

    compiled(model, step=step)
    x = np.repeat(np.float32([[1.0], [2.0], [6.0]]), [4, 4, 4], axis=0)
    history = model.fit(
        np.repeat(x, 2, axis=1),
        batch_size=4,
        epochs=2,
        shuffle=False,
        verbose=0,
    )
    # Each epoch starts afresh.
    assert history.history["extra"] == pytest.approx([3.0, 3.0])


def test_what_a_model_must_define_is_named():
    from keras_gen.engine import GenerativeModel

    class Empty(GenerativeModel):
        players = {"model": ["network"]}

    model = Empty()
    model.network = dense()
    with pytest.raises(NotImplementedError, match="Empty needs `data_spec`"):
        model.data_spec()
    with pytest.raises(NotImplementedError, match="no optimizers"):
        model.compile()
    model.compile("sgd")
    for step in (model.training_step, model.evaluation_step):
        with pytest.raises(NotImplementedError, match="needs `model_loss"):
            step(None)
    with pytest.raises(NotImplementedError, match="needs `signatures`"):
        model.signatures()


@pytest.mark.parametrize("name", ["loss", "metrics", "optimizer"])
def test_names_that_keras_sets_are_refused(name):
    from keras_gen.engine import GenerativeModel

    with pytest.raises(TypeError, match=f"must not define `{name}`"):
        type("Wrong", (GenerativeModel,), {name: lambda self: None})


if keras.backend.backend() == "jax":

    def test_values_between_steps_are_not_searched_for_layers():
        """And yet a callback sees the variables of the step before it."""
        model = Solo(seed=0)
        weight = model.network.weights[0]
        kinds, changed, before = set(), [], array(weight)

        class Look(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                state = model._jax_state
                kinds.update(map(type, (state, *state.values())))
                model.jax_state_sync()
                changed.append(float(np.abs(array(weight) - before).max()))

        def step(batch):
            model.minimize("model", lambda: ops.mean(model(batch.x)))

        compiled(model, step=step)
        model.fit(X, batch_size=4, verbose=0, callbacks=[Look()])
        assert kinds == {dict, list}
        assert 0.0 < changed[0] != changed[1]
