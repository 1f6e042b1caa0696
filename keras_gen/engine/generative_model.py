"""The base class of all models: how training steps become a `keras.Model`."""

import os
import typing
import warnings

import keras
from keras import ops

from keras_gen import serving
from keras_gen.engine.building import Building
from keras_gen.engine.data_spec import Batch, check_batch
from keras_gen.engine.fitting import Fitting
from keras_gen.engine.freezing import Freezing, trainable_by_nature
from keras_gen.engine.inference import Inference
from keras_gen.engine.players import assign_optimizers
from keras_gen.engine.records import RunningMeans, Signature
from keras_gen.engine.saveable import Saveable
from keras_gen.engine.trainer import BackendSteps
from keras_gen.engine.updates import Updates

# Keras sets these on a compiled or fitted model.
RESERVED = ("history", "loss", "metrics", "optimizer", "stop_training")


@keras.saving.register_keras_serializable(package="keras_gen")
class GenerativeModel(
    BackendSteps,
    Building,
    Updates,
    Fitting,
    Inference,
    Freezing,
    Saveable,
    keras.Model,
):
    """A `keras.Model` with its own training algorithm and several players.

    A subclass names its players, builds its networks in the constructor,
    declares its data and writes the loss of each player, once for all
    backends. `training_step`, the algorithm of its paper, is by default one
    update of each player, in their order.

    Class attributes, which may also be set in the constructor:
        players: Dictionary from the name of each player (an optimizer) to
            the names of the attributes that hold the networks it updates.
        logged: Names of the quantities that the steps log, besides the
            players' losses.
        presets: Dictionary from the name of each named configuration to its
            arguments; `"paper"` need not be named if it has none.
        ordered_batches: Boolean. Whether `fit` leaves arrays in their order.
        batch_parts: Integer. Into how many parts a step divides its batch,
            which must have as many examples; the last of an epoch need not.

    A subclass defines:
        data_spec: What data it takes.
        {player}_loss: `(batch, training)`, for each player: a scalar.
        default_optimizer: The optimizer of each player in a bare `compile()`;
            or default_optimizers, where they differ.
        call, signatures: What `model(inputs)` and a served model do.

    Args:
        seed: Integer, or `None` to draw one. All randomness of the model
            follows from it. The order in which `fit` shuffles arrays is
            Keras', and follows `keras.utils.set_random_seed`.
        name: String or `None`. The name of the model.
        dtype: String, `keras.DTypePolicy` or `None`. The dtype policy.

    Args of methods:
        x: Array of `n` examples, or a data set of batches of them.
        num_samples: Integer. How many samples.
        labels: Array of `n` classes, or one for all, for a conditional
            model. Defaults to each class in turn.
        seed: Integer for the same result each time, or `None` to draw from
            the model's own seed.
        batch_size: Integer. How many examples are computed at a time.

    Example:

    ```python
    class LeastSquares(keras_gen.GenerativeModel):
        players = {"model": ["network"]}

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.network = self.network_of(
                "network",
                None,
                lambda: keras.Sequential(
                    [keras.Input((2,)), keras.layers.Dense(1)]
                ),
            )

        def data_spec(self):
            return Batch(x=Examples((2,)), y=Examples((1,)))

        def call(self, inputs):
            return self.network(inputs)

        def model_loss(self, batch, training):
            return ops.mean((batch.y - self.network(batch.x)) ** 2)
    ```
    """

    players: typing.ClassVar[dict[str, list[str]]] = {}
    logged: typing.ClassVar[tuple[str, ...]] = ()
    ordered_batches: typing.ClassVar[bool] = False
    batch_parts: int = 1
    # What the bases ask of a subclass: attributes and methods.
    must_set: typing.ClassVar[tuple[str, ...]] = ()
    must_define: typing.ClassVar[tuple[str, ...]] = ("data_spec",)

    def __init__(
        self,
        seed: int | None = None,
        name: str | None = None,
        dtype: typing.Any = None,
    ):
        if keras.config.image_data_format() != "channels_last":
            raise ValueError(
                "The image data format of Keras must be 'channels_last', as "
                "the shapes of all models are. Received: 'channels_first'. "
                "Call `keras.config.set_image_data_format('channels_last')`."
            )
        super().__init__(name=name, dtype=dtype)
        self._traced_step = self._seen_function = None
        self.seed = seed
        self._scopes_opened = 0
        for counter in ("epochs_seen", "steps_seen", "examples_seen"):
            setattr(self, counter, self.add_state(counter, 0, (), "int32"))
        self.built = True

    def add_state(
        self, name: str, value: float, shape: tuple = (), dtype=None
    ) -> keras.Variable:
        """Adds a weight that no player trains, and that is saved."""
        return self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(value),
            dtype=dtype,
            trainable=False,
            name=name,
        )

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.presets = {"paper": {}, **cls.presets}
        for name in RESERVED:
            if name in vars(cls):
                raise TypeError(
                    f"A model must not define `{name}`, which Keras sets. "
                    f"Received: {cls.__name__}.{name}. Rename it."
                )

    # ---- Players ----------------------------------------------------------

    @property
    def loss_names(self) -> dict[str, str]:
        """The name under which each player's loss is logged."""
        if len(self.players) == 1:
            return dict.fromkeys(self.players, "loss")
        return {player: f"{player}_loss" for player in self.players}

    def player_variables(self, player: str) -> list[keras.Variable]:
        """The variables that `player` updates while they are trainable."""
        networks = [getattr(self, name) for name in self.players[player]]
        return [
            variable
            for network in keras.tree.flatten(networks)
            for variable in trainable_by_nature(network)
        ]

    def player_loss(self, player: str, batch: Batch, training: bool):
        """A player's loss of a batch, as `{player}_loss` defines it."""
        loss = getattr(self, f"{player}_loss", None)
        if loss is None:
            raise NotImplementedError(
                f"{type(self).__name__} needs `{player}_loss(batch, training)`."
            )
        return loss(batch, training=training)

    def regularization(self, player: str):
        """The sum of the regularizers of a player's variables."""
        return sum(
            ops.cast(variable.regularizer(variable), "float32")
            for variable in self.optimizer.player_variables(player)
            if variable.trainable and variable.regularizer is not None
        )

    # ---- Data -------------------------------------------------------------

    def data_spec(self) -> Batch:
        """What data the model takes: a `Batch` of specs."""
        raise NotImplementedError(f"{type(self).__name__} needs `data_spec`.")

    def check_data(self, x, y=None) -> None:
        """Checks shapes and values of arrays against `data_spec()`.

        Args:
            x: Array of examples, or the structure of arrays that `fit` takes.
            y: What goes with them, or `None` to check `x` alone.

        Raises:
            ValueError: If they do not fit.
        """
        spec = self.data_spec()
        self._check(Batch(x, y), Batch(spec.x) if y is None else spec)

    def _check(self, batch, spec=None, batch_size=None, shuffle=False):
        spec = self.data_spec() if spec is None else spec
        check_batch(type(self).__name__, spec, batch, batch_size, shuffle)

    # ---- Compiling --------------------------------------------------------

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The optimizers of the paper, which a bare `compile()` uses."""
        return {player: self.default_optimizer() for player in self.players}

    def default_optimizer(self) -> keras.optimizers.Optimizer:
        """A new optimizer of the paper, if all players have the same."""
        raise NotImplementedError(
            f"{type(self).__name__} has no optimizers of its own: pass "
            "`compile(optimizer=...)`, or define `default_optimizers`."
        )

    def compile(
        self,
        optimizer=None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        **unsupported,
    ):
        """Prepares the model for training.

        Args:
            optimizer: `None` for the optimizers of the paper; one optimizer
                (an object, a name), of which each player gets a copy; or a
                dictionary from each player's name to its optimizer.
            run_eagerly: Boolean. Whether each step runs as the Python that it
                is, to debug. If not, its operations are recorded and run
                without it: on TensorFlow and JAX from the first step, on
                PyTorch when a shape of batches has come 32 times, with the
                same numbers.
            steps_per_execution: Integer. The number of batches in each call
                of the compiled function. Must be 1 on PyTorch.
            jit_compile: Boolean or `"auto"`. Whether steps are compiled by
                XLA (TensorFlow, JAX) or Inductor (PyTorch). `"auto"` follows
                Keras: JAX always, TensorFlow on accelerators, PyTorch never.
            auto_scale_loss: Boolean. Whether each player's loss is scaled
                under the dtype policy `"mixed_float16"`.
        """
        if unsupported:
            raise TypeError(
                f"`compile` of {type(self).__name__} must be given optimizers "
                f"alone: the losses are the model's. Received: "
                f"{', '.join(unsupported)}. For metrics, pass "
                "`keras_gen.callbacks.EvaluateMetrics` to `fit`."
            )
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
        variables = {
            player: self.player_variables(player) for player in self.players
        }
        for player, owned in variables.items():
            if not owned and self.players[player]:
                warnings.warn(
                    f"The networks of the player {player!r} have no weights, "
                    f"so it learns nothing: {self.players[player]}. Build "
                    "them before `compile`.",
                    stacklevel=2,
                )
        group.build_players(variables)
        super().compile(
            optimizer=group,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        self.trainable_flags = self.flags_of_variables()
        # Past Keras' tracking, as its own tracker of the loss is set.
        means = RunningMeans([*self.loss_names.values(), *self.logged])
        object.__setattr__(self, "_loss_tracker", means)
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

    # ---- What a step does -------------------------------------------------

    def training_step(self, batch: Batch) -> None:
        """One round of the paper's algorithm, through `minimize`."""
        for player in self.players:
            self.minimize(player, batch)

    def evaluation_step(self, batch: Batch) -> None:
        """Logs the players' losses of held-out data."""
        for player, name in self.loss_names.items():
            loss = self.player_loss(player, batch, training=False)
            self.log(**{name: loss + self.regularization(player)})

    # ---- Inference --------------------------------------------------------

    def signatures(self) -> dict[str, Signature]:
        """The functions that `export` puts in a SavedModel.

        `"serving_default"` is `model(inputs)`.
        """
        raise NotImplementedError(f"{type(self).__name__} needs `signatures`.")

    def served_networks(self) -> list[keras.layers.Layer]:
        """The networks whose weights the served functions use."""
        return [self]

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        overwrite: bool = False,
        verbose: bool | None = None,
        **kwargs,
    ):
        """Exports the model for serving.

        Args:
            filepath: Folder to write, such as `"saved_models/dcgan/1"`.
            format: String. `"tf_saved_model"` has a named signature for each
                use of the model, as `keras_gen.serving.export` describes.
                Other formats are those of `keras.Model.export`.
            overwrite: Boolean. Whether an existing folder may be replaced.
            verbose: Boolean. Whether Keras prints a message, for other
                formats, which hold `model(inputs)` alone.
            **kwargs: Further arguments of `keras.Model.export`.
        """
        if format == "tf_saved_model" and not kwargs:
            return serving.export(self, filepath, overwrite=overwrite)
        specs = self.signatures()["serving_default"].inputs.values()
        inputs = [
            keras.InputSpec(dtype=spec.dtype, shape=(None, *spec.shape))
            for spec in specs
        ]
        signature = inputs if len(inputs) == 1 else [inputs]
        kwargs = {"input_signature": signature, "verbose": verbose, **kwargs}
        return super().export(os.fspath(filepath), format=format, **kwargs)
