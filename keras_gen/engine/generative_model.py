"""The base class of all models: how training steps become a `keras.Model`."""

import contextlib
import random
import typing
import zlib

import keras
import numpy as np
from keras import ops

from keras_gen.engine import backend
from keras_gen.engine.batched import run_batched
from keras_gen.engine.callbacks import arrange_callbacks
from keras_gen.engine.players import assign_optimizers
from keras_gen.engine.records import (
    Batch,
    RunningMeans,
    Signature,
    refuse_weights,
)
from keras_gen.engine.saveable import Saveable


@keras.saving.register_keras_serializable(package="keras_gen")
class GenerativeModel(backend.BackendSteps, Saveable, keras.Model):
    """A `keras.Model` with its own training algorithm and several players.

    A subclass names its players, builds its networks in the constructor and
    writes `training_step`, the algorithm of its paper, once for all backends.

    Class attributes:
        players: Dictionary from the name of each player (an optimizer) to
            the names of the attributes that hold the networks it updates.
        logged: Names of the quantities that the steps log, besides the
            players' losses.

    Args:
        seed: Integer, or `None` to draw one. All randomness of the model
            follows from it.
        **kwargs: `name` and `dtype` of the `keras.Model`.

    Example:

    ```python
    class LeastSquares(keras_gen.GenerativeModel):
        players = {"model": ["network"]}

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.network = keras.Sequential(
                [keras.Input((2,)), keras.layers.Dense(1)]
            )

        def call(self, inputs):
            return self.network(inputs)

        def error(self, batch):
            return keras.ops.mean((batch.y - self.network(batch.x)) ** 2)

        def training_step(self, batch):
            self.minimize("model", lambda: self.error(batch))

        def evaluation_step(self, batch):
            self.log(loss=self.error(batch))
    ```
    """

    players: typing.ClassVar[dict[str, list[str]]] = {}
    logged: typing.ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self._compiled_step = None
        self.seed = seed
        self._scopes_opened = 0
        self.epochs_seen = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            name="epochs_seen",
        )
        self._means = RunningMeans([*self.loss_names.values(), *self.logged])
        self.built = True

    # ---- Building ---------------------------------------------------------

    @property
    def loss_names(self) -> dict[str, str]:
        """The name under which each player's loss is logged."""
        if len(self.players) == 1:
            return dict.fromkeys(self.players, "loss")
        return {player: f"{player}_loss" for player in self.players}

    def seed_generator(self, purpose: str) -> keras.random.SeedGenerator:
        """A seed generator for one purpose, independent of the others.

        Args:
            purpose: String. The use of the numbers, such as `"latents"`.

        Returns:
            `keras.random.SeedGenerator`. Assign it to an attribute.
        """
        if self.seed is None:
            return keras.random.SeedGenerator()
        # Generators of neighbouring seeds overlap on PyTorch, where Keras
        # adds the seed and the number of the draw.
        mixed = zlib.crc32(f"{self.seed}/{purpose}".encode())
        return keras.random.SeedGenerator(mixed % (2**31 - 1))

    @contextlib.contextmanager
    def building_scope(self):
        """Builds networks in this model's dtype policy, from its seed."""
        policy = keras.config.dtype_policy()
        numbers = random.getstate()
        keras.config.set_dtype_policy(self.dtype_policy)
        if self.seed is not None:
            # What has no seed of its own, Keras seeds from Python's numbers.
            random.seed(f"{self.seed}/networks {self._scopes_opened}")
            self._scopes_opened += 1
        try:
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            if self.seed is not None:
                random.setstate(numbers)

    def build(self, input_shape=None):
        """Does nothing: the constructor has built all networks."""

    def player_variables(self, player: str) -> list[keras.Variable]:
        """The trainable variables that `player` updates."""
        networks = [getattr(self, name) for name in self.players[player]]
        return [
            variable
            for network in keras.tree.flatten(networks)
            for variable in network.trainable_variables
        ]

    # ---- Compiling --------------------------------------------------------

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The optimizers of the paper, which a bare `compile()` uses."""
        raise TypeError(
            f"{type(self).__name__} names no optimizers of its own: pass "
            "`compile(optimizer=...)`, or define `default_optimizers`."
        )

    def compile(
        self,
        optimizer=None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ):
        """Prepares the model for training.

        Args:
            optimizer: `None` for the optimizers of the paper; one optimizer
                (an object, a name), of which each player gets a copy; or a
                dictionary from each player's name to its optimizer.
            run_eagerly: Boolean. Whether steps run uncompiled, to debug.
            steps_per_execution: Integer. The number of batches in each call
                of the compiled function. Must be 1 on PyTorch.
            jit_compile: Boolean or `"auto"`. Whether steps are compiled by
                XLA (TensorFlow, JAX) or Inductor (PyTorch). `"auto"` follows
                Keras: JAX always, TensorFlow on accelerators, PyTorch never.
            auto_scale_loss: Boolean. Whether each player's loss is scaled
                under the dtype policy `"mixed_float16"`.
        """
        defaults = (
            self.default_optimizers()
            if optimizer is None
            else dict.fromkeys(self.players)
        )
        group = assign_optimizers(
            optimizer,
            defaults,
            loss_scaling=auto_scale_loss
            and self.dtype_policy.name == "mixed_float16",
        )
        group.build_players(
            {player: self.player_variables(player) for player in self.players}
        )
        super().compile(
            optimizer=group,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        self._loss_tracker = None
        self._compile_arguments = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }

    def get_compile_config(self):
        if not self.compiled:
            return {}
        optimizer = keras.saving.serialize_keras_object(self.optimizer)
        return {"optimizer": optimizer, **self._compile_arguments}

    def compile_from_config(self, config):
        optimizer = keras.saving.deserialize_keras_object(config["optimizer"])
        self.compile(**{**config, "optimizer": optimizer})

    # ---- Training ---------------------------------------------------------

    def training_step(self, batch: Batch) -> None:
        """One round of the paper's algorithm, through `minimize`."""
        raise TypeError(f"{type(self).__name__} defines no `training_step`.")

    def evaluation_step(self, batch: Batch) -> None:
        """Logs on held-out data what `training_step` logs in training."""
        raise TypeError(f"{type(self).__name__} defines no `evaluation_step`.")

    def minimize(self, player: str, loss_fn):
        """Updates a player's variables by one step of its optimizer.

        The loss is logged under the player's name. Changes that `loss_fn`
        makes to other state, such as the moving statistics of batch
        normalization, last. Regularizers of the player's variables are added
        to the loss.

        Args:
            player: String. A key of `players`.
            loss_fn: Function without arguments that returns the loss, a
                scalar, or a pair of the loss and any structure of tensors.

        Returns:
            The loss, and the structure or `None`. No gradient passes through
            either.
        """
        optimizer = self.optimizer[player]
        variables = self.optimizer.player_variables(player)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)

        def objective():
            loss = loss_fn()
            loss, aux = loss if isinstance(loss, tuple) else (loss, None)
            if len(loss.shape) != 0:
                raise ValueError(
                    f"The loss of the player {player!r} must be a scalar. "
                    f"Received: shape={tuple(loss.shape)}. Reduce it with "
                    "`ops.mean` or `ops.sum`."
                )
            loss = ops.cast(loss, "float32")
            for variable in variables:
                if variable.regularizer is not None:
                    loss = loss + variable.regularizer(variable)
            return optimizer.scale_loss(loss), (loss, aux)

        (loss, aux), gradients = backend.differentiate(objective, variables)
        scale = optimizer.dynamic_scale if scaled else 1.0
        if scaled:
            gradients = [gradient / scale for gradient in gradients]
        gradients = self.transform_gradients(player, gradients)
        if scaled:
            gradients = [gradient * scale for gradient in gradients]
        backend.apply_gradients(optimizer, gradients, variables)
        self.log(**{self.loss_names[player]: loss})
        return loss, aux

    def gradient(self, fn, x):
        """Derivative of `sum(fn(x))` by `x`, itself differentiable.

        Args:
            fn: Function of one tensor that returns one tensor.
            x: Float tensor.

        Returns:
            Tensor of the shape of `x`.
        """
        return backend.gradient(fn, x)

    def transform_gradients(self, player: str, gradients: list) -> list:
        """Hook: the gradients that `player`'s optimizer is given."""
        return gradients

    def log(self, **values) -> None:
        """Adds values to the running means that `fit` reports."""
        unknown = set(values) - set(self._means.names)
        if unknown:
            raise KeyError(
                f"{type(self).__name__} does not log {sorted(unknown)}. It "
                f"logs {list(self._means.names)}: name it in `logged`."
            )
        values = {k: ops.convert_to_tensor(v) for k, v in values.items()}
        values = {k: ops.stop_gradient(v) for k, v in values.items()}
        self._means.update_state(values)

    def split(self, data, updates: int) -> list:
        """Splits a batch into fresh parts, one for each of several updates.

        Args:
            data: Structure of tensors whose first axis is the batch, and
                of `None`.
            updates: Integer. The number of parts.

        Returns:
            List of `updates` structures. Their sizes differ by at most one.
        """
        size = ops.shape(keras.tree.flatten(data)[0])[0]
        backend.require_at_least(
            size,
            updates,
            f"A batch must hold at least one example for each of the {updates} "
            "updates in a training step. Received: batch size {size}. Pass a "
            f"larger batch (a multiple of {updates}) or drop the remainder.",
        )
        bounds = [i * size // updates for i in range(updates + 1)]

        def part(i):
            rows = slice(bounds[i], bounds[i + 1])
            return keras.tree.map_structure(
                lambda x: None if x is None else x[rows], data
            )

        return [part(i) for i in range(updates)]

    def run_step(self, step, data):
        """Runs a step on what `fit` was given, and returns the logs."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        refuse_weights(type(self).__name__, sample_weight)
        step(self.prepare_batch(Batch(x, y)))
        return self._means.result()

    def prepare_batch(self, batch: Batch) -> Batch:
        """Hook: checks the shapes of a batch before each step."""
        return batch

    def check_arrays(self, x, y) -> None:
        """Hook: checks the first examples of the arrays `x` and perhaps `y`."""

    def _check_arrays(self, x, y):
        if isinstance(x, np.ndarray):
            self.check_arrays(x[:1000], None if y is None else y[:1000])

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose="auto",
        callbacks=None,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model, as `keras.Model.fit` does.

        A step is one round of the model's algorithm. Where a round has
        several updates on fresh data, `batch_size` counts the examples of
        the whole round.
        """
        refuse_weights(type(self).__name__, kwargs.get("sample_weight"))
        self._check_arrays(x, y)
        if self.compiled:
            backend.synchronise([*self.variables, *self.optimizer.variables])
        callbacks = arrange_callbacks(
            self, callbacks, x, batch_size, epochs, verbose, **kwargs
        )
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            **kwargs,
        )

    def evaluate(
        self, x=None, y=None, *args, return_dict: bool = False, **kwargs
    ):
        """Evaluates the model, as `keras.Model.evaluate` does.

        Without `return_dict`, the values come in the order of the logs: the
        losses first.
        """
        self._assert_compile_called("evaluate")
        self._check_arrays(x, y)
        logs = super().evaluate(x, y, *args, return_dict=True, **kwargs)
        if return_dict:
            return logs
        values = [logs[name] for name in self._means.names]
        return values if len(values) > 1 else values[0]

    # ---- Inference --------------------------------------------------------

    def signatures(self) -> dict[str, Signature]:
        """The functions that `keras_gen.serving.export` puts in a SavedModel.

        `"serving_default"` is `model(inputs)`.
        """
        raise TypeError(f"{type(self).__name__} names no `signatures`.")

    def served_networks(self) -> list[keras.layers.Layer]:
        """The networks whose weights the served functions use."""
        return [self]

    def run_batched(self, fn, *arrays, batch_size: int = 256):
        """Applies `fn` to slices of arrays and joins the results.

        Args:
            fn: Function of tensors that returns a structure of tensors whose
                first axis is that of its arguments. No gradient is recorded.
            *arrays: Arrays of equal length along the first axis.
            batch_size: Integer. The length of a slice.

        Returns:
            The structure of NumPy arrays.
        """
        return run_batched(fn, *arrays, batch_size=batch_size)
