"""The compiled step on PyTorch: the numbers, the state, the graphs."""

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch._dynamo.utils import counters

from keras_gen.layers import BatchNormalization
from tests.engine.toys import Game, Solo, array, compiled, dense, points

X = points(8)


def drawing_step(model):
    """A step with every kind of draw, two players and second derivatives."""

    def step(batch):
        seed = model.noise_seed
        shape = (8, 2)
        draws = [
            keras.random.normal(shape, mean=0.5, stddev=2.0, seed=seed),
            keras.random.uniform(shape, -1.0, 3.0, seed=seed),
            keras.random.randint(shape, 2, 9, seed=seed),
            keras.random.shuffle(batch.x, seed=seed),
            keras.random.categorical(ops.log([[0.2, 0.8]] * 8), 2, seed=seed),
            keras.random.dropout(batch.x, 0.5, seed=seed),
        ]
        noise = sum(
            (i + 1.0) * ops.cast(draw, "float32")
            for i, draw in enumerate(draws)
        )

        def first_loss():
            slopes = model.gradient(
                lambda x: model.left(x, training=True), noise
            )
            return ops.mean(slopes**2) + ops.mean(model.left(batch.x))

        model.minimize("first", first_loss)
        model.minimize("second", lambda: ops.mean(model.right(noise) ** 2))
        model.log(extra=ops.sum(noise))

    return step


def game():
    keras.utils.set_random_seed(0)
    left = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(3, activation="tanh"),
            BatchNormalization(),
            layers.Dense(1),
        ]
    )
    return Game(left=left, right=dense(), seed=0)


def test_compiled_steps_draw_and_learn_as_uncompiled_ones():
    counters.clear()
    results = []
    for jit_compile in (False, True):
        model = game()
        compiled(
            model,
            keras.optimizers.Adam(0.01, epsilon=1e-3),
            step=drawing_step(model),
            jit_compile=jit_compile,
        )
        history = model.fit(
            np.tile(X, (2, 1)), batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        state = [
            array(v) for v in [*model.variables, *model.optimizer.variables]
        ]
        results.append((history, state))
    assert len(model._compiled_step.graphs) == 1
    assert counters["stats"]["unique_graphs"] == 1
    (history, state), (compiled_history, compiled_state) = results
    for name, values in history.items():
        np.testing.assert_allclose(compiled_history[name], values, rtol=1e-4)
    # Each epoch has its own draws.
    assert history["extra"][0] != history["extra"][1]
    for a, b in zip(compiled_state, state, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_variable_can_take_the_value_of_another():
    """Of one that changes later in the step, and of each other."""
    model = Game()
    weight = model.left.trainable_variables[0]
    held, a, b = (
        model.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(value),
            trainable=False,
        )
        for shape, value in ((weight.shape, 0.0), ((3,), 1.0), ((3,), 2.0))
    )

    def step(batch):
        held.assign(weight.value)
        first, second = a.value, b.value
        a.assign(second)
        b.assign(first)
        model.minimize("first", lambda: ops.mean(model.left(batch.x) ** 2))

    compiled(model, step=step, jit_compile=True)
    for expected in ((2.0, 1.0), (1.0, 2.0)):
        before = array(weight).copy()
        model.fit(X, batch_size=8, verbose=0)
        np.testing.assert_array_equal(array(held), before)
        assert np.abs(array(weight) - before).max() > 1e-3
        np.testing.assert_array_equal(array(a), expected[0])
        np.testing.assert_array_equal(array(b), expected[1])


def test_each_shape_that_recurs_has_its_graph():
    model = Solo()

    def step(batch):
        model.minimize("model", lambda: ops.mean(model.network(batch.x) ** 2))

    compiled(model, step=step, jit_compile=True)
    model.fit(X[:5], batch_size=4, shuffle=False, verbose=0)
    graphs = model._compiled_step.graphs
    assert [shapes[0][0] for shapes in graphs] == [(4, 2)]
    model.fit(X[:6], batch_size=1, shuffle=False, verbose=0)
    assert [shapes[0][0] for shapes in graphs] == [(4, 2), (1, 2)]
    assert int(model.optimizer.iterations) == 8


@pytest.mark.parametrize("name", ["binomial", "gamma"])
def test_a_draw_that_cannot_be_compiled_is_an_error(name):
    model = Solo()

    def step(batch):
        draws = {
            "binomial": lambda seed: keras.random.binomial(
                (), 5, 0.5, seed=seed
            ),
            "gamma": lambda seed: keras.random.gamma((), 2.0, seed=seed),
        }
        noise = draws[name](model.noise_seed)
        model.minimize(
            "model", lambda: noise * ops.mean(model.network(batch.x))
        )

    compiled(model, step=step, jit_compile=True)
    with pytest.raises(RuntimeError, match=f"`{name}`.*jit_compile=False"):
        model.fit(X, batch_size=8, verbose=0)


def test_nothing_is_compiled_unless_asked_for():
    model = Solo()
    calls = []

    def step(batch):
        calls.append(1)
        model.minimize("model", lambda: ops.mean(model.network(batch.x) ** 2))

    for options in ({}, {"jit_compile": True, "run_eagerly": True}):
        compiled(model, step=step, **options)
        calls.clear()
        model.fit(X, batch_size=4, verbose=0)
        assert model._compiled_step is None
        assert len(calls) == 2


def test_evaluation_records_no_gradients():
    model = Solo()
    recording = []

    def check(batch):
        recording.append(torch.is_grad_enabled())
        model.log(loss=ops.mean(model.network(batch.x)))

    compiled(model, check=check, jit_compile=True)
    model.evaluate(X, batch_size=8, verbose=0)
    assert recording == [False]


def test_the_last_smaller_batch_is_not_compiled_until_it_recurs():
    model = compiled(
        Game(left=dense(), right=dense(), seed=0), "sgd", jit_compile=True
    )

    def step(batch):
        model.minimize("first", lambda: ops.mean(model.left(batch.x) ** 2))
        model.minimize("second", lambda: ops.mean(model.right(batch.x) ** 2))

    model.step = step
    x = points(20)
    before = array(model.left.layers[-1].kernel)
    model.fit(x, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert len(model._compiled_step.graphs) == 1
    assert int(model.optimizer["first"].iterations) == 6
    jit = array(model.left.layers[-1].kernel)
    model.left.layers[-1].kernel.assign(before)
    model.left.layers[-1].bias.assign(np.zeros(1))
    model.run_eagerly = True
    model.make_train_function(force=True)
    model.fit(x, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        array(model.left.layers[-1].kernel), jit, rtol=1e-5
    )
    model.run_eagerly = False
    model.make_train_function(force=True)
    model.fit(x, batch_size=4, verbose=0)
    assert len(model._compiled_step.graphs) == 1
