"""Adversarial autoencoders that classify, or find clusters.

A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644 (sections 5 to 7)

The encoder has two outputs, the class probabilities `y` and the style `z`. One
discriminator compares `y` with one-hot vectors of equally probable classes,
another compares `z` with draws from the prior. Each step is

    reconstruction:  E[||x - G(y, z)||^2] / 2, for encoder and decoder,
    regularization:  both discriminators, then the encoder against both,
    supervision:     the cross-entropy of the labeled examples, for the
                     encoder.

Without the supervised phase the classes become clusters. For dimensionality
reduction the decoder is given the code `y W + z`: each class has a cluster
head, a row of `W`, which is trained with the reconstruction and by an update
of its own that pushes apart the heads closer than `eta`:

    L_W = sum_{i<j} max(0, eta - ||W_i - W_j||).
"""

import keras
import numpy as np
from keras import ops

from keras_gen.backend import noise, replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option
from keras_gen.distributions import Categorical
from keras_gen.engine import Labels
from keras_gen.losses.cluster_heads import cluster_head_penalty
from keras_gen.models.autoencoders.aae.base import AdversarialAutoencoder
from keras_gen.models.classification import ClusterClassifier
from keras_gen.models.conditioning import lines_between
from keras_gen.networks.mlp import dense


@keras.saving.register_keras_serializable(package="keras_gen")
class SemiSupervisedAAE(ClusterClassifier, AdversarialAutoencoder):
    """Adversarial autoencoder that classifies, from few labels or from none.

    Train it with `fit(x, labels)`, where unlabeled examples have -1. Each
    batch should have some labeled examples, of all classes alike. With
    `supervised=False` train it with `fit(x)`; the classes are clusters, which
    `label_clusters` gives their labels.

    Args:
        num_classes: Integer. The number of classes, or of clusters.
        supervised: Boolean. Whether there are labels.
        code: String. What the decoder is given: `"concatenated"` class
            probabilities and style, or `"summed"`, the style around the
            cluster head.
        head_distance: Float. The distance `eta` below which cluster heads are
            pushed apart.
        input_noise: Float. The standard deviation of the noise that is added
            to the encoder's input in training.
        use_labeled_in_all_phases: Boolean. Whether the labeled examples take
            part in reconstruction and regularization too. If not, only the
            others do: the paper has minibatches of their own for the
            supervised phase.
        encoder: `keras.Model` from `x` to the class logits and the style.
        decoder: `keras.Model` from the class probabilities and the style,
            concatenated, or from the summed code, to `x`.
        class_discriminator: `keras.Model` from one-hot classes to a logit of
            shape `(batch, 1)`.
        style_discriminator: The same from styles.

    Example:

    ```python
    model = keras_gen.SemiSupervisedAAE((28, 28, 1), num_classes=10)
    model.compile()
    model.fit(images, labels, batch_size=200, epochs=20)  # -1: no label
    classes = model.classify(test_images)

    model = keras_gen.ClusteringAAE((28, 28, 1), num_classes=16)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    model.label_clusters(held_out_images, held_out_labels)
    classes = model.classify(test_images)
    ```
    """

    infers_condition = True

    def __init__(
        self,
        *args,
        latent_dim: int = 10,
        num_classes: int = 10,
        supervised: bool = True,
        code: str = "concatenated",
        head_distance: float = 1.0,
        input_noise: float = 0.3,
        use_labeled_in_all_phases: bool = True,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        class_discriminator: keras.Model | None = None,
        style_discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("code", code, ("concatenated", "summed"))
        self.num_classes = num_classes
        self.supervised = supervised
        self.summed = code == "summed"
        self.head_distance = head_distance
        self.input_noise = input_noise
        self.use_labeled_in_all_phases = use_labeled_in_all_phases
        self.condition = None if self.summed else Labels(num_classes)
        heads = ["heads"] if self.summed else []
        self.players = {"autoencoder": ["encoder", "decoder", *heads]}
        for name in ("class_discriminator", "style_discriminator", "encoder"):
            self.players[name] = [name]
        if supervised:
            self.players["classifier"] = ["encoder"]
            self.logged = (*self.logged, "accuracy")
            self.labels_spec = Labels(num_classes, missing="allowed")
        else:
            self.add_cluster_labels()
        if self.summed:
            self.players["heads"] = heads

        parts = {"class_logits": num_classes, "style": latent_dim}
        shapes = [(num_classes,), (None,)]
        self.encoder = self.encoder_of(encoder, parts, shapes)
        inputs = [self.input_shape]
        _, self.latent_dim = self.output_sizes("encoder", self.encoder, inputs)
        size = self.latent_dim + (0 if self.summed else num_classes)
        self.decoder = self.decoder_of(decoder, size)
        self.class_discriminator = self.discriminator_of(
            class_discriminator, num_classes, "class_discriminator"
        )
        self.style_discriminator = self.discriminator_of(
            style_discriminator, self.latent_dim, "style_discriminator"
        )
        if self.summed:
            self.heads = self.network_of("heads", None, self.build_heads)
        self.set_prior()
        self.class_prior = Categorical(num_classes)
        self.class_prior_seed = self.seed_generator("class prior")
        self.noise_seed = self.seed_generator("input noise")

    def build_heads(self):
        """The linear map `W` from classes to cluster heads."""
        kernel = dense(self.latent_dim, None, self.initializer, use_bias=False)
        inputs = keras.Input((self.num_classes,))
        return keras.Sequential([inputs, kernel], name="heads")

    # ---- Losses -----------------------------------------------------------

    def encoded(self, x, training=False):
        """The class logits and the styles of a batch."""
        if training and self.input_noise:
            e = noise.normal(ops.shape(x), self.noise_seed)
            x = x + self.input_noise * e
        logits, styles = self.encoder(x, training=training)
        return at_least_float32(logits), at_least_float32(styles)

    def parts(self, x, training=False):
        """The class probabilities and the styles of a batch."""
        logits, styles = self.encoded(x, training)
        return ops.softmax(logits, axis=-1), styles

    def join(self, classes, styles):
        if self.summed:
            return ops.add(at_least_float32(self.heads(classes)), styles)
        return super().join(classes, styles)

    def joined_step(self, x, training=False):
        """The decoder's input, for a batch."""
        return self.join(*self.parts(x, training))

    def unlabeled_weights(self, batch):
        """The weight of each example in reconstruction and regularization.

        A tensor of shape `(batch,)`, with a mean of 1 over the batch that all
        workers share.
        """
        if self.use_labeled_in_all_phases or not self.supervised:
            return ops.ones((ops.shape(batch.x)[0],))
        unlabeled = ops.cast(batch.y < 0, "float32")
        fraction = replica_mean(ops.mean(unlabeled))
        return ops.divide_no_nan(unlabeled, fraction)

    def autoencoder_loss(self, batch, training):
        code = self.joined_step(batch.x, training)
        outputs = self.decoder(code, training=training)
        weights = self.unlabeled_weights(batch)
        weights = ops.reshape(weights, (-1, *[1] * len(self.input_shape)))
        return self.reconstruction_loss(self.target(batch), outputs, weights)

    def class_discriminator_loss(self, batch, training):
        n, seed = ops.shape(batch.x)[0], self.class_prior_seed
        real = self.class_prior.sample(n, seed=seed)
        fake, _ = self.parts(batch.x, training)
        network = self.class_discriminator
        return self.discriminator_loss(network, real, fake, batch, training)

    def style_discriminator_loss(self, batch, training):
        real = self.prior.sample(ops.shape(batch.x)[0], seed=self.prior_seed)
        _, fake = self.parts(batch.x, training)
        network = self.style_discriminator
        return self.discriminator_loss(network, real, fake, batch, training)

    def discriminator_loss(self, discriminator, real, fake, batch, training):
        """`E[softplus(-real)] + E[softplus(fake)]`, the second weighted."""
        real = self.logits(discriminator, real, training)
        fake = self.logits(discriminator, ops.stop_gradient(fake), training)
        weights = self.unlabeled_weights(batch)
        weighted = ops.multiply(weights, ops.softplus(fake))
        return ops.mean(ops.softplus(-real)) + ops.mean(weighted)

    def encoder_loss(self, batch, training):
        classes, styles = self.parts(batch.x, training)
        classes = self.logits(self.class_discriminator, classes, training)
        styles = self.logits(self.style_discriminator, styles, training)
        terms = ops.softplus(-classes) + ops.softplus(-styles)
        return ops.mean(ops.multiply(self.unlabeled_weights(batch), terms))

    def classifier_loss(self, batch, training):
        logits, _ = self.encoded(batch.x, training)
        return self.classification_loss(batch.y, logits)

    def heads_loss(self, batch, training):
        heads = ops.convert_to_tensor(self.heads.layers[-1].kernel)
        return cluster_head_penalty(heads, self.head_distance)

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        return self.joined_step(x) if self.summed else self.parts(x)[1]

    def logits_step(self, x):
        return self.encoded(x)[0]

    def reconstruct_step(self, x, labels=None):
        classes, styles = self.parts(x)
        if labels is not None:
            classes = self.one_hot(labels)
        return self.decode_step(self.join(classes, styles))

    def sample_latents(self, num_samples, labels=None, seed=None):
        """Draws styles; summed codes lie around the heads of the labels."""
        if not self.summed:
            return super().sample_latents(num_samples, labels, seed)
        spec, owner = Labels(self.num_classes), type(self).__name__
        labels = spec.conditions(owner, labels, num_samples)
        styles, _ = super().sample_latents(num_samples, seed=seed)
        return self.join(self.one_hot(labels), styles), None

    # Without labels, the class probabilities are interpolated too.
    def interpolate(self, a, b, *, steps: int = 10, labels=None) -> np.ndarray:
        if labels is not None:
            return super().interpolate(a, b, steps=steps, labels=labels)
        ends = [self.run(self.joined_step, x) for x in (a, b)]
        return self.decode_rows(lines_between(*ends, steps))

    def inferred_labels(self, x):
        return None if self.summed else self.assign(x)


@keras.saving.register_keras_serializable(package="keras_gen")
class ClusteringAAE(SemiSupervisedAAE):
    """Adversarial autoencoder that finds clusters, without labels.

    `SemiSupervisedAAE` with `supervised=False`, as in section 6.
    """

    defaults = dict(
        supervised=False, hidden_units=(3000,) * 2, latent_dim=5, num_classes=16
    )


@keras.saving.register_keras_serializable(package="keras_gen")
class DimReductionAAE(SemiSupervisedAAE):
    """Adversarial autoencoder for dimensionality reduction.

    `SemiSupervisedAAE` with `code="summed"`, as in section 7: the code of an
    example is a point near its cluster head.
    """

    defaults = dict(code="summed", latent_dim=2)
