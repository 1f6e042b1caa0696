"""The adversarial autoencoder.

A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644

An encoder `E`, a decoder `G`, and a discriminator of codes with the logit `d`.
Each step has three updates, each by an optimizer of its own:

    reconstruction,  E and G:  L_R = E[||x - G(E(x))||^2] / 2,
    regularization,  d:        L_D = E[softplus(-d(z))] + E[softplus(d(E(x)))],
    regularization,  E:        L_E = E[softplus(-d(E(x)))],

with `z` from the prior. This matches the aggregated posterior, the
distribution of the codes of all examples, to the prior, from which it must
only be possible to sample.

Labels can be given to the discriminator, so that each class takes a component
of the prior (section 2.3), or to the decoder, so that the code holds what is
left of an example besides its class, its style (section 4).
"""

import keras
import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option
from keras_gen.distributions import Normal
from keras_gen.engine import Labels
from keras_gen.losses import adversarial
from keras_gen.models.autoencoders.aae.base import AdversarialAutoencoder

POSTERIORS = ("deterministic", "gaussian", "universal")


@keras.saving.register_keras_serializable(package="keras_gen")
class AAE(AdversarialAutoencoder):
    """Adversarial autoencoder.

    With labels it is trained by `fit(x, labels)`, where examples without a
    label have -1 if the discriminator is given them.

    Args:
        posterior: String. What the encoder makes of an example:
            `"deterministic"`, a code; `"gaussian"`, the mean and the
            log-variance of a normal distribution; or `"universal"`, a code
            that also depends on noise among the encoder's inputs.
        noise_dim: Integer or `None`. The size of that noise. Defaults to
            `latent_dim`.
        labels: String or `None`. Who is given the labels: `None` for nobody;
            `"discriminator"`, beside a code, with one more class for
            unlabeled examples (-1), whose codes are compared with draws from
            the whole prior, those of the others with draws from the component
            of their class; or `"decoder"`, beside the code.
        num_classes: Integer or `None`. The number of classes. Needed with
            `labels`.
        encoder: `keras.Model` from `x` to what `posterior` says; with
            `"universal"`, from the list of `x` and the noise.
        decoder: `keras.Model` from the code to `x`; with `"decoder"`, from
            the one-hot label and the code, concatenated.
        discriminator: `keras.Model` from the code to a logit of shape
            `(batch, 1)`; with `"discriminator"`, from the code and the
            one-hot label of `num_classes + 1` entries, concatenated.

    Example:

    ```python
    model = keras_gen.AAE((28, 28, 1), latent_dim=8, prior_std=5.0)
    adam = keras.optimizers.Adam
    model.compile({
        "autoencoder": adam(1e-3),
        "discriminator": adam(2e-4, beta_1=0.5),
        "encoder": adam(2e-4, beta_1=0.5),
    })
    model.fit(images, batch_size=100, epochs=5)
    samples = model.sample(64, seed=0)

    model = keras_gen.LabelPriorAAE((28, 28, 1), num_classes=10)
    model.compile()
    model.fit(images, labels, batch_size=100, epochs=20)  # -1: no label
    sevens = model.sample(64, labels=7)
    ```
    """

    players = {
        "autoencoder": ["encoder", "decoder"],
        "discriminator": ["discriminator"],
        "encoder": ["encoder"],
    }
    defaults = {"prior_std": 5.0}

    def __init__(
        self,
        *args,
        latent_dim: int = 8,
        posterior: str = "deterministic",
        noise_dim: int | None = None,
        labels: str | None = None,
        num_classes: int | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("posterior", posterior, POSTERIORS)
        check_option("labels", labels, (None, "discriminator", "decoder"))
        if (labels is None) != (num_classes is None):
            raise ValueError(
                "`labels` and `num_classes` must be given together. Received: "
                f"labels={labels!r}, num_classes={num_classes}."
            )
        self.posterior = posterior
        self.labels = labels
        self.num_classes = num_classes
        if labels == "decoder":
            self.condition = self.labels_spec = Labels(num_classes)
        elif labels == "discriminator":
            self.labels_spec = Labels(num_classes, missing="allowed")

        universal = posterior == "universal"
        names = ("mean", "log_variance")[: 2 if posterior == "gaussian" else 1]
        if encoder is not None:
            noise = [(noise_dim,)] if universal else []
            inputs = [self.input_shape, *noise]
            latent_dim = self.output_sizes("encoder", encoder, inputs)[0]
        heads = dict.fromkeys(names, latent_dim)
        codes = [(latent_dim,)] * len(names)
        noise_dim = (noise_dim or latent_dim) if universal else None
        self.encoder = self.encoder_of(encoder, heads, codes, noise_dim)
        self.latent_dim = self.noise_dim = latent_dim
        if universal:
            inputs = getattr(self.encoder, "inputs", None)
            self.noise_dim = inputs[1].shape[-1] if inputs else noise_dim
        size = latent_dim + (num_classes if labels == "decoder" else 0)
        self.decoder = self.decoder_of(decoder, size)
        size, prior_components = latent_dim, None
        if labels == "discriminator":
            size, prior_components = latent_dim + num_classes + 1, num_classes
        self.discriminator = self.discriminator_of(discriminator, size)
        self.set_prior(prior_components)
        self.posterior_seed = self.seed_generator("posterior")

    def code(self, x, training=False):
        return self.code_given(None, x, training)

    def code_given(self, eps, x, training=False):
        """The codes of a batch, for normal noise or, if `None`, without it."""
        if self.posterior == "universal":
            if eps is None:
                eps = ops.zeros((ops.shape(x)[0], self.noise_dim))
            x = [x, eps]
        outputs = self.encoder(x, training=training)
        if self.posterior != "gaussian":
            return at_least_float32(outputs)
        q = Normal.learned(*outputs)
        return q.mean if eps is None else q.reparameterize(eps)

    def sample_code(self, x, training):
        """The codes of a batch, with the noise of the posterior."""
        if self.posterior == "deterministic":
            return self.code(x, training)
        shape = (ops.shape(x)[0], self.noise_dim)
        eps = noise.normal(shape, self.posterior_seed)
        return self.code_given(eps, x, training)

    def discriminate_step(self, z, batch, training):
        """The discriminator's logits, for codes of a batch."""
        if self.labels == "discriminator":
            # The class after the last is that of the unlabeled.
            index = ops.where(batch.y < 0, self.num_classes, batch.y)
            classes = self.one_hot(index, self.num_classes + 1)
            z = ops.concatenate([z, classes], axis=-1)
        return self.logits(self.discriminator, z, training)

    def autoencoder_loss(self, batch, training):
        z = self.sample_code(batch.x, training)
        if self.labels == "decoder":
            z = self.join(self.one_hot(batch.y), z)
        outputs = self.decoder(z, training=training)
        return self.reconstruction_loss(self.target(batch), outputs)

    def discriminator_loss(self, batch, training):
        n = ops.shape(batch.x)[0]
        labels = batch.y if self.labels == "discriminator" else None
        real = self.prior.sample(n, labels, self.prior_seed)
        fake = ops.stop_gradient(self.sample_code(batch.x, training))
        real = self.discriminate_step(real, batch, training)
        fake = self.discriminate_step(fake, batch, training)
        return adversarial.logistic_discriminator(real, fake)

    def encoder_loss(self, batch, training):
        fake = self.sample_code(batch.x, training)
        fake = self.discriminate_step(fake, batch, training)
        return adversarial.non_saturating_generator(fake)

    def sample_codes(
        self, x, *, seed: int | None = None, batch_size: int = 256
    ) -> np.ndarray:
        """Samples codes of examples, `(n, latent_dim)`, from the posterior.

        `encode` gives the mean of the posterior `"gaussian"`, and the code
        for zero noise of `"universal"`.
        """

        def step(x, eps):
            return self.code_given(eps, x)

        x = self.as_examples(x)
        seed = self.posterior_seed if seed is None else seed
        eps = ops.convert_to_numpy(noise.normal((len(x), self.noise_dim), seed))
        return self.run(step, x, eps, batch_size=batch_size)

    def sample_latents(self, num_samples, labels=None, seed=None):
        if self.labels != "discriminator":
            return super().sample_latents(num_samples, labels, seed)
        if labels is not None:
            spec, owner = Labels(self.num_classes), type(self).__name__
            labels = spec.conditions(owner, labels, num_samples)
            labels = ops.convert_to_tensor(labels)
        seed = self.prior_seed if seed is None else seed
        return self.prior.sample(num_samples, labels=labels, seed=seed), None


@keras.saving.register_keras_serializable(package="keras_gen")
class LabelPriorAAE(AAE):
    """Adversarial autoencoder whose prior has a component for each class.

    `AAE` with `labels="discriminator"`, as in the paper's section 2.3.
    """

    defaults = dict(
        labels="discriminator", num_classes=10, prior="mixture", latent_dim=2
    )


@keras.saving.register_keras_serializable(package="keras_gen")
class SupervisedAAE(AAE):
    """Adversarial autoencoder whose decoder is given the class.

    `AAE` with `labels="decoder"`, as in the paper's section 4. The code comes
    to hold the style; `model([x, labels])` reconstructs.
    """

    defaults = dict(
        labels="decoder", num_classes=10, latent_dim=15, prior_std=1.0
    )
