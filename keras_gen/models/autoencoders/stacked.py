"""Layer-wise pretraining of a classifier by autoencoders."""

import keras
import numpy as np
from keras import layers, ops

from keras_gen.engine import GenerativeModel, Signature
from keras_gen.models.autoencoders.autoencoder import (
    as_tuple,
    four_times_glorot,
)
from keras_gen.models.networks import mlp_encoder
from keras_gen.models.reconstructing import class_labels
from keras_gen.precision import at_least_float32


class StackedAutoencoder(GenerativeModel):
    """Logistic layers and a softmax, each layer first an autoencoder.

    A subclass defines `layer_autoencoder(index)`, which makes the
    autoencoder that trains `encoders[index]`.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Tuple. The units of the layers, the lowest first.
        num_classes: Integer.
        seed: Integer or `None`.
    """

    players = {"model": ["encoders", "classifier"]}
    logged = ("accuracy",)

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden_units: tuple[int, ...],
        num_classes: int,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self.input_shape = tuple(input_shape)
        self.num_classes = num_classes
        units = as_tuple(hidden_units)
        shapes = [self.input_shape, *((size,) for size in units)]
        with self.building_scope():
            self.encoders = [
                mlp_encoder(
                    shape,
                    (),
                    {"code": size},
                    head_activation="sigmoid",
                    initializer=four_times_glorot,
                    name=f"encoder_{index}",
                )
                for index, (shape, size) in enumerate(
                    zip(shapes, units, strict=False)
                )
            ]
            # The paper's logistic regression starts from zero.
            self.classifier = keras.Sequential(
                [
                    keras.Input((units[-1],)),
                    layers.Dense(num_classes, kernel_initializer="zeros"),
                ],
                name="classifier",
            )

    def layer_autoencoder(self, index: int):
        """An autoencoder whose encoder is `encoders[index]`."""
        raise TypeError(
            f"{type(self).__name__} defines no `layer_autoencoder`."
        )

    def layer_seed(self, index: int):
        """The seed of a layer's autoencoder."""
        return None if self.seed is None else self.seed + index

    def default_optimizers(self):
        return {"model": keras.optimizers.SGD(0.1)}

    # ---- Training ---------------------------------------------------------

    def pretrain(
        self,
        x: np.ndarray,
        epochs: int = 15,
        batch_size: int = 20,
        optimizer=None,
        verbose="auto",
    ) -> list[keras.Model]:
        """Trains each layer as an autoencoder of the codes below it.

        Args:
            x: Array of shape `(n, *input_shape)`.
            epochs: Integer. Passes over the data for each layer.
            batch_size: Integer.
            optimizer: Function that makes an optimizer, or `None` for the
                autoencoder's own.
            verbose: As in `fit`.

        Returns:
            List of the trained autoencoders, the lowest first. Their
            encoders are the model's own; their `history` has the losses.
        """
        x = self.checked(x)
        trained = []
        for index, encoder in enumerate(self.encoders):
            autoencoder = self.layer_autoencoder(index)
            autoencoder.compile(None if optimizer is None else optimizer())
            if verbose:
                size = encoder.output_shape[-1]
                print(f"Layer {index + 1} of {len(self.encoders)}: {size}")
            autoencoder.fit(
                x, batch_size=batch_size, epochs=epochs, verbose=verbose
            )
            trained.append(autoencoder)
            x = autoencoder.encode(x, batch_size=1000)
        return trained

    def check_arrays(self, x, y):
        if y is not None and (y.min() < 0 or y.max() >= self.num_classes):
            raise ValueError(
                f"Labels must be from 0 to {self.num_classes - 1}, as "
                f"`num_classes={self.num_classes}` says. Received labels "
                f"from {y.min()} to {y.max()}."
            )

    def prepare_batch(self, batch):
        if tuple(batch.x.shape[1:]) != self.input_shape:
            raise ValueError(
                f"{type(self).__name__} was built for inputs of shape "
                f"{(None, *self.input_shape)}. Received: "
                f"shape={tuple(batch.x.shape)}. Resize the data or build the "
                f"model with `input_shape={tuple(batch.x.shape[1:])}`."
            )
        if batch.y is None:
            raise ValueError(
                f"{type(self).__name__} classifies. Received data without "
                "labels. Call `fit(x, labels)`, or `pretrain(x)`."
            )
        return batch._replace(
            x=ops.cast(batch.x, "float32"),
            y=class_labels(type(self).__name__, batch.y),
        )

    def logits(self, x, training=False):
        """The logits of the classes."""
        for encoder in self.encoders:
            x = encoder(x, training=training)
        return at_least_float32(self.classifier(x, training=training))

    def classification_loss(self, batch, training):
        """Mean cross-entropy of the classes, in nats."""
        logits = self.logits(batch.x, training)
        hits = ops.equal(ops.argmax(logits, axis=-1), batch.y)
        self.log(accuracy=ops.mean(ops.cast(hits, "float32")))
        return ops.mean(
            keras.losses.sparse_categorical_crossentropy(
                batch.y, logits, from_logits=True
            )
        )

    def training_step(self, batch):
        self.minimize("model", lambda: self.classification_loss(batch, True))

    def evaluation_step(self, batch):
        self.log(loss=self.classification_loss(batch, False))

    # ---- Inference --------------------------------------------------------

    def checked(self, x) -> np.ndarray:
        """`x` as a float32 array, if it has the model's shape."""
        x = np.asarray(x, "float32")
        if x.shape[1:] != self.input_shape:
            raise ValueError(
                f"{type(self).__name__} takes a batch of shape "
                f"{(None, *self.input_shape)}. Received: shape={x.shape}."
            )
        return x

    def call(self, inputs, training=False):
        """The probabilities of the classes."""
        return ops.softmax(self.logits(inputs))

    def code_step(self, x):
        """The highest codes of a batch."""
        for encoder in self.encoders:
            x = encoder(x)
        return at_least_float32(x)

    def encode(self, x, batch_size: int = 256) -> np.ndarray:
        """The highest codes of examples.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, hidden_units[-1])`.
        """
        return self.run_batched(
            self.code_step, self.checked(x), batch_size=batch_size
        )

    def classify(self, x, batch_size: int = 256) -> np.ndarray:
        """The most probable class of each example.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Integer array of shape `(n,)`.
        """
        probabilities = self.run_batched(
            self, self.checked(x), batch_size=batch_size
        )
        return probabilities.argmax(axis=-1)

    def signatures(self):
        x = {"x": (None, *self.input_shape)}
        return {
            "serving_default": Signature(self.call, x, ("probabilities",)),
            "encode": Signature(self.code_step, x, ("code",)),
        }

    def served_networks(self):
        return [*self.encoders, self.classifier]
