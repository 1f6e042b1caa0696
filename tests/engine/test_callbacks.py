"""Callbacks of `fit`: whoever listens is told, and as Keras tells it."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen.engine.callbacks import (
    EpochCallbacks,
    count_steps,
    listens_to_batches,
)
from tests.engine.toys import Game, Solo, compiled, points

X = points(10)


class Dataset(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return (X[4 * index : 4 * index + 4],)


class Endless(Dataset):
    """Its number of batches is not its length."""

    @property
    def num_batches(self):
        return None


def batches():
    while True:
        yield (X[:4],)


class Record(keras.callbacks.Callback):
    """Listens to no batch."""

    def on_train_begin(self, logs=None):
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


class RecordBatches(Record):
    def on_train_begin(self, logs=None):
        super().on_train_begin()
        self.train, self.test = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.train.append(logs["extra"])

    def on_test_batch_end(self, batch, logs=None):
        self.test.append(batch)


def solo():
    def measure(batch):
        model.log(loss=ops.mean(batch.x**2), extra=ops.mean(batch.x))

    return (model := compiled(Solo(), step=measure, check=measure))


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (X, {}),
        (X, {"batch_size": 4}),
        (X, {"batch_size": 4, "steps_per_epoch": 1}),
        (X, {"batch_size": 4, "validation_split": 0.4}),
        (X, {"batch_size": 4, "validation_data": (X,)}),
        (Dataset(), {}),
        (Endless(), {"steps_per_epoch": 2}),
        (batches, {"steps_per_epoch": 2}),
    ],
)
def test_callbacks_are_told_the_same_with_and_without_batches(x, options):
    histories, records = [], []
    for record in (Record(), RecordBatches()):
        data = x() if callable(x) else x
        history = solo().fit(
            data,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=record,
            **options,
        )
        histories.append(history.history)
        records.append(record)
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-6)
    quiet, loud = records
    assert quiet.params == loud.params
    assert len(loud.train) == 2 * loud.params["steps"]
    assert bool(loud.test) == any(name.startswith("val") for name in options)
    assert [set(logs) for logs in quiet.epochs] == [
        set(logs) for logs in loud.epochs
    ]


def test_logs_of_batches_are_running_means():
    record = RecordBatches()
    solo().fit(X, batch_size=2, shuffle=False, verbose=0, callbacks=[[record]])
    means = [X[: 2 * i].mean() for i in range(1, 6)]
    assert record.train == pytest.approx(means, rel=1e-5)


@pytest.mark.parametrize(
    ("callback", "listens"),
    [
        (keras.callbacks.Callback(), False),
        (keras.callbacks.EarlyStopping(), False),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), False),
        (Record(), False),
        (RecordBatches(), True),
        (keras.callbacks.TerminateOnNaN(), True),
        (keras.callbacks.LambdaCallback(on_train_batch_begin=print), True),
        (keras.callbacks.LambdaCallback(on_batch_end=print), True),
        (keras.callbacks.LambdaCallback(on_test_batch_end=print), True),
    ],
)
def test_who_listens_to_batches(callback, listens):
    assert listens_to_batches(callback) is listens


def test_training_stops_where_a_callback_asks():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    history = solo().fit(X, epochs=5, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0, 1]


@pytest.mark.parametrize("player", ["first", "second"])
def test_training_stops_where_a_loss_is_not_a_number(player, capsys):
    """Whichever player's, although no log is called "loss"."""
    model = Game()

    def step(batch):
        for name in model.players:
            loss = ops.mean(model.left(batch.x))
            factor = np.nan if name == player else 1.0
            model.minimize(name, lambda loss=loss * factor: loss)

    compiled(model, step=step, run_eagerly=True)
    stop = keras.callbacks.TerminateOnNaN()
    history = model.fit(X, batch_size=2, epochs=3, verbose=0, callbacks=[stop])
    assert history.epoch == [0]
    assert capsys.readouterr().out.count("Batch 0: Invalid loss") == 1
    stop = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="Terminating training"):
        model.fit(X, batch_size=2, verbose=0, callbacks=[stop])


def test_what_a_batch_returns_is_in_the_order_of_the_names():
    model = solo()
    x = X[:2]
    assert model.metrics_names == ["loss", "extra"]
    expected = [np.mean(x**2), np.mean(x)]
    np.testing.assert_allclose(model.train_on_batch(x), expected, rtol=1e-5)
    np.testing.assert_allclose(model.test_on_batch(x), expected, rtol=1e-5)
    np.testing.assert_allclose(
        model.evaluate(x, verbose=0), expected, rtol=1e-5
    )
    assert Solo().metrics_names == []


def test_data_without_an_end_need_a_number_of_steps():
    model = solo()
    with pytest.raises(ValueError, match="`steps_per_epoch` must be given"):
        model.fit(Endless(), verbose=0)
    with pytest.raises(ValueError, match="`validation_steps` must be given"):
        model.fit(X, validation_data=Endless(), verbose=0)
    with pytest.raises(ValueError, match="`steps` must be given"):
        model.evaluate(Endless(), verbose=0)
    model.evaluate(Endless(), steps=2, verbose=0)


def test_batches_are_told_only_if_a_callback_listens(monkeypatch):
    """Else the logs of a batch stay on the device."""
    told = []

    def hook(self, batch, logs=None):
        told.append(type(self))

    monkeypatch.setattr(keras.callbacks.Callback, "on_train_batch_end", hook)
    model = solo()
    model.fit(X, batch_size=2, verbose=0, callbacks=[Record()])
    assert not told
    model.fit(X, batch_size=2, verbose=0, callbacks=[Record(), RecordBatches()])
    assert told.count(Record) == 5


def test_a_callback_may_start_to_listen_when_training_begins():
    told = []

    class Late(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.on_train_batch_end = lambda batch, logs: told.append(batch)

    solo().fit(X, batch_size=2, verbose=0, callbacks=[Late()])
    assert sorted(told) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("interval", "drawn"), [(np.inf, [0]), (0.0, [0, 1, 2, 3, 4] * 2)]
)
def test_the_progress_bar_fetches_logs_when_it_draws(
    interval, drawn, monkeypatch, capsys
):
    told = []
    bar = keras.callbacks.ProgbarLogger
    original = bar.on_train_batch_end

    def hook(self, batch, logs=None):
        assert all(type(value) is float for value in logs.values())
        assert set(logs) == {"loss", "extra"}
        told.append(batch)
        original(self, batch, logs)

    monkeypatch.setattr(bar, "on_train_batch_end", hook)
    monkeypatch.setattr(EpochCallbacks, "interval", interval)
    record = Record()
    solo().fit(X, batch_size=2, epochs=2, callbacks=[record])
    # The first drawing is that of the first batch.
    assert told == drawn
    shown = capsys.readouterr().out
    assert shown.count("5/5") >= 2 and "Epoch 2/2" in shown
    assert "extra" in shown and "loss" in shown
    assert [set(logs) for logs in record.epochs] == [{"loss", "extra"}] * 2


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_compilation_is_announced(jit_compile, capsys):
    compiles = keras.backend.backend() != "torch" or jit_compile is True

    def announced(**options):
        model.fit(X, verbose=2, **options)
        return capsys.readouterr().out.count("Compiling the training step")

    model = solo()
    model.compile("sgd", jit_compile=jit_compile)
    model.fit(X, verbose=0)
    assert capsys.readouterr().out == ""
    assert announced() == 0
    model.compile("sgd", jit_compile=jit_compile)
    assert announced(epochs=3) == compiles
    assert announced() == 0
    model.network.layers[0].trainable = False
    assert announced() == compiles
    model.compile("sgd", run_eagerly=True)
    assert announced() == 0


@pytest.mark.parametrize("verbose", [1, 2])
def test_the_progress_bar_learns_the_number_of_steps(verbose, capsys):
    three = ((X[:4],) for _ in range(3))
    solo().fit(three, verbose=verbose)
    assert "3/3" in capsys.readouterr().out


def test_who_listens_is_told_beside_a_progress_bar():
    record = RecordBatches()
    solo().fit(X, batch_size=2, shuffle=False, callbacks=[record])
    means = [X[: 2 * n].mean() for n in range(1, 6)]
    np.testing.assert_allclose(record.train, means, rtol=1e-5)


def test_the_number_of_steps_of_what_has_none_is_not_made_up():
    assert count_steps(X, None, None) == 1
    assert count_steps({"a": X, "b": X}, 3, None) == 4
    assert count_steps(Endless(), None, None) is None
    assert count_steps(batches(), None, None) is None
