"""What algorithms of several phases are made of, by closed forms."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.layers import AdditiveNoise
from keras_gen.schedules import Schedule
from tests.engine.toys import Game, Solo, array, arrays, compiled, dense, points

X = points(4)
modes = pytest.mark.parametrize("run_eagerly", [True, False])


def linear(model, kernel, bias=0.0):
    layer = model.layers[-1]
    layer.set_weights([np.reshape(kernel, layer.kernel.shape), [bias]])


def square(network):
    """Half the mean square of a network's outputs, and its gradients."""
    kernel, bias = (np.copy(w) for w in network.get_weights())
    outputs = X @ kernel + bias
    gradients = [X.T @ outputs / len(X), outputs.mean(0)]
    return (
        lambda part=X: 0.5 * ops.mean(ops.square(network(part))),
        gradients,
        [kernel, bias],
    )


def run(model, step, x=X, **options):
    """One step of `fit` on all examples."""
    model.step = step
    options = {"batch_size": len(x), "shuffle": False, "verbose": 0, **options}
    return model.fit(x, **options)


# ---- minimize(variables=, over=) ---------------------------------------------


@modes
def test_variables_alone_are_updated(run_eagerly):
    model = compiled(Solo(), run_eagerly=run_eagerly)
    _, gradients, (kernel, bias) = square(model.network)
    chosen = model.network.layers[-1].bias
    run(
        model,
        lambda batch: model.minimize(
            "model",
            lambda: 0.5 * ops.mean(ops.square(model.network(batch.x))),
            variables=[chosen],
        ),
    )
    found_kernel, found_bias = model.network.get_weights()
    np.testing.assert_array_equal(found_kernel, kernel)
    np.testing.assert_allclose(found_bias, bias - 0.1 * gradients[1], rtol=1e-5)


@modes
def test_over_parts_the_mean_gradient_is_applied_once(run_eagerly):
    model = compiled(Solo(), run_eagerly=run_eagerly)
    _, gradients, weights = square(model.network)
    seen = []

    def step(batch):
        def loss(part):
            outputs = model.network(part.x)
            return 0.5 * ops.mean(ops.square(outputs)), ops.sum(outputs)

        _, sums = model.minimize("model", loss, over=model.split(batch, 2))
        seen.append(len(sums))
        model.log(extra=sums[0] + sums[1])

    outputs = X @ weights[0] + weights[1]
    history = run(model, step).history
    for found, weight, gradient in zip(
        model.network.get_weights(), weights, gradients, strict=True
    ):
        np.testing.assert_allclose(found, weight - 0.1 * gradient, rtol=1e-4)
    assert int(model.optimizer.iterations) == 1
    assert set(seen) == {2}
    expected = 0.5 * np.mean(outputs**2)
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-5)
    np.testing.assert_allclose(history["extra"], [outputs.sum()], rtol=1e-4)


# ---- frozen ------------------------------------------------------------------


@modes
def test_gradients_pass_through_frozen_networks_alone(run_eagerly):
    """`y = w2 w1 x`, both of one player, with `w2` frozen."""
    first, second = (dense(inputs=1, use_bias=False) for _ in range(2))
    both = keras.Sequential([first, second])
    model = compiled(Solo(network=both), run_eagerly=run_eagerly)
    first.set_weights([np.array([[1.5]])])
    second.set_weights([np.array([[-2.0]])])
    x = X[:, :1]

    def step(batch):
        def loss():
            with model.frozen(second):
                outputs = second(first(batch.x))
            return ops.mean(ops.square(outputs))

        model.minimize("model", loss)

    run(model, step, x)
    gradient = 2 * 1.5 * 4.0 * np.mean(x**2)
    np.testing.assert_allclose(
        first.get_weights()[0], [[1.5 - 0.1 * gradient]], rtol=1e-4
    )
    np.testing.assert_array_equal(second.get_weights()[0], [[-2.0]])


def test_statistics_of_frozen_networks_move():
    normalized = keras.Sequential(
        [keras.Input((2,)), layers.BatchNormalization(momentum=0.5)]
    )
    model = compiled(Solo(network=normalized))

    def step(batch):
        def loss():
            with model.frozen(normalized):
                return ops.mean(normalized(batch.x, training=True))

        model.minimize("model", loss)

    gamma, beta = arrays(normalized.trainable_variables)
    run(model, step)
    np.testing.assert_array_equal(
        arrays(normalized.trainable_variables), [gamma, beta]
    )
    moving_mean = normalized.layers[-1].moving_mean
    np.testing.assert_allclose(array(moving_mean), X.mean(0) / 2, rtol=1e-4)


@modes
def test_fixed_statistics_stay_while_seeds_move_on(run_eagerly):
    normalization = layers.BatchNormalization(momentum=0.5)
    network = keras.Sequential(
        [keras.Input((2,)), normalization, AdditiveNoise(1.0)]
    )
    model = compiled(Solo(network=network), run_eagerly=run_eagerly)

    def step(batch):
        def loss():
            network(batch.x, training=True)
            with model.fixed_statistics(network):
                network(batch.x, training=True)
                return ops.sum(network(3.0 * batch.x, training=True) ** 2)

        model.minimize("model", loss)

    seeds = [v for v in network.non_trainable_variables if "seed" in v.path]
    before = arrays(seeds)
    gamma = array(normalization.gamma)
    run(model, step)
    np.testing.assert_allclose(
        array(normalization.moving_mean), X.mean(0) / 2, rtol=1e-4
    )
    # One count for each of three draws.
    np.testing.assert_array_equal(
        np.stack(arrays(seeds)) - before, [[0, 3]] * len(seeds)
    )
    assert np.abs(array(normalization.gamma) - gamma).min() > 1e-3


# ---- when --------------------------------------------------------------------


@modes
def test_every_second_step_updates(run_eagerly):
    """Also the count of updates, the moments and what the loss logs."""
    model = compiled(
        Game(), keras.optimizers.SGD(0.1, momentum=0.9), run_eagerly=run_eagerly
    )
    starts = [square(network)[2] for network in (model.left, model.right)]

    def half_square(network, batch):
        return lambda: 0.5 * ops.mean(ops.square(network(batch.x)))

    def step(batch):
        model.minimize("first", half_square(model.left, batch))
        model.when(
            model.steps_seen.value % 2 == 1,
            lambda: model.minimize("second", half_square(model.right, batch)),
        )

    run(model, step, epochs=4)
    for network, (kernel, bias), updates in zip(
        (model.left, model.right), starts, (4, 2), strict=True
    ):
        velocities = [np.zeros_like(kernel), np.zeros_like(bias)]
        for _ in range(updates):
            outputs = X @ kernel + bias
            gradients = [X.T @ outputs / len(X), outputs.mean(0)]
            velocities = [
                0.9 * v - 0.1 * g
                for v, g in zip(velocities, gradients, strict=True)
            ]
            kernel, bias = kernel + velocities[0], bias + velocities[1]
        found = network.get_weights()
        np.testing.assert_allclose(found[0], kernel, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found[1], bias, rtol=1e-4, atol=1e-6)
    counts = [int(o.iterations) for o in model.optimizer.optimizers]
    assert counts == [4, 2]


def test_means_are_of_the_steps_that_log():
    model = compiled(Solo())

    def step(batch):
        model.when(
            model.steps_seen.value >= 2,
            lambda: model.log(extra=ops.sum(batch.x)),
        )

    history = run(model, step, batch_size=1).history
    np.testing.assert_allclose(
        history["extra"], [X[2:].sum(1).mean()], rtol=1e-4
    )


# ---- Counters and schedules --------------------------------------------------


@modes
def test_counters_and_what_follows_them(run_eagerly):
    model = compiled(Solo(), run_eagerly=run_eagerly)
    by_step = Schedule(0.0, 8.0, over=8, unit="steps")
    by_example = Schedule(1.0, 0.0, over=16, unit="examples")
    by_epoch = Schedule(0.0, 2.0, over=2)

    def step(batch):
        model.minimize("model", lambda: ops.mean(model.network(batch.x)))
        model.log(
            extra=100.0 * model.scheduled(by_epoch)
            + model.scheduled(by_step)
            + model.scheduled(by_example)
            + model.scheduled(1000.0)
        )

    history = run(model, step, batch_size=2, epochs=2).history["extra"]
    steps, examples = np.arange(4), 2 * np.arange(4)
    epochs = np.array([0, 0, 1, 1])
    values = 1000 + 100 * epochs + steps + 1 - examples / 16
    np.testing.assert_allclose(
        history, [values[:2].mean(), values[2:].mean()], rtol=1e-6
    )
    counters = (model.epochs_seen, model.steps_seen, model.examples_seen)
    assert [int(counter) for counter in counters] == [2, 4, 8]


# ---- Phases ------------------------------------------------------------------


class Phased(Solo):
    """Multiplies by a constant of the epoch; forgets moments at the second."""

    factor = 0

    def begin_epoch(self):
        epoch = int(array(self.epochs_seen))
        self.specialize(factor=10**epoch)
        if epoch == 1:
            self.optimizer.reset()


@modes
def test_steps_are_compiled_for_the_constants_of_their_epoch(run_eagerly):
    model = compiled(
        Phased(), keras.optimizers.Adam(0.01), run_eagerly=run_eagerly
    )

    def step(batch):
        model.minimize("model", lambda: ops.mean(model.network(batch.x)))
        model.log(extra=float(model.factor))

    history = run(model, step, batch_size=2, epochs=3).history["extra"]
    np.testing.assert_allclose(history, [1.0, 10.0, 100.0])
    # Since the reset before the second of three epochs of two steps.
    assert int(model.optimizer.iterations) == 4
    assert float(array(model.optimizer["model"].learning_rate)) == (
        pytest.approx(0.01)
    )


def test_a_reset_optimizer_takes_its_first_step_again():
    """Adam's first step is the rate, whatever the gradient's size."""
    model = compiled(Solo(), keras.optimizers.Adam(0.01, epsilon=0.0))

    def step(batch):
        model.minimize("model", lambda: ops.sum(model.network(batch.x)))

    run(model, step, epochs=3)
    model.optimizer.reset()
    before = model.network.get_weights()
    run(model, step, -100.0 * X)
    gradients = [-100.0 * X.sum(0)[:, None], np.array([4.0])]
    for old, new, gradient in zip(
        before, model.network.get_weights(), gradients, strict=True
    ):
        np.testing.assert_allclose(
            new - old, -0.01 * np.sign(gradient), rtol=1e-3
        )


def test_held_out_data_are_evaluated_with_the_last_value_of_a_schedule():
    """So that `val_loss` does not rise with a weight that grows."""
    model = Solo()
    ramp = Schedule(0.0, 1.0, over=4)

    def loss(batch):
        return model.scheduled(ramp) * (1.0 + 0.0 * ops.sum(batch.x))

    def step(batch):
        model.minimize(
            "model", lambda: loss(batch) + 0.0 * ops.sum(model.network(batch.x))
        )
        model.log(extra=loss(batch))

    compiled(model, step=step, check=lambda batch: model.log(extra=loss(batch)))
    x = np.ones((4, 2), "float32")
    history = model.fit(x, validation_data=(x,), epochs=3, verbose=0).history
    np.testing.assert_allclose(history["extra"], [0.0, 0.25, 0.5], atol=1e-6)
    np.testing.assert_allclose(history["val_extra"], [1.0] * 3)
