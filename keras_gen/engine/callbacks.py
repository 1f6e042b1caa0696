"""The callbacks of `fit`: those that it is given, and the engine's own."""

import copy
import math
import time

import keras
import numpy as np

BATCH_HOOKS = [
    f"on_{phase}batch_{edge}"
    for phase in ("", "train_", "test_")
    for edge in ("begin", "end")
]


class CountEpochs(keras.callbacks.Callback):
    """Begins a model's epochs, and counts those it has been trained for.

    It says when the steps are compiled, in which nothing seems to happen.
    """

    def on_epoch_begin(self, epoch, logs=None):
        self.model.follow_freezing()
        self.model.begin_epoch()
        if self.model.compiles_anew() and (self.params or {}).get("verbose"):
            print(
                "Compiling the training step: its first run takes longer, "
                "with large networks minutes.",
                flush=True,
            )

    def on_epoch_end(self, epoch, logs=None):
        self.model.epochs_seen.assign_add(1)


class EpochCallbacks(keras.callbacks.CallbackList):
    """A list of callbacks none of which listens to single batches.

    Keras' own list fetches the logs of each batch from the device, whether
    or not a callback looks at them. This one does if a callback has come to
    listen by the time that training begins, and for the progress bar when it
    draws.
    """

    listening = False
    # Seconds between two drawings, as Keras' progress bar has them.
    interval = 0.05

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.drawn = -math.inf
        self.listening = any(
            listens_to_batches(callback)
            for callback in self.callbacks
            if callback is not self._progbar
        )

    def on_train_batch_begin(self, batch, logs=None):
        if self.listening:
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        if self.listening:
            super().on_train_batch_end(batch, logs)
        elif self._progbar is not None:
            self.draw(batch, logs)

    def draw(self, batch, logs):
        """Draws the progress bar, if it is time to."""
        bar, now = self._progbar, time.perf_counter()
        if bar.verbose == 1 and now - self.drawn >= self.interval:
            values = {name: float(value) for name, value in logs.items()}
            bar.on_train_batch_end(batch, values)
            self.drawn = time.perf_counter()
        # Of data without a length, it learns the number of steps so.
        bar.seen = batch + 1

    def on_test_batch_begin(self, batch, logs=None):
        if self.listening:
            super().on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        if self.listening:
            super().on_test_batch_end(batch, logs)


class TerminateOnNaN(keras.callbacks.TerminateOnNaN):
    """Keras' own, which looks at `logs["loss"]`, for every player's loss."""

    def on_batch_end(self, batch, logs=None):
        for name in self.model.loss_names.values():
            loss = (logs or {}).get(name, 0.0)
            if not np.isfinite(loss):
                super().on_batch_end(batch, {"loss": loss})
                break


def _of_all_players(callback):
    if type(callback) is not keras.callbacks.TerminateOnNaN:
        return callback
    callback = copy.copy(callback)
    callback.__class__ = TerminateOnNaN
    return callback


def arrange_callbacks(
    model, callbacks, x, batch_size, epochs, verbose, **options
):
    """Adds to the callbacks of `fit` what the engine needs.

    Args:
        model: `GenerativeModel`.
        callbacks: What `fit` was given.
        x: What `fit` was given.
        batch_size: What `fit` was given.
        epochs: What `fit` was given.
        verbose: What `fit` was given.
        **options: The other arguments of `fit`.

    Returns:
        A list of callbacks, or a `keras.callbacks.CallbackList`.
    """
    count = CountEpochs()
    if isinstance(callbacks, keras.callbacks.CallbackList):
        if not any(isinstance(c, CountEpochs) for c in callbacks.callbacks):
            count.set_model(model)
            callbacks.callbacks.insert(0, count)
        return callbacks
    callbacks = [
        count,
        *map(_of_all_players, keras.tree.flatten(callbacks or [])),
    ]
    # Of a split, Keras knows the number of steps.
    if options.get("validation_split") or any(
        listens_to_batches(callback) for callback in callbacks
    ):
        return callbacks
    return EpochCallbacks(
        callbacks,
        add_history=True,
        add_progbar=bool(verbose),
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=count_steps(x, batch_size, options.get("steps_per_epoch")),
    )


def listens_to_batches(callback) -> bool:
    """Whether a callback has any method of its own for single batches."""
    return any(
        getattr(getattr(callback, hook), "__func__", None)
        is not getattr(keras.callbacks.Callback, hook)
        for hook in BATCH_HOOKS
    )


def count_steps(x, batch_size, steps_per_epoch) -> int | None:
    """The steps of an epoch, or `None` where only its end will tell."""
    if steps_per_epoch:
        return steps_per_epoch
    first = next(iter(keras.tree.flatten(x)), None)
    if hasattr(first, "shape"):
        return math.ceil(first.shape[0] / (batch_size or 32))
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches
    try:
        return len(x)
    except TypeError:
        return None
