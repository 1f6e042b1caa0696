import csv
import os
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from keras_gen.callbacks import Checkpoint, HistoryCSV, read_progress

rng = np.random.default_rng(0)
X = rng.normal(size=(32, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def build_model():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(
        optimizer=keras.optimizers.Adam(0.05), loss="mse", metrics=["mae"]
    )
    return model


def fit(model, callbacks, epochs, initial_epoch=0, **options):
    return model.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **options,
    ).history


def weights(model):
    return [keras.ops.convert_to_numpy(v) for v in model.variables]


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


class Killed(BaseException):
    """Stands for the end of the process."""


class KillAt(keras.callbacks.Callback):
    """Ends the run when its turn comes at the end of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


def test_checkpoint_holds_model_optimizer_and_progress(tmp_path):
    path = tmp_path / "run" / "model.keras"
    model = build_model()
    history = fit(model, [Checkpoint(path)], epochs=3)
    assert [file.name for file in path.parent.iterdir()] == ["model.keras"]
    progress = read_progress(path)
    assert progress.epochs == 3
    assert progress.logs == {
        "loss": history["loss"][-1],
        "mae": history["mae"][-1],
    }
    loaded = keras.saving.load_model(path)
    for a, b in zip(weights(model), weights(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(loaded.optimizer.iterations) == 12


def test_every_saves_the_last_epoch_as_well(tmp_path):
    saved = []

    class Watched(Checkpoint):
        def _save(self):
            super()._save()
            saved.append(read_progress(self.path).epochs)

    fit(build_model(), [Watched(tmp_path / "m.keras", every=2)], epochs=5)
    assert saved == [2, 4, 5]
    saved.clear()
    fit(build_model(), [Watched(tmp_path / "m.keras", every=2)], epochs=4)
    assert saved == [2, 4]


@pytest.mark.parametrize("moment", ["save", "fsync", "replace"])
def test_failed_save_leaves_the_old_checkpoint(tmp_path, monkeypatch, moment):
    path = tmp_path / "model.keras"
    model = build_model()
    fit(model, [Checkpoint(path)], epochs=1)
    before = path.read_bytes()

    def fail(*_):
        raise Killed

    if moment == "save":

        def half(file):
            file.write_bytes(before[: len(before) // 2])
            raise Killed

        monkeypatch.setattr(model, "save", half)
    else:
        monkeypatch.setattr(os, moment, fail)
    with pytest.raises(Killed):
        fit(model, [Checkpoint(path)], epochs=2, initial_epoch=1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    path = tmp_path / "model.keras"
    (tmp_path / ".model.keras.tmp-0a1b2c3d.keras").write_bytes(b"half")
    (tmp_path / "model2.keras").write_bytes(b"another run's")
    (tmp_path / ".h.csv.tmp-0a1b2c3d.csv").write_text("half")
    callbacks = [Checkpoint(path), HistoryCSV(tmp_path / "h.csv")]
    fit(build_model(), callbacks, epochs=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "h.csv",
        "model.keras",
        "model2.keras",
    ]


def test_progress_of_other_files(tmp_path):
    assert read_progress(tmp_path / "none.keras") == (0, {})
    build_model().save(tmp_path / "plain.keras")
    (tmp_path / "text.keras").write_text("text")
    for name in ("plain.keras", "text.keras"):
        with pytest.raises(
            ValueError, match="must be a file written by .*Checkpoint"
        ):
            read_progress(tmp_path / name)


CHILD = """
import sys
import keras
import numpy as np
from keras_gen.callbacks import Checkpoint, HistoryCSV

model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(512), keras.layers.Dense(512)]
)
model.compile(optimizer="adam", loss="mse")
x = np.ones((4, 4), "float32")
y = np.ones((4, 512), "float32")
folder = sys.argv[1]
model.fit(x, y, epochs=100000, verbose=0, callbacks=[
    HistoryCSV(folder + "/history.csv"), Checkpoint(folder + "/model.keras")
])
"""


def test_killed_process_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "model.keras"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        cwd=os.getcwd(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120.0
        while not path.exists() or read_progress(path).epochs < 5:
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        # Looked at between kills too: whole at whatever moment.
        for _ in range(50):
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
    finally:
        child.kill()
        child.wait()
    epochs = read_progress(path).epochs
    assert int(keras.saving.load_model(path).optimizer.iterations) == epochs
    rows = read_csv(tmp_path / "history.csv")
    assert [int(row[0]) for row in rows[1:]] == list(range(len(rows) - 1))
    assert len(rows) - 1 in (epochs, epochs + 1)


def test_history_has_a_row_for_each_epoch_with_all_digits(tmp_path):
    path = tmp_path / "new" / "history.csv"
    history = fit(
        build_model(), [HistoryCSV(path)], epochs=3, validation_data=(X, Y)
    )
    header, *rows = read_csv(path)
    assert header[0] == "epoch" and set(header[1:]) == set(history)
    assert [row[0] for row in rows] == ["0", "1", "2"]
    for index, name in enumerate(header[1:], start=1):
        assert [float(row[index]) for row in rows] == history[name]
        assert rows[0][index] == repr(float(history[name][0]))


def test_columns_keep_their_places(tmp_path):
    path = tmp_path / "history.csv"
    # The validation's names appear in every second epoch only.
    fit(
        build_model(),
        [HistoryCSV(path)],
        epochs=3,
        validation_data=(X, Y),
        validation_freq=2,
    )
    header, *rows = read_csv(path)
    assert header[0] == "epoch" and set(header[1:3]) == {"loss", "mae"}
    assert set(header[3:]) == {"val_loss", "val_mae"}
    assert rows[0][3:] == rows[2][3:] == ["", ""]
    assert "" not in rows[1]
    # A resumed run keeps them, whatever order its logs have.
    history = HistoryCSV(path, initial_epoch=3)
    history.on_train_begin()
    history.on_epoch_end(3, {"new": 7, "val_mae": 1.5, "loss": float("nan")})
    assert read_csv(path)[:4] == [
        [*header, "new"],
        *([*row, ""] for row in rows),
    ]
    last = dict(zip(*(read_csv(path)[index] for index in (0, 4)), strict=True))
    assert last == {
        "epoch": "3",
        "loss": "nan",
        "mae": "",
        "val_loss": "",
        "val_mae": "1.5",
        "new": "7.0",
    }


def resume(tmp_path, order, epochs):
    """Resumes from the checkpoint as the module's docstring shows."""
    path = tmp_path / "model.keras"
    initial_epoch = read_progress(path).epochs
    model = keras.saving.load_model(path) if initial_epoch else build_model()
    made = {
        "history": HistoryCSV(
            tmp_path / "history.csv", initial_epoch, checkpoint=path
        ),
        "checkpoint": Checkpoint(path),
        "kill": KillAt(2),
    }
    callbacks = [made[name] for name in order]
    fit(model, callbacks, epochs=epochs, initial_epoch=initial_epoch)
    return model


@pytest.mark.parametrize(
    ("order", "epochs_saved", "rows_written"),
    [
        (["history", "kill", "checkpoint"], 2, 3),
        (["checkpoint", "kill", "history"], 3, 2),
        (["kill", "history", "checkpoint"], 2, 2),
        (["history", "checkpoint", "kill"], 3, 3),
    ],
)
def test_kill_between_row_and_checkpoint_is_harmless(
    tmp_path, order, epochs_saved, rows_written
):
    (tmp_path / "whole").mkdir()
    survivors = [name for name in order if name != "kill"]
    whole = resume(tmp_path / "whole", survivors, epochs=5)
    with pytest.raises(Killed):
        resume(tmp_path, order, epochs=5)
    assert read_progress(tmp_path / "model.keras").epochs == epochs_saved
    assert len(read_csv(tmp_path / "history.csv")) == 1 + rows_written
    resumed = resume(tmp_path, survivors, epochs=5)
    expected = read_csv(tmp_path / "whole" / "history.csv")
    rows = read_csv(tmp_path / "history.csv")
    assert rows[0] == expected[0]
    np.testing.assert_allclose(
        np.array(rows[1:], float), np.array(expected[1:], float), rtol=1e-6
    )
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_new_run_starts_a_new_history(tmp_path):
    path = tmp_path / "history.csv"
    fit(build_model(), [HistoryCSV(path)], epochs=4)
    fit(build_model(), [HistoryCSV(path)], epochs=2)
    assert [row[0] for row in read_csv(path)] == ["epoch", "0", "1"]


def test_second_fit_of_one_history_continues_it(tmp_path):
    history = HistoryCSV(tmp_path / "history.csv")
    model = build_model()
    fit(model, [history], epochs=2)
    fit(model, [history], epochs=4, initial_epoch=2)
    rows = read_csv(tmp_path / "history.csv")
    assert [row[0] for row in rows] == ["epoch", "0", "1", "2", "3"]


def test_missing_row_without_checkpoint_is_announced(tmp_path):
    path = tmp_path / "history.csv"
    fit(build_model(), [HistoryCSV(path)], epochs=2)
    with pytest.warns(UserWarning, match="no row for epoch 2"):
        HistoryCSV(path, initial_epoch=3).on_train_begin()
    assert [row[0] for row in read_csv(path)] == ["epoch", "0", "1"]


def test_refuses_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        Checkpoint(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="`every` must be at least 1"):
        Checkpoint(tmp_path / "model.keras", every=0)
    with pytest.raises(
        ValueError, match="`initial_epoch` must not be negative"
    ):
        HistoryCSV(tmp_path / "history.csv", initial_epoch=-1)
    (tmp_path / "other.csv").write_text("name,loss\na,1\n")
    with pytest.raises(ValueError, match="must be a history"):
        HistoryCSV(tmp_path / "other.csv", initial_epoch=1).on_train_begin()
    assert (tmp_path / "other.csv").read_text() == "name,loss\na,1\n"


def test_rows_to_be_done_again_are_dropped_at_once(tmp_path):
    path = tmp_path / "history.csv"
    fit(build_model(), [HistoryCSV(path)], epochs=4)
    before = read_csv(path)
    HistoryCSV(path, initial_epoch=2).on_train_begin()
    assert read_csv(path) == before[:3]
