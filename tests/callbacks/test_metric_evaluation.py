import csv
from typing import NamedTuple

import keras
import numpy as np
import pytest

from keras_gen.callbacks import HistoryCSV
from keras_gen.callbacks.metric_evaluation import EvaluateMetrics

rng = np.random.default_rng(0)
X = rng.normal(size=(32, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Spread(NamedTuple):
    mean: float
    largest: float
    values: np.ndarray
    unknown: float | None = None


def kernel(model):
    return keras.ops.convert_to_numpy(model.layers[0].kernel)


def mean_weight(model):
    return kernel(model).mean()


class Keep(keras.callbacks.Callback):
    """Keeps the logs it sees, and what a metric should have found."""

    def __init__(self):
        super().__init__()
        self.logs, self.expected = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        self.expected.append(float(mean_weight(self.model)))


class StopAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == self.epoch


def build_model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3),
            keras.layers.Dropout(0.2, seed=5),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    return model


def fit(callbacks, epochs=3, model=None, **options):
    model = build_model() if model is None else model
    return model.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **options,
    ).history


def test_metrics_are_among_the_logs_of_every_epoch(tmp_path):
    evaluate, keep = EvaluateMetrics({"weight": mean_weight}), Keep()
    table = HistoryCSV(tmp_path / "history.csv")
    history = fit([evaluate, keep, table])
    assert history["weight"] == keep.expected
    assert len(set(keep.expected)) == 3
    assert [logs["weight"] for logs in keep.logs] == keep.expected
    assert evaluate.history == {"weight": keep.expected}
    assert evaluate.epoch == [0, 1, 2]
    assert all(type(value) is float for value in history["weight"])
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["weight"]) for row in rows] == keep.expected


def test_callbacks_before_it_do_not_see_the_metrics():
    keep = Keep()
    history = fit([keep, EvaluateMetrics({"weight": mean_weight})])
    assert all(set(logs) == {"loss"} for logs in keep.logs)
    assert set(history) == {"loss", "weight"}


def test_monitors_after_it_watch_the_metrics(tmp_path):
    values = iter([3.0, 1.0, 2.0, 2.5])
    path = str(tmp_path / "best_{epoch}.keras")
    best = keras.callbacks.ModelCheckpoint(
        path, monitor="quality", mode="min", save_best_only=True
    )
    stop = keras.callbacks.EarlyStopping("quality", patience=2, mode="min")
    evaluate = EvaluateMetrics({"quality": lambda model: next(values)})
    history = fit([evaluate, best, stop], epochs=10)
    assert history["quality"] == [3.0, 1.0, 2.0, 2.5]
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["best_1.keras", "best_2.keras"]


def test_every_and_the_last_epoch():
    evaluate, keep = EvaluateMetrics({"weight": mean_weight}, every=2), Keep()
    history = fit([evaluate, keep], epochs=5)
    assert evaluate.epoch == [1, 3, 4]
    expected = [keep.expected[epoch] for epoch in (1, 3, 4)]
    assert evaluate.history["weight"] == expected == history["weight"]
    assert ["weight" in logs for logs in keep.logs] == [0, 1, 0, 1, 1]


def test_an_early_end_is_judged_too():
    # Stopped before it: the epoch is known to be the last.
    evaluate, keep = EvaluateMetrics({"weight": mean_weight}, every=3), Keep()
    history = fit([StopAt(1), evaluate, keep], epochs=9)
    assert evaluate.epoch == [1] and history["weight"] == keep.expected[1:]
    # Stopped after it: judged when training ends, beside the logs.
    evaluate, keep = EvaluateMetrics({"weight": mean_weight}, every=3), Keep()
    history = fit([evaluate, StopAt(4), keep], epochs=9)
    assert evaluate.epoch == [2, 4]
    assert evaluate.history["weight"] == [keep.expected[2], keep.expected[4]]
    assert history["weight"] == [keep.expected[2]]
    # Nothing is judged twice.
    evaluate = EvaluateMetrics({"weight": mean_weight}, every=2)
    fit([evaluate, StopAt(1)], epochs=9)
    assert evaluate.epoch == [1]


def test_parts_of_a_result_are_named_after_it():
    def spread(model):
        weights = kernel(model)
        return Spread(weights.mean(), keras.ops.max(weights), weights)

    def mixed(model):
        return {"score": 2, "extractor": "pixels", "missing": None, "ok": True}

    evaluate = EvaluateMetrics({"spread": spread, "at": mixed})
    history = fit([evaluate], epochs=2)
    assert set(history) == {
        "loss",
        "spread_mean",
        "spread_largest",
        "at_score",
        "at_ok",
    }
    assert history["at_score"] == [2.0, 2.0] and history["at_ok"] == [1.0, 1.0]
    assert history["spread_largest"] > history["spread_mean"]


def test_metrics_run_the_model_and_do_not_disturb_training():
    def error(model):
        predicted = model.predict(X, verbose=0)
        called = keras.ops.convert_to_numpy(model(X, training=False))
        np.testing.assert_allclose(predicted, called, rtol=1e-5, atol=1e-6)
        return np.square(predicted - Y).mean()

    def tensor(model):
        difference = keras.ops.subtract(model(X), Y)
        return keras.ops.mean(keras.ops.square(difference))

    models = build_model(), build_model()
    fit([], model=models[0])
    history = fit(
        [EvaluateMetrics({"error": error, "tensor": tensor})], model=models[1]
    )
    for a, b in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
        )
    expected = np.square(models[0].predict(X, verbose=0) - Y).mean()
    assert history["error"][-1] == pytest.approx(expected, rel=1e-5)
    assert history["tensor"] == pytest.approx(history["error"], rel=1e-5)


def test_history_goes_on_and_repeated_epochs_are_replaced():
    values = iter(range(10))
    evaluate = EvaluateMetrics({"count": lambda model: next(values)})
    model = build_model()
    fit([evaluate], epochs=3, model=model)
    fit([evaluate], epochs=5, model=model, initial_epoch=3)
    assert evaluate.epoch == [0, 1, 2, 3, 4]
    assert evaluate.history["count"] == [0, 1, 2, 3, 4]
    fit([evaluate], epochs=3, model=model, initial_epoch=2)
    assert evaluate.epoch == [0, 1, 2]
    assert evaluate.history["count"] == [0, 1, 5]


def test_results_that_come_and_go_are_nan_where_they_were_not():
    results = iter([{"a": 1}, {"a": 2, "b": 3}, {"b": 4}])
    evaluate = EvaluateMetrics({"m": lambda model: next(results)})
    fit([evaluate])
    np.testing.assert_array_equal(evaluate.history["m_a"], [1, 2, np.nan])
    np.testing.assert_array_equal(evaluate.history["m_b"], [np.nan, 3, 4])


def test_errors_name_the_metric():
    model = build_model()

    def fit_with(metrics):
        fit([EvaluateMetrics(metrics)], epochs=1, model=model)

    def broken(model):
        raise ZeroDivisionError("no samples")

    with pytest.raises(ZeroDivisionError, match="no samples") as caught:
        fit_with({"weight": mean_weight, "fid": broken})
    (note,) = caught.value.__notes__
    assert "'fid'" in note and "epoch 0" in note
    for result in ("good", None, [1.0], np.ones(2), 1j):
        with pytest.raises(ValueError, match="'fid' must return a scalar"):
            fit_with({"fid": lambda model, r=result: r})
    with pytest.raises(ValueError, match=r"'fid' .* only \['name'\]"):
        fit_with({"fid": lambda model: {"name": "x"}})
    with pytest.raises(ValueError, match="'loss' .* in the logs already"):
        fit_with({"loss": mean_weight})
    with pytest.raises(ValueError, match="'a_b' must .* Received: 'a_b'"):
        fit_with({"a": lambda model: {"b": 1.0}, "a_b": mean_weight})


def test_refuses_what_are_no_metrics():
    with pytest.raises(ValueError, match="at least one metric"):
        EvaluateMetrics({})
    with pytest.raises(ValueError, match="'fid' must be a function"):
        EvaluateMetrics({"fid": 3.0})
    with pytest.raises(ValueError, match="at least 1. Received: every=0"):
        EvaluateMetrics({"weight": mean_weight}, every=0)
