"""Metrics of the whole model while it is trained."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np


class EvaluateMetrics(keras.callbacks.Callback):
    """Computes metrics of the model at the end of epochs, among its logs.

    Losses of adversaries say little about samples; this adds what does, such
    as a Fréchet distance, to `fit`'s history and progress bar.

    The callbacks of a list are called in its order, and see the metrics only
    if they come after this one: place it before `ModelCheckpoint`,
    `EarlyStopping`, `ReduceLROnPlateau`, `TensorBoard`, `Checkpoint` and
    `HistoryCSV`. Those that watch a metric need it in every epoch: with
    `every` above 1, most of them warn and skip the epochs between.

    Besides every `every`-th epoch the last one is evaluated: at its end, if
    `fit` reaches its `epochs` or a callback before this one has stopped the
    training; otherwise when training ends, when the results are in `history`
    alone.

    Args:
        metrics: Dict from names to functions of the model. A function returns
            a scalar, logged under the given name, or a dict or `NamedTuple`,
            whose scalars are logged as the given name, `_`, and their own.
            What is no scalar in it (text, None, arrays) is left out. The
            functions should draw with fixed seeds, so that epochs compare.
        every: Integer. The number of epochs between evaluations.

    Attributes:
        epoch: List of integers. The evaluated epochs, counted from 0.
        history: Dict from logged names to a list of floats, one for each of
            these epochs. They continue over several calls of `fit`; an epoch
            that is repeated replaces the old one and those after it.

    Raises:
        ValueError: If there are no metrics, or `every` is below 1; while
            training, if a result is no scalar or its name is in the logs
            already. Errors, those raised by a metric too, name the metric.

    Example:

    ```python
    def fid(model):
        samples = model.sample(1000, seed=0)
        return frechet_distance(extractor.features(samples), real_features)

    evaluate = keras_gen.callbacks.EvaluateMetrics({"fid": fid}, every=5)
    model.fit(dataset, epochs=50, callbacks=[evaluate])
    evaluate.history["fid"]
    ```
    """

    def __init__(
        self, metrics: Mapping[str, Callable[[Any], Any]], every: int = 1
    ):
        super().__init__()
        self.metrics = dict(metrics)
        if not self.metrics:
            raise ValueError(
                "`metrics` must hold at least one metric. Received: "
                f"metrics={metrics!r}."
            )
        for name, function in self.metrics.items():
            if not callable(function):
                raise ValueError(
                    f"The metric {name!r} must be a function of the model. "
                    f"Received: {function!r}."
                )
        if every < 1:
            raise ValueError(
                f"`every` must be at least 1. Received: every={every}."
            )
        self.every = every
        self.epoch = []
        self.history = {}
        self._pending = None

    def on_train_begin(self, logs=None):
        self._pending = None

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        last = done == self.params.get("epochs") or self.model.stop_training
        if done % self.every == 0 or last:
            self._evaluate(epoch, {} if logs is None else logs)
            self._pending = None
        else:
            self._pending = epoch

    def on_train_end(self, logs=None):
        if self._pending is not None:
            self._evaluate(self._pending, {})
            self._pending = None

    def _evaluate(self, epoch, logs):
        values = {}
        for name, function in self.metrics.items():
            try:
                found = _named_floats(name, function(self.model))
            except Exception as error:
                error.add_note(
                    f"It was raised by the metric {name!r} of "
                    f"`EvaluateMetrics`, after epoch {epoch}."
                )
                raise
            for key, value in found.items():
                if key in logs or key in values:
                    raise ValueError(
                        f"The metric {name!r} must have a unique name. "
                        f"Received: {key!r}, which is in the logs already. "
                        "Rename it."
                    )
                values[key] = value
        logs.update(values)
        self._record(epoch, values)

    def _record(self, epoch, values):
        kept = sum(done < epoch for done in self.epoch)
        for column in self.history.values():
            del column[kept:]
        self.epoch = self.epoch[:kept] + [epoch]
        for key in {**self.history, **values}:
            column = self.history.setdefault(key, [])
            # What was not among the results of an epoch is NaN there.
            column.extend([float("nan")] * (kept - len(column)))
            column.append(values.get(key, float("nan")))


def _named_floats(name, result):
    """The scalars in what a metric returned, by the names they are logged."""
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, Mapping):
        found = {
            f"{name}_{key}": scalar
            for key, value in result.items()
            if (scalar := _to_float(value)) is not None
        }
        if not found:
            raise ValueError(
                f"The metric {name!r} must return at least one scalar. "
                f"Received: only {list(result)}."
            )
        return found
    scalar = _to_float(result)
    if scalar is None:
        raise ValueError(
            f"The metric {name!r} must return a scalar, or a dict or "
            f"NamedTuple of scalars. Received: {result!r}."
        )
    return {name: scalar}


def _to_float(value):
    """The value as a float, or None if it is no scalar."""
    if keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
        value = keras.ops.convert_to_numpy(value)
    elif not isinstance(value, int | float | np.generic | np.ndarray):
        return None
    array = np.asarray(value)
    # V: NumPy's kind of bfloat16.
    if array.shape != () or array.dtype.kind not in "biufV":
        return None
    return float(array)
