"""Base class of the adversarial autoencoders."""

import typing
from functools import partial

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import as_units
from keras_gen.distributions import Distribution, resolve_prior
from keras_gen.engine import Batch, Labels
from keras_gen.models.autoencoders.autoencoder import Autoencoder
from keras_gen.models.encoder_decoder import PriorSampling
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


class AdversarialAutoencoder(PriorSampling, Autoencoder):
    """An autoencoder whose aggregated posterior is matched to a prior.

    Args:
        latent_dim: Integer. The size of the code, or of the style where there
            are classes; with an `encoder` of your own, it is the encoder's.
        hidden_units: Integer or tuple. The units of the hidden layers of the
            encoder and the discriminators; the decoder has them in reverse.
        prior: String, `Distribution` or function. The prior: `"normal"`,
            `"uniform"` (on [-1, 1]), `"mixture"` (ten Gaussians in a ring) or
            `"swiss_roll"`, both of which need `latent_dim=2`; an object of
            `keras_gen.distributions`; or a function `prior(n, labels=None,
            seed=None)` that returns `n` codes. To load a saved model, register
            that function with `keras.saving.register_keras_serializable`, or
            pass it among the `custom_objects` of `load_model`.
        prior_std: Float. The standard deviation of the prior `"normal"`.
        output_activation: String or `None`. The activation of the
            reconstruction: `"sigmoid"` for data in [0, 1], `"tanh"` for
            [-1, 1], or `None`.
        initial_std: Float or `None`. The standard deviation of the initial
            kernels, or `None` for Glorot's, which suits narrow networks.

    A subclass builds its networks, calls `set_prior`, and defines the loss of
    each player. If `fit` takes labels, it sets `labels_spec`.
    """

    fixed = {"likelihood": "gaussian"}
    presets = {
        "small": dict(hidden_units=(512, 512), initial_std=None, prior_std=1.0),
        "smoke": dict(hidden_units=(64, 64), initial_std=None, prior_std=1.0),
    }
    labels_spec: Labels | None = None
    # Rate and momentum of the updates that are not adversarial: of the
    # reconstruction, of the cluster heads and of the classes.
    learning_rates: typing.ClassVar[dict[str, tuple[float, float]]] = {
        "autoencoder": (0.01, 0.9),
        "heads": (0.01, 0.9),
        "classifier": (0.1, 0.9),
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000),
        prior: str | Distribution = "normal",
        prior_std: float = 1.0,
        output_activation: str | None = "sigmoid",
        initial_std: float | None = 0.01,
        **kwargs,
    ):
        super().__init__(input_shape, **kwargs)
        self.prior_arguments = (prior, prior_std)
        self.hidden_units = as_units("hidden_units", hidden_units)
        self.output_activation = output_activation
        self.initial_std = initial_std
        self.value_range = RANGES.get(output_activation)
        self.prior_seed = self.seed_generator("prior")

    def set_prior(self, num_components=None):
        """Sets the prior, of the size of the code."""
        prior, std = self.prior_arguments
        self.prior = resolve_prior(prior, self.latent_dim, std, num_components)

    def initializer(self):
        """A new initializer of kernels."""
        if self.initial_std is None:
            return "glorot_uniform"
        return keras.initializers.RandomNormal(stddev=self.initial_std)

    def encoder_of(self, given, heads, outputs, noise_dim=None):
        """The user's encoder, or a new one with the given heads."""
        shape, units = self.input_shape, self.hidden_units
        inputs = [shape] if noise_dim is None else [shape, (None,)]
        taken = shape if noise_dim is None else [shape, (noise_dim,)]
        options = dict(initializer=self.initializer)
        build = partial(mlp_encoder, taken, units, heads, **options)
        return self.network_of("encoder", given, build, inputs, outputs)

    def decoder_of(self, given, size):
        """The user's decoder of vectors of a size, or a new one."""
        if given is not None:
            self.value_range = None
        shape, units = self.input_shape, self.hidden_units[::-1]
        ends = ("relu", self.output_activation, self.initializer)
        build = partial(mlp_decoder, shape, units, size, *ends)
        return self.network_of("decoder", given, build, [(size,)], [shape])

    def discriminator_of(self, given, size, name="discriminator"):
        """The user's discriminator of vectors of a size, or a new one."""
        sizes = ((size,), self.hidden_units, {"logit": 1})
        options = dict(initializer=self.initializer, name=name)
        build = partial(mlp_encoder, *sizes, **options)
        return self.network_of(name, given, build, [(size,)], [(1,)], logits=1)

    def default_optimizers(self):
        """The paper's gradient descent, by the rates of `learning_rates`.

        The adversarial updates have a rate of 0.1 and a momentum of 0.1. The
        paper divides all rates by ten at the epochs 50 and 1000.
        """
        sgd, rates = keras.optimizers.SGD, self.learning_rates
        return {p: sgd(*rates.get(p, (0.1, 0.1))) for p in self.players}

    def data_spec(self):
        if self.labels_spec is None:
            return super().data_spec()
        return Batch(x=self.examples_spec(), y=self.labels_spec)

    def target(self, batch):
        return super().target(batch) if self.labels_spec is None else batch.x

    def logits(self, discriminator, codes, training):
        """The logits of a discriminator, of shape `(batch,)`."""
        logits = discriminator(codes, training=training)
        return at_least_float32(ops.squeeze(logits, axis=-1))

    def one_hot(self, labels, size=None):
        """One-hot labels, of size `num_classes` by default."""
        return ops.one_hot(labels, size or self.num_classes, dtype="float32")

    def join(self, classes, styles):
        """The decoder's input, for class probabilities and styles."""
        return ops.concatenate([classes, styles], axis=-1)

    def decode_step(self, z, labels=None):
        """Decodes the styles of classes, or else what `join` returned."""
        if labels is not None:
            z = self.join(self.one_hot(labels), z)
        return super().decode_step(z)
