"""How `fit` and `evaluate` of Keras run a model's steps, on checked data."""

import contextlib
import operator
import typing

import keras
import numpy as np
from keras import ops

from keras_gen import backend
from keras_gen.backend import pipelines
from keras_gen.engine.callbacks import arrange_callbacks
from keras_gen.engine.data_spec import Batch, prepare_batch
from keras_gen.engine.first_batch import FirstBatch, is_arrays
from keras_gen.engine.updates import too_few


class Fitting:
    """Training and evaluation. Mixed into `GenerativeModel`."""

    is_evaluating: typing.ClassVar[bool] = False

    def run_training_step(self, data):
        """Trains on what `fit` was given, and returns the logs."""
        batch = self.prepared(data)
        self.training_step(batch)
        size = ops.shape(keras.tree.flatten(batch.x)[0])[0]
        size = ops.cast(size, "int32") * backend.replica()[1]
        self.steps_seen.assign_add(1)
        self.examples_seen.assign_add(size)
        return self._loss_tracker.result()

    def run_evaluation_step(self, data):
        """Evaluates what `evaluate` was given, and returns the logs."""
        self.is_evaluating = True
        try:
            self.evaluation_step(self.prepared(data))
        finally:
            self.is_evaluating = False
        return self._loss_tracker.result()

    def prepared(self, data) -> Batch:
        """The batch of a step: checked and cast as `data_spec()` says."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        _refuse_weights(type(self).__name__, sample_weight=sample_weight)
        return prepare_batch(type(self).__name__, self.data_spec(), Batch(x, y))

    def begin_epoch(self) -> None:
        """Hook: called before each epoch, when variables can be assigned."""

    def specialize(self, **constants) -> None:
        """Sets attributes that a compiled step takes as constants.

        If one of them changes, the steps are compiled again. Call it from
        `begin_epoch`.

        Args:
            **constants: Values by the names of the attributes.
        """
        if all(getattr(self, k) == v for k, v in constants.items()):
            return
        for name, value in constants.items():
            setattr(self, name, value)
        training = self.train_function is not None
        self.train_function = None
        self.test_function = None
        self.predict_function = None
        if training:
            self.make_train_function()

    def compiles_anew(self) -> bool:
        """Whether the next training step is the first of a compiled function.

        Asked again of the same function, it is not.
        """
        old, self._seen_function = self._seen_function, self.train_function
        return self.compiles_steps and old is not self.train_function

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose="auto",
        callbacks=None,
        validation_split: float = 0.0,
        validation_data=None,
        shuffle: bool | None = None,
        class_weight=None,
        sample_weight=None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq=1,
    ) -> keras.callbacks.History:
        """Trains the model, as `keras.Model.fit` does.

        A step is one round of the model's algorithm. Where a round has
        several updates on fresh data, `batch_size` counts the examples of
        the whole round. `shuffle` defaults to `True`, but to `False` for
        models whose batches must stay as they are.
        """
        _refuse_weights(
            type(self).__name__,
            sample_weight=sample_weight,
            class_weight=class_weight,
        )
        _refuse_endless(x, steps_per_epoch=steps_per_epoch)
        _refuse_endless(validation_data, validation_steps=validation_steps)
        if batch_size is not None:
            batch_size = operator.index(batch_size)
        if shuffle is None:
            # Keras warns where it cannot shuffle.
            shuffle = is_arrays(x) and not self.ordered_batches
        if self.compiled:
            backend.synchronize([*self.variables, *self.optimizer.variables])
        first = FirstBatch(self._check_training)
        x = self._checked(first, x, y, batch_size, shuffle)
        if is_arrays(x):
            self._check_parts(x, batch_size or 32)
        held_out = FirstBatch(self._check)
        if validation_data is not None:
            pair = keras.utils.unpack_x_y_sample_weight(validation_data)[:2]
            size = validation_batch_size or batch_size
            checked = self._checked(held_out, *pair, size)
            if not is_arrays(pair[0]):
                validation_data = checked
        options = {
            "validation_split": validation_split,
            "validation_data": validation_data,
            "shuffle": shuffle,
            "initial_epoch": initial_epoch,
            "steps_per_epoch": steps_per_epoch,
            "validation_steps": validation_steps,
            "validation_batch_size": validation_batch_size,
            "validation_freq": validation_freq,
        }
        callbacks = arrange_callbacks(
            self, callbacks, x, batch_size, epochs, verbose, **options
        )
        with first.raising(), held_out.raising(), self.fitting_scope():
            return super().fit(
                x,
                y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                **options,
            )

    def fitting_scope(self):
        """The context in which `fit` takes its steps."""
        return contextlib.nullcontext()

    def train_on_batch(self, x, *args, **kwargs):
        """Trains on one batch, as `keras.Model.train_on_batch` does.

        The values of NumPy arrays are checked, those of tensors are not.
        """
        self._assert_compile_called("train_on_batch")
        self._check_parts(x)
        self._check_numpy(x, *args, **kwargs)
        self.follow_freezing()
        return super().train_on_batch(x, *args, **kwargs)

    def test_on_batch(self, x, *args, **kwargs):
        """Evaluates one batch, as `keras.Model.test_on_batch` does.

        The values of NumPy arrays are checked, those of tensors are not.
        """
        self._assert_compile_called("test_on_batch")
        self._check_numpy(x, *args, **kwargs)
        return super().test_on_batch(x, *args, **kwargs)

    def _check_numpy(self, x, y=None, *args, **kwargs):
        leaves = keras.tree.flatten((x, y))
        if all(v is None or isinstance(v, np.ndarray) for v in leaves):
            self._check(Batch(x, y))

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        verbose="auto",
        sample_weight=None,
        steps: int | None = None,
        callbacks=None,
        return_dict: bool = False,
        **kwargs,
    ):
        """Evaluates the model, as `keras.Model.evaluate` does.

        Without `return_dict`, the values come in the order of the logs: the
        losses first.
        """
        self._assert_compile_called("evaluate")
        _refuse_weights(type(self).__name__, sample_weight=sample_weight)
        _refuse_endless(x, steps=steps)
        first = FirstBatch(self._check)
        if not kwargs.get("_use_cached_eval_dataset"):
            x = self._checked(first, x, y, batch_size)
        with first.raising():
            logs = super().evaluate(
                x,
                y,
                batch_size=batch_size,
                verbose=verbose,
                steps=steps,
                callbacks=callbacks,
                return_dict=True,
                **kwargs,
            )
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` and `train_on_batch` return."""
        return list(self._loss_tracker.names) if self.compiled else []

    def _flatten_metrics_in_order(self, logs):
        values = [logs[name] for name in self.metrics_names]
        return values if len(values) > 1 else values[0]

    def _check_training(self, batch):
        self._check(batch)
        self._check_parts(batch.x)

    def _check_parts(self, x, batch_size=None):
        """Raises unless a step can divide its batch."""
        size = len(keras.tree.flatten(x)[0])
        size = min(size, batch_size or size)
        if size < self.batch_parts:
            raise ValueError(too_few(self.batch_parts).format(size=size))

    def _checked(self, first, x, y=None, batch_size=None, shuffle=False):
        """`x`, checked now if it is an array, else when it is read."""
        if not is_arrays(x):
            if hasattr(x, "steps_per_epoch"):
                raise ValueError(
                    f"`x` of {type(self).__name__} must be arrays, or a data "
                    f"set of batches. Received: {type(x).__name__}. Pass "
                    "`x.dataset`, with `steps_per_epoch=x.steps_per_epoch`."
                )
            if isinstance(x, list | tuple | dict):
                raise ValueError(
                    f"`x` of {type(self).__name__} must be arrays, or a data "
                    f"set of batches. Received: {type(x).__name__}. Pass "
                    "`np.asarray(x)`."
                )
            return first.watch(x)
        self._check(Batch(x, y), None, batch_size or 32, shuffle)
        return x


def _refuse_endless(x, **steps):
    ((name, value),) = steps.items()
    if value is None and pipelines.is_endless(x):
        raise ValueError(
            f"`{name}` must be given for data without an end. Received: "
            f"{name}=None. Pass the batches of an epoch, such as the "
            "`steps_per_epoch` of a `keras_gen.data.pipeline`."
        )


def _refuse_weights(owner, **weights):
    for name, value in weights.items():
        if value is not None:
            raise ValueError(
                f"`{name}` of {owner} must be None: no loss here is weighted. "
                f"Received: {name}={type(value).__name__}. Pass (x,) or (x, y)."
            )
