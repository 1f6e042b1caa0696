"""Traced and compiled steps on PyTorch: the numbers, state, graphs."""

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch._dynamo.utils import counters
from torch.fx.experimental.proxy_tensor import make_fx

from keras_gen.backend import torch_tracing
from keras_gen.backend.torch_graphs import simplify
from keras_gen.layers import BatchNormalization
from tests.engine.toys import Game, Solo, array, compiled, dense, points

X = points(8)
# How a step is run, by the arguments of `compile`.
MODES = {"traced": {}, "compiled": {"jit_compile": True}}


@pytest.fixture
def traced_at_once(monkeypatch):
    monkeypatch.setattr(torch_tracing, "EAGER_STEPS", 0)


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


def state_of(model):
    return [array(v) for v in [*model.variables, *model.optimizer.variables]]


def test_steps_draw_and_learn_as_eager_ones(traced_at_once):
    counters.clear()
    results = []
    for options in ({"run_eagerly": True}, *MODES.values()):
        model = game()
        compiled(
            model,
            keras.optimizers.Adam(0.01, epsilon=1e-3),
            step=drawing_step(model),
            **options,
        )
        history = model.fit(
            np.tile(X, (2, 1)), batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        results.append((history, state_of(model)))
        if "run_eagerly" in options:
            assert model._traced_step is None
        else:
            assert len(model._traced_step.graphs) == 1
    assert counters["stats"]["unique_graphs"] == 1
    (history, state), traced, jit = results
    # The same operations in the same order: the same bits.
    assert traced[0] == history
    for a, b in zip(traced[1], state, strict=True):
        np.testing.assert_array_equal(a, b)
    for name, values in history.items():
        np.testing.assert_allclose(jit[0][name], values, rtol=1e-4)
    for a, b in zip(jit[1], state, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    # Each epoch has its own draws.
    assert history["extra"][0] != history["extra"][1]


@pytest.mark.parametrize("mode", MODES)
def test_a_variable_can_take_the_value_of_another(mode, traced_at_once):
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

    compiled(model, step=step, **MODES[mode])
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
    graphs = model._traced_step.graphs
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


def counting(model):
    """A step, and the sizes of the batches with which it was called."""
    calls = []

    def step(batch):
        calls.append(len(batch.x))
        model.minimize("model", lambda: ops.mean(model.network(batch.x) ** 2))

    return step, calls


def test_steps_are_eager_if_asked_for():
    model = Solo()
    step, calls = counting(model)
    compiled(model, step=step, jit_compile=True, run_eagerly=True)
    model.fit(X, batch_size=4, verbose=0)
    assert model._traced_step is None
    assert calls == [4, 4]


def test_a_shape_is_traced_when_it_has_come_often(monkeypatch):
    monkeypatch.setattr(torch_tracing, "EAGER_STEPS", 3)
    counters.clear()
    model = Solo()
    step, calls = counting(model)
    compiled(model, step=step)
    model.fit(points(10), batch_size=4, epochs=5, shuffle=False, verbose=0)
    # Three batches of each size run eagerly, and one call traces.
    assert calls == [4, 4, 2, 4, 4, 2, 2, 2]
    assert int(model.optimizer.iterations) == 15
    assert counters["stats"]["unique_graphs"] == 0


def test_a_batch_without_labels_is_traced(traced_at_once):
    model = Solo()
    step, calls = counting(model)
    compiled(model, step=step)
    for _ in range(2):
        model.train_on_batch(X)
    assert calls == [8]
    assert int(model.optimizer.iterations) == 2


def test_a_step_that_cannot_be_traced_runs_eagerly(traced_at_once, recwarn):
    results = []
    for options in ({"run_eagerly": True}, {}):
        keras.utils.set_random_seed(0)
        model = Solo(seed=0)

        def step(batch, model=model):
            noise = keras.random.gamma((), 2.0, seed=model.noise_seed)
            model.minimize(
                "model", lambda: noise * ops.mean(model.network(batch.x))
            )

        compiled(model, step=step, **options)
        model.fit(X, batch_size=4, epochs=2, shuffle=False, verbose=0)
        results.append(state_of(model))
        warned = [str(w.message) for w in recwarn if w.category is UserWarning]
        assert len(warned) == (not options.get("run_eagerly", False))
    assert warned[0].startswith("The training step of Solo cannot be traced")
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mode", MODES)
def test_scaled_losses(mode, traced_at_once):
    """A gradient that overflows halves the scale and changes nothing else."""
    x = np.concatenate([X, np.full((4, 2), 1e30, "float32"), X[:4]])
    results = []
    for options in ({"run_eagerly": True}, MODES[mode]):
        keras.utils.set_random_seed(0)
        model = Solo()
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(0.01),
            initial_scale=4.0,
            dynamic_growth_steps=2,
        )
        compiled(model, optimizer, step=counting(model)[0], **options)
        scales = []
        for start in range(0, len(x), 4):
            model.fit(x[start : start + 4], batch_size=4, verbose=0)
            scaled = model.optimizer["model"]
            scales.append(float(array(scaled.dynamic_scale)))
        assert scales == [4.0, 8.0, 4.0, 4.0]
        assert int(array(scaled.inner_optimizer.iterations)) == 3
        results.append(state_of(model))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def copies_left(function, x):
    """In a simplified graph, whose results are checked."""
    graph = make_fx(function, tracing_mode="fake")(x.clone())
    run = simplify(graph, {})
    for a, b in zip(run(x.clone()), function(x.clone()), strict=True):
        assert a.stride() == b.stride()
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    clone = torch.ops.aten.clone.default
    return sum(node.target is clone for node in graph.graph.nodes)


def test_copies_to_the_order_that_a_tensor_has_are_left_out():
    def function(x):
        images = (x * 2.0).permute(0, 3, 1, 2)
        back = images.contiguous().contiguous(memory_format=torch.channels_last)
        return [back.detach() + 1.0, images.clone().contiguous() * 3.0]

    # Only the last, to another order, is needed.
    assert copies_left(function, torch.randn(2, 3, 4, 5)) == 1


def test_copies_of_what_changes_in_place_are_kept():
    def of_an_input(x):
        old = x.clone()
        x.add_(1.0)
        return [old * 2.0, x - 1.0 - old]

    def of_a_result(x):
        y = x * 2.0
        old = y.clone()
        y.view(3, 1).mul_(3.0)
        return [old + y]

    def of_a_copy(x):
        y = x * 2.0
        new = y.clone()
        new.mul_(3.0)
        return [new + y]

    def of_an_unmarked_view(x):
        y = x * 2.0
        new = torch.ops.aten._unsafe_view(y.clone(), [3, 1])
        new.mul_(3.0)
        return [new[:, 0] + y]

    def of_an_output_argument(x):
        y = x * 2.0
        old = y.clone()
        torch.mul(x, 3.0, out=y)
        return [old + y]

    for function in (
        of_an_input,
        of_a_result,
        of_a_copy,
        of_an_unmarked_view,
        of_an_output_argument,
    ):
        assert copies_left(function, torch.randn(3)) == 1


def test_constants_that_change_in_place_are_copied():
    def function(x):
        constant = torch.tensor(1.0)
        constant.add_(1.0)
        return [x * constant]

    run = simplify(make_fx(function, tracing_mode="fake")(torch.ones(3)), {})
    for _ in range(2):
        np.testing.assert_array_equal(run(torch.ones(3))[0], 2.0)


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
    assert len(model._traced_step.graphs) == 1
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
    assert len(model._traced_step.graphs) == 1
