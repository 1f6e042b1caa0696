"""Clustering and dimensionality reduction by adversarial autoencoders.

A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644 (sections 6 and 7)

For clustering, `SemiSupervisedAAE` without its supervised phase: the classes
become clusters.

For dimensionality reduction the decoder sees the code `y W + z` instead of
`y` and `z`: each class or cluster has a head, a row of `W`, and the style
moves the code around it. `W` is trained with the reconstruction, and by an
update of its own that pushes apart the heads closer than `eta`:

    L_W = sum_{i<j} max(0, eta - ||W_i - W_j||).
"""

import keras
import numpy as np
from keras import layers, ops

from keras_gen.engine import Signature
from keras_gen.models.autoencoders.aae_classes import UNLABELLED, StyleDecoding
from keras_gen.models.autoencoders.aae_semi import (
    PLAYERS,
    CategoricalAAE,
    SupervisedPhase,
)
from keras_gen.models.autoencoders.priors import Prior
from keras_gen.precision import at_least_float32


class Clusters:
    """Mixed in where no labels are given, and clusters get theirs later."""

    def add_cluster_labels(self):
        self.cluster_labels = self.add_weight(
            shape=(self.num_classes,),
            initializer=keras.initializers.Constant(UNLABELLED),
            dtype="int32",
            trainable=False,
            name="cluster_labels",
        )

    def label_clusters(self, x, y, batch_size: int = 256) -> np.ndarray:
        """Gives each cluster the class of the example that is surest in it.

        The classes are saved with the model. `classify` needs them.

        Args:
            x: Array of shape `(n, *input_shape)`: held-out examples.
            y: Integer array of shape `(n,)`, their classes.
            batch_size: Integer.

        Returns:
            Integer array, the class of each cluster.
        """
        y = np.asarray(y).reshape(-1)
        if len(x) != len(y) or len(y) == 0:
            raise ValueError(
                "Each example has a class. Received: "
                f"{len(x)} examples and {len(y)} classes."
            )
        surest = self.class_probabilities(x, batch_size).argmax(axis=0)
        self.cluster_labels.assign(y[surest].astype("int32"))
        return y[surest]

    def classify(self, x, batch_size: int = 256):
        labels = ops.convert_to_numpy(self.cluster_labels)
        if labels.min() < 0:
            raise ValueError(
                "The clusters have no classes yet. Call `label_clusters(x, "
                "y)` with held-out examples, or `assign(x)` for the clusters."
            )
        return labels[self.assign(x, batch_size)]


@keras.saving.register_keras_serializable(package="keras_gen")
class ClusteringAAE(Clusters, StyleDecoding, CategoricalAAE):
    """Adversarial autoencoder that finds clusters, without labels.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: As in `SemiSupervisedAAE`.
        latent_dim: Integer. The size of the style.
        num_clusters: Integer.
        prior: As in `SemiSupervisedAAE`.
        prior_std: As in `SemiSupervisedAAE`.
        input_noise: As in `SemiSupervisedAAE`.
        output_activation: As in `AAE`.
        initial_std: As in `AAE`.
        encoder: As in `SemiSupervisedAAE`.
        decoder: As in `SemiSupervisedAAE`.
        class_discriminator: As in `SemiSupervisedAAE`.
        style_discriminator: As in `SemiSupervisedAAE`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.ClusteringAAE((28, 28, 1), num_clusters=16)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    model.label_clusters(held_out_images, held_out_labels)
    classes = model.classify(test_images)
    ```

    A bare `compile()` uses the optimizers of `SemiSupervisedAAE`.

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (3000, 3000),
        latent_dim: int = 5,
        num_clusters: int = 16,
        prior: str | Prior = "normal",
        prior_std: float = 1.0,
        input_noise: float = 0.3,
        output_activation: str | None = "sigmoid",
        initial_std: float | None = 0.01,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        class_discriminator: keras.Model | None = None,
        style_discriminator: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            input_shape,
            hidden_units,
            latent_dim,
            prior,
            prior_std,
            input_noise,
            output_activation,
            initial_std,
            (encoder, decoder, class_discriminator, style_discriminator),
            seed=seed,
            **kwargs,
        )
        self.add_cluster_labels()

    @property
    def num_classes(self):
        """The number of clusters."""
        return self._arguments["num_clusters"]


@keras.saving.register_keras_serializable(package="keras_gen")
class DimReductionAAE(Clusters, SupervisedPhase, CategoricalAAE):
    """Adversarial autoencoder whose code is a point near a cluster's head.

    The code of an example is `y W + z`, with the probabilities `y` of the
    classes, the heads `W` and the style `z`. With `supervised`, train it with
    `fit(x, labels)`, where unlabelled examples have -1; without, with
    `fit(x)`.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: As in `SemiSupervisedAAE`.
        latent_dim: Integer. The size of the code, of a head and of the style.
        num_classes: Integer. The number of classes, or of clusters.
        supervised: Boolean. Whether there are labels.
        head_distance: Float. The distance below which heads are pushed
            apart.
        prior: As in `SemiSupervisedAAE`.
        prior_std: As in `SemiSupervisedAAE`.
        input_noise: As in `SemiSupervisedAAE`.
        labelled_in_all_phases: As in `SemiSupervisedAAE`.
        output_activation: As in `AAE`.
        initial_std: As in `AAE`.
        encoder: As in `SemiSupervisedAAE`.
        decoder: `keras.Model` from the code to `x`.
        class_discriminator: As in `SemiSupervisedAAE`.
        style_discriminator: As in `SemiSupervisedAAE`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.DimReductionAAE((28, 28, 1), latent_dim=2)
    model.compile()
    model.fit(images, labels, batch_size=200, epochs=20)  # -1: no label
    points = model.encode(test_images)
    ```

    A bare `compile()` uses the optimizers of `SemiSupervisedAAE`, and for the
    distances of the heads that of the reconstruction.

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644)
    """

    decoder_labels = False

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000),
        latent_dim: int = 2,
        num_classes: int = 10,
        supervised: bool = True,
        head_distance: float = 1.0,
        prior: str | Prior = "normal",
        prior_std: float = 1.0,
        input_noise: float = 0.3,
        labelled_in_all_phases: bool = True,
        output_activation: str | None = "sigmoid",
        initial_std: float | None = 0.01,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        class_discriminator: keras.Model | None = None,
        style_discriminator: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            input_shape,
            hidden_units,
            latent_dim,
            prior,
            prior_std,
            input_noise,
            output_activation,
            initial_std,
            (encoder, decoder, class_discriminator, style_discriminator),
            seed=seed,
            **kwargs,
        )
        self.supervised = supervised
        self.head_distance = head_distance
        self.labelled_in_all_phases = labelled_in_all_phases
        with self.building_scope():
            self.cluster_heads = keras.Sequential(
                [
                    keras.Input((self.num_classes,)),
                    layers.Dense(
                        self.latent_dim,
                        use_bias=False,
                        kernel_initializer=self.initializer(),
                    ),
                ],
                name="cluster_heads",
            )
        if not supervised:
            self.add_cluster_labels()

    @property
    def players(self):
        supervised = self._arguments["supervised"]
        return {
            **PLAYERS,
            "autoencoder": ["encoder", "decoder", "cluster_heads"],
            **({"classifier": ["encoder"]} if supervised else {}),
            "heads": ["cluster_heads"],
        }

    @property
    def logged(self):
        names = CategoricalAAE.logged
        return (*names, "accuracy") if self._arguments["supervised"] else names

    @property
    def heads(self):
        """The heads of the clusters, of shape `(num_classes, latent_dim)`."""
        return self.cluster_heads.layers[-1].kernel

    def join(self, classes, styles):
        return at_least_float32(self.cluster_heads(classes)) + styles

    def heads_loss(self, batch, training):
        """How much closer than `head_distance` the heads are."""
        return closeness(ops.convert_to_tensor(self.heads), self.head_distance)

    def training_step(self, batch):
        super().training_step(batch)
        if self.supervised:
            self.minimize(
                "classifier", lambda: self.classifier_loss(batch, True)
            )
        self.minimize("heads", lambda: self.heads_loss(batch, True))

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        return self.join(*self.parts(x))

    def classify(self, x, batch_size: int = 256):
        if self.supervised:
            return self.assign(x, batch_size)
        return super().classify(x, batch_size)

    def label_clusters(self, x, y, batch_size: int = 256):
        if self.supervised:
            raise ValueError(
                "The classes of a supervised model are those of its labels. "
                "Call `classify(x)`, or build it with `supervised=False`."
            )
        return super().label_clusters(x, y, batch_size)

    def decode_signature(self):
        z = {"z": (None, self.latent_dim)}
        return Signature(self.decode_step, z, ("x",))

    def served_networks(self):
        return [*super().served_networks(), self.cluster_heads]


def closeness(heads, distance, epsilon=1e-12):
    """`sum_{i<j} max(0, distance - ||heads_i - heads_j||)`.

    Args:
        heads: Tensor of shape `(heads, size)`.
        distance: Float. The distance at which the penalty ends.
        epsilon: Float. Added to the squared distances, so that their root has
            a derivative.

    Returns:
        Scalar.
    """
    between = ops.expand_dims(heads, 0) - ops.expand_dims(heads, 1)
    squares = ops.sum(ops.square(between), axis=-1)
    missing = ops.relu(distance - ops.sqrt(squares + epsilon))
    return ops.sum(ops.triu(missing, k=1))
