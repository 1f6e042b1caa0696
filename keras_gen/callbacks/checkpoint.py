"""Training that survives being killed: checkpoints and a history on disk.

A run is resumed with

```python
path = "runs/dcgan/checkpoint.keras"
initial_epoch = read_progress(path).epochs
model = keras_gen.load_model(path) if initial_epoch else build_model()
model.fit(
    dataset,
    epochs=100,
    initial_epoch=initial_epoch,
    callbacks=[
        HistoryCSV("runs/dcgan/history.csv", initial_epoch, checkpoint=path),
        Checkpoint(path),
    ],
)
```

The checkpoint alone decides where training resumes; the history follows it.
"""

import csv
import glob
import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.files import atomic_path, remove_leftovers

_PROGRESS = "training_progress.json"


class Progress(NamedTuple):
    """How far a checkpoint's training had come.

    Attributes:
        epochs: Integer. The number of epochs done: the `initial_epoch` to
            resume with.
        logs: Dict from names to floats. The logs of the last of these epochs.
    """

    epochs: int
    logs: dict[str, float]


def read_progress(path: str | os.PathLike) -> Progress:
    """Reads from a checkpoint how far training had come.

    Args:
        path: String or path. A file written by `Checkpoint`.

    Returns:
        A `Progress`; with 0 epochs if there is no such file.

    Raises:
        ValueError: If the file was not written by `Checkpoint`.

    Example:

    ```python
    read_progress("not/there.keras")  # Progress(epochs=0, logs={})
    ```
    """
    path = Path(path)
    if not path.exists():
        return Progress(epochs=0, logs={})
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read(_PROGRESS))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            "`path` must be a file written by "
            f"`keras_gen.callbacks.Checkpoint`. Received: path={path}, which "
            "does not hold the number of its epochs. To resume from it, load "
            "it and pass `initial_epoch` yourself."
        ) from error
    return Progress(epochs=content["epochs"], logs=content["logs"])


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole model at the end of epochs, safe against being killed.

    The model is written to a temporary file in the same folder, which
    replaces the old checkpoint once it is on the disk: whenever the process
    dies, a whole checkpoint is there. The number of epochs done is part of
    the same file, see `read_progress`, so it cannot disagree with the
    weights. If the last epoch falls between two checkpoints, it is saved when
    training ends.

    `keras_gen.load_model` loads the file.

    Args:
        path: String or path. The file, ending in `.keras`; its folder is made
            if needed.
        every: Integer. The number of epochs between checkpoints.

    Raises:
        ValueError: If the path does not end in `.keras`, or `every` is below
            1.

    Example:

    ```python
    checkpoint = keras_gen.callbacks.Checkpoint("runs/vae/checkpoint.keras")
    model.fit(dataset, epochs=10, callbacks=[checkpoint])
    ```
    """

    def __init__(self, path: str | os.PathLike, every: int = 1):
        super().__init__()
        self.path = Path(path)
        if self.path.suffix != ".keras":
            raise ValueError(
                f"`path` must end in .keras. Received: path={path}."
            )
        if every < 1:
            raise ValueError(
                f"`every` must be at least 1. Received: every={every}."
            )
        self.every = every
        self._unsaved = None

    def on_train_begin(self, logs=None):
        remove_leftovers(self.path.parent, glob.escape(self.path.name))
        self._unsaved = None

    def on_epoch_end(self, epoch, logs=None):
        self._unsaved = Progress(epoch + 1, _to_floats(logs))
        if self._unsaved.epochs % self.every == 0:
            self._save()

    def on_train_end(self, logs=None):
        if self._unsaved is not None:
            self._save()

    def _save(self):
        with atomic_path(self.path) as temporary:
            self.model.save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(_PROGRESS, json.dumps(self._unsaved._asdict()))
        self._unsaved = None


class HistoryCSV(keras.callbacks.Callback):
    """Writes the logs of every epoch as a row of a CSV file.

    The first column, `epoch`, counts from 0 as `fit` does; the others are the
    logs in the order of their first appearance, which never changes. Values
    are written with all their digits. The file is replaced as a whole, so
    that it is never half written.

    When a run resumes from `initial_epoch`, rows of this and later epochs are
    dropped: the run was killed after it had written them and before their
    checkpoint, and repeats these epochs. If it was killed between the
    checkpoint and the row of its epoch, the row is taken from the checkpoint.

    Args:
        path: String or path. The file, such as `"history.csv"`; its folder is
            made if needed.
        initial_epoch: Integer. The first epoch of this run, as given to
            `fit`. 0 starts a new file.
        checkpoint: String or path. The run's `Checkpoint`, from which a
            missing last row is taken; defaults to none.

    Raises:
        ValueError: If `initial_epoch` is negative, or the existing file is
            not such a history.

    Example:

    ```python
    history = keras_gen.callbacks.HistoryCSV("runs/vae/history.csv")
    model.fit(dataset, epochs=10, callbacks=[history])
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike,
        initial_epoch: int = 0,
        checkpoint: str | os.PathLike | None = None,
    ):
        super().__init__()
        if initial_epoch < 0:
            raise ValueError(
                "`initial_epoch` must not be negative. Received: "
                f"initial_epoch={initial_epoch}."
            )
        self.path = Path(path)
        self.initial_epoch = initial_epoch
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self._columns = ["epoch"]
        self._rows = None

    def on_train_begin(self, logs=None):
        remove_leftovers(self.path.parent, glob.escape(self.path.name))
        # A second fit() with the same callback goes on at its initial epoch.
        if self._rows is None:
            self._rows = {}
            if self.initial_epoch > 0:
                self._read()
                self._restore_last_row()
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        self._drop_from(epoch)
        self._add(epoch, logs)
        self._write()

    def _add(self, epoch, logs):
        cells = {name: repr(value) for name, value in _to_floats(logs).items()}
        self._columns += [name for name in cells if name not in self._columns]
        self._rows[epoch] = {"epoch": str(epoch), **cells}

    def _drop_from(self, epoch):
        self._rows = {
            number: row for number, row in self._rows.items() if number < epoch
        }

    def _read(self):
        if not self.path.exists():
            return
        with open(self.path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            if columns[:1] != ["epoch"]:
                raise ValueError(
                    "`path` must be a history, whose first column is 'epoch'. "
                    f"Received: path={self.path}, whose first column is "
                    f"{columns[:1]}. Choose another path."
                )
            self._columns = columns
            # Cells left empty were never logged in that epoch.
            self._rows = {
                int(row["epoch"]): {k: v for k, v in row.items() if v}
                for row in reader
            }
        self._drop_from(self.initial_epoch)

    def _restore_last_row(self):
        last = self.initial_epoch - 1
        if last in self._rows:
            return
        if self.checkpoint is not None:
            progress = read_progress(self.checkpoint)
            if progress.epochs == self.initial_epoch:
                self._add(last, progress.logs)
                return
        warnings.warn(
            f"{self.path} has no row for epoch {last}, the last before "
            f"initial_epoch={self.initial_epoch}; the history will have a "
            "gap. Pass `checkpoint` to take the row from there.",
            stacklevel=2,
        )

    def _write(self):
        with atomic_path(self.path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(
                    file, self._columns, lineterminator="\n"
                )
                writer.writeheader()
                for epoch in sorted(self._rows):
                    writer.writerow(self._rows[epoch])


def _to_floats(logs: dict[str, Any] | None) -> dict[str, float]:
    floats = {}
    for name, value in (logs or {}).items():
        if not isinstance(value, float | int | np.ndarray):
            value = keras.ops.convert_to_numpy(value)
        floats[name] = float(np.asarray(value, dtype=np.float64).mean())
    return floats
