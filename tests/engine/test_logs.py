"""What steps log: means over the calls, in the order of the losses."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.engine.toys import Game, Solo, array, compiled, logs_of, points

X = points(8)


def test_means_count_each_name_separately():
    model = compiled(Game())
    names = list(model.get_metrics_result())
    first, second = names[:2]
    model.log(**{first: 1.0, second: 5.0})
    model.log(**{first: ops.array(4.0)})
    model.log(**{first: ops.array(7.0, "float64")})
    logs = logs_of(model)
    assert logs[first] == pytest.approx(4.0)
    assert logs[second] == pytest.approx(5.0)
    assert all(logs[name] == 0.0 for name in names[2:])
    model.reset_metrics()
    assert set(logs_of(model).values()) == {0.0}


def test_a_long_sum_of_small_values_keeps_its_mean():
    model = compiled(Solo())
    for _ in range(300):
        model.log(loss=0.1)
    assert logs_of(model)["loss"] == pytest.approx(0.1, rel=1e-5)


def test_history_is_the_mean_over_the_steps():
    model = compiled(
        Solo(), step=lambda batch: model.log(extra=ops.mean(batch.x))
    )
    history = model.fit(X, batch_size=2, verbose=0, shuffle=False).history
    assert history["extra"] == pytest.approx([X.mean()], rel=1e-5)


def test_evaluate_lists_values_in_the_order_of_the_logs():
    names = list(compiled(Game()).get_metrics_result())
    values = {name: float(i) for i, name in enumerate(reversed(names))}
    model = compiled(Game(), check=lambda batch: model.log(**values))
    assert model.evaluate(X, verbose=0) == [values[name] for name in names]
    assert model.evaluate(X, verbose=0, return_dict=True) == values


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.1, beta_1=0.5, epsilon=1e-3),
        lambda: keras.optimizers.Adam(0.1, amsgrad=True),
        lambda: keras.optimizers.Adam(0.1, clipnorm=0.01, use_ema=True),
        lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
        lambda: keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        ),
        lambda: keras.optimizers.Nadam(0.1),
    ],
)
@pytest.mark.parametrize("run_eagerly", [True, False])
def test_adam_updates_as_keras_updates(make, run_eagerly):
    model = Solo()
    kernel, bias = model.network.weights
    weights = [keras.Variable(array(v)) for v in (kernel, bias)]
    target = X.sum(1, keepdims=True)

    def step(batch):
        def error():
            y = ops.convert_to_tensor(target)
            return ops.mean((model.network(batch.x) - y) ** 2)

        model.minimize("model", error)

    model = compiled(model, make(), step=step, run_eagerly=run_eagerly)
    reference = make()
    for _ in range(5):
        model.fit(X, batch_size=8, shuffle=False, verbose=0)
        residual = X @ array(weights[0]) + array(weights[1]) - target
        gradients = [X.T @ residual / 4.0, residual.sum(0) / 4.0]
        reference.apply([ops.array(g) for g in gradients], weights)
        if reference.use_ema:
            reference.finalize_variable_values(weights)
        for ours, theirs in zip((kernel, bias), weights, strict=True):
            np.testing.assert_allclose(
                array(ours), array(theirs), rtol=1e-4, atol=1e-6
            )


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_models_must_be_compiled_first(method):
    with pytest.raises(ValueError, match=r"call `compile\(\)` before"):
        getattr(Solo(), method)(points(4), verbose=0)
