"""The semi-supervised adversarial autoencoder.

A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644 (section 5)

The encoder has two outputs, the probabilities `y` of the classes and the style
`z`. One discriminator holds `y` against one-hot vectors of classes that are
all as likely, another holds `z` against a normal distribution. Each step is

    reconstruction:  E[||x - G(y, z)||^2] / 2, for encoder and decoder,
    regularisation:  both discriminators, then the encoder against both,
    supervision:     the cross-entropy of the examples with labels, for the
                     encoder.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.engine import Signature, noise, replica_mean
from keras_gen.models.autoencoders.aae import AdversarialAutoencoder
from keras_gen.models.autoencoders.aae_classes import (
    ClassConditional,
    Labelled,
    StyleDecoding,
)
from keras_gen.models.autoencoders.priors import (
    Categorical,
    Prior,
    make_prior,
)
from keras_gen.models.networks import mlp_encoder
from keras_gen.precision import at_least_float32

PLAYERS = {
    "autoencoder": ["encoder", "decoder"],
    "class_discriminator": ["class_discriminator"],
    "style_discriminator": ["style_discriminator"],
    "encoder": ["encoder"],
}


class CategoricalAAE(ClassConditional, AdversarialAutoencoder):
    """What the adversarial autoencoders that classify share.

    A subclass has `num_classes`, among its arguments or as a property.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the hidden layers.
        latent_dim: Integer. The size of the style.
        prior: What the styles are to be distributed like, as in `AAE`.
        prior_std: Float. The standard deviation of the prior `"normal"`.
        input_noise: Float. The standard deviation of the noise that is added
            to what the encoder sees in training.
        output_activation: Name of the activation of the reconstruction.
        initial_std: Float or `None`. The standard deviation of the kernels
            at the start, or Glorot's.
        networks: Tuple of the encoder, the decoder, the discriminator of
            classes and that of styles, each a `keras.Model` or `None`.
        seed: Integer or `None`.
    """

    players = PLAYERS
    rates = {
        "autoencoder": (0.01, 0.9),
        "class_discriminator": (0.1, 0.1),
        "style_discriminator": (0.1, 0.1),
        "encoder": (0.1, 0.1),
        "classifier": (0.1, 0.9),
        "heads": (0.01, 0.9),
    }
    decoder_labels = True

    def __init__(
        self,
        input_shape,
        hidden_units,
        latent_dim,
        prior,
        prior_std,
        input_noise,
        output_activation,
        initial_std,
        networks,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            input_shape,
            hidden_units,
            output_activation,
            initial_std,
            seed=seed,
            **kwargs,
        )
        self.input_noise = input_noise
        self.noise_seed = self.seed_generator("input noise")
        encoder, decoder, of_classes, of_styles = networks
        with self.building_scope():
            self.encoder = encoder or mlp_encoder(
                self.input_shape,
                self.hidden_units,
                {"class_logits": self.num_classes, "style": latent_dim},
                initializer=self.initializer,
            )
            self.latent_dim = self.code_size(self.encoder)
            self.fitting("encoder", self.encoder, [self.input_shape])
            classes = self.num_classes if self.decoder_labels else 0
            self.set_decoder(decoder, classes + self.latent_dim)
            self.class_discriminator = self.discriminator_of(
                self.num_classes, of_classes, "class_discriminator"
            )
            self.style_discriminator = self.discriminator_of(
                self.latent_dim, of_styles, "style_discriminator"
            )
        self.prior = make_prior(prior, self.latent_dim, prior_std)
        self.class_prior = Categorical(self.num_classes)
        self.class_prior_seed = self.seed_generator("class prior")

    def code_size(self, encoder):
        shapes = [tuple(output.shape) for output in encoder.outputs]
        if len(shapes) != 2 or shapes[0] != (None, self.num_classes):
            raise ValueError(
                "The encoder makes logits of shape (batch, "
                f"{self.num_classes}) and styles of shape (batch, "
                f"latent_dim). Received one with outputs of shape {shapes}."
            )
        return shapes[1][-1]

    # ---- Losses -----------------------------------------------------------

    def encoded(self, x, training=False):
        """The logits of the classes and the styles of a batch."""
        if training and self.input_noise:
            shape = (ops.shape(x)[0], *self.input_shape)
            x = x + self.input_noise * noise.normal(shape, self.noise_seed)
        logits, styles = self.encoder(x, training=training)
        return at_least_float32(logits), at_least_float32(styles)

    def parts(self, x, training=False):
        """The probabilities of the classes and the styles of a batch."""
        logits, styles = self.encoded(x, training)
        return ops.softmax(logits, axis=-1), styles

    def phase_weights(self, batch):
        """The weight of each example in reconstruction and regularisation.

        Tensor of shape `(batch,)`, with a mean of 1 over the batch that all
        workers share, or `None` for equal weights.
        """
        return None

    def autoencoder_loss(self, batch, training):
        joined = self.join(*self.parts(batch.x, training))
        outputs = self.decoder(joined, training=training)
        weights = self.phase_weights(batch)
        if weights is not None:
            weights = ops.reshape(weights, (-1, *[1] * len(self.input_shape)))
        return self.reconstruction_loss(self.target(batch), outputs, weights)

    def scores(self, discriminator, codes, training):
        """The logits of a discriminator."""
        logits = discriminator(codes, training=training)
        return at_least_float32(ops.squeeze(logits, axis=-1))

    def class_discriminator_loss(self, batch, training):
        classes, _ = self.parts(batch.x, training)
        size = ops.shape(batch.x)[0]
        real = self.class_prior.sample(size, seed=self.class_prior_seed)
        return self.separation_loss(
            self.class_discriminator, real, classes, batch, training
        )

    def style_discriminator_loss(self, batch, training):
        _, styles = self.parts(batch.x, training)
        size = ops.shape(batch.x)[0]
        real = self.prior.sample(size, seed=self.prior_seed)
        return self.separation_loss(
            self.style_discriminator, real, styles, batch, training
        )

    def separation_loss(self, discriminator, real, fake, batch, training):
        real = self.scores(discriminator, real, training)
        fake = self.scores(discriminator, ops.stop_gradient(fake), training)
        return ops.mean(ops.softplus(-real)) + weighted_mean(
            ops.softplus(fake), self.phase_weights(batch)
        )

    def encoder_loss(self, batch, training):
        classes, styles = self.parts(batch.x, training)
        scores = (
            self.scores(self.class_discriminator, classes, training),
            self.scores(self.style_discriminator, styles, training),
        )
        return sum(
            weighted_mean(ops.softplus(-score), self.phase_weights(batch))
            for score in scores
        )

    def training_step(self, batch):
        self.minimize("autoencoder", lambda: self.autoencoder_loss(batch, True))
        self.minimize(
            "class_discriminator",
            lambda: self.class_discriminator_loss(batch, True),
        )
        self.minimize(
            "style_discriminator",
            lambda: self.style_discriminator_loss(batch, True),
        )
        self.minimize("encoder", lambda: self.encoder_loss(batch, True))

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        return self.parts(x)[1]

    def probabilities_step(self, x):
        """The probabilities of the classes of a batch."""
        return self.parts(x)[0]

    def call(self, inputs, training=False):
        """Reconstructs."""
        return self.decode_parts(*self.parts(inputs))

    def class_probabilities(self, x, batch_size: int = 256) -> np.ndarray:
        """How probable each class or cluster is.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array whose row for each example sums to one.
        """
        return self.run_batched(
            self.probabilities_step, self.checked(x), batch_size=batch_size
        )

    def assign(self, x, batch_size: int = 256) -> np.ndarray:
        """The most probable class or cluster of each example.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Integer array of shape `(n,)`.
        """
        return self.class_probabilities(x, batch_size).argmax(axis=-1)

    def classify(self, x, batch_size: int = 256) -> np.ndarray:
        """The class of each example.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Integer array of shape `(n,)`.
        """
        return self.assign(x, batch_size)

    def signatures(self):
        x = {"x": (None, *self.input_shape)}
        classify = Signature(self.probabilities_step, x, ("probabilities",))
        return {
            "serving_default": Signature(self.call, x, ("reconstruction",)),
            "encode": Signature(self.encode_step, x, ("code",)),
            "classify": classify,
            "decode": self.decode_signature(),
        }


class SupervisedPhase(Labelled):
    """Mixed in where the examples with labels train the encoder."""

    def phase_weights(self, batch):
        if self.labelled_in_all_phases or not self.supervised:
            return None
        unlabelled = ops.cast(batch.y < 0, "float32")
        share = replica_mean(ops.mean(unlabelled))
        return ops.divide_no_nan(unlabelled, share)

    def classifier_loss(self, batch, training):
        """Mean cross-entropy of the examples with labels, in nats."""
        logits, _ = self.encoded(batch.x, training)
        labelled = ops.cast(batch.y >= 0, "float32")
        labels = ops.maximum(batch.y, 0)
        share = replica_mean(ops.mean(labelled))
        hits = ops.cast(
            ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), labels),
            "float32",
        )
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )
        self.log(accuracy=ops.divide_no_nan(ops.mean(labelled * hits), share))
        return ops.divide_no_nan(ops.mean(labelled * losses), share)


@keras.saving.register_keras_serializable(package="keras_gen")
class SemiSupervisedAAE(SupervisedPhase, StyleDecoding, CategoricalAAE):
    """Adversarial autoencoder that classifies, from few labels.

    Train it with `fit(x, labels)`, where unlabelled examples have -1. Each
    batch should have some examples with labels, of all classes alike.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the hidden layers of the
            encoder and the discriminators; the decoder has them in reverse.
        latent_dim: Integer. The size of the style.
        num_classes: Integer.
        prior: What the styles are to be distributed like, as in `AAE`.
        prior_std: Float. The standard deviation of the prior `"normal"`.
        input_noise: Float. The standard deviation of the noise that is added
            to what the encoder sees in training.
        labelled_in_all_phases: Boolean. Whether the examples with labels
            take part in reconstruction and regularisation too. If not, only
            the others do: the paper has minibatches of their own for the
            supervised phase.
        output_activation: As in `AAE`.
        initial_std: As in `AAE`.
        encoder: `keras.Model` from `x` to the logits of the classes and the
            style.
        decoder: `keras.Model` from the probabilities of the classes and the
            style, joined to `num_classes + latent_dim` numbers, to `x`.
        class_discriminator: `keras.Model` from one-hot classes to a logit of
            shape `(batch, 1)`.
        style_discriminator: The same from styles.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.SemiSupervisedAAE((28, 28, 1), num_classes=10)
    model.compile()
    model.fit(images, labels, batch_size=200, epochs=20)  # -1: no label
    classes = model.classify(test_images)
    ```

    A bare `compile()` uses the paper's gradient descent: rate 0.01 and
    momentum 0.9 for the reconstruction, 0.1 and 0.1 for the adversarial
    updates, 0.1 and 0.9 for the supervised one. The paper divides the rates
    by ten at the epochs 50 and 1000.

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644)
    """

    players = {**PLAYERS, "classifier": ["encoder"]}
    logged = (*CategoricalAAE.logged, "accuracy")

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000),
        latent_dim: int = 10,
        num_classes: int = 10,
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
        self.labelled_in_all_phases = labelled_in_all_phases

    def training_step(self, batch):
        super().training_step(batch)
        self.minimize("classifier", lambda: self.classifier_loss(batch, True))


def weighted_mean(terms, weights):
    """The mean of terms, times weights of mean 1 if there are any."""
    return ops.mean(terms if weights is None else weights * terms)
