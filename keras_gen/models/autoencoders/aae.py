"""The adversarial autoencoder.

A. Makhzani, J. Shlens, N. Jaitly, I. Goodfellow and B. Frey, "Adversarial
Autoencoders", 2015, https://arxiv.org/abs/1511.05644

An encoder `E`, a decoder `G`, and a discriminator of codes with the logit `d`.
Each step has three updates, each by an optimizer of its own:

    reconstruction,  E and G:  L_R = E[||x - G(E(x))||^2] / 2,
    regularisation,  d:        L_D = E[softplus(-d(z))] + E[softplus(d(E(x)))],
    regularisation,  E:        L_E = E[softplus(-d(E(x)))],

with `z` from the prior. The codes of all examples together come to be
distributed like the prior, which need only be something to draw from.
"""

import keras
import numpy as np
from keras import layers, ops

from keras_gen.distributions import normal
from keras_gen.engine import noise
from keras_gen.losses import adversarial
from keras_gen.models.autoencoders.autoencoder import Autoencoder, as_tuple
from keras_gen.models.autoencoders.priors import Prior, make_prior
from keras_gen.models.networks import dense, mlp_decoder, mlp_encoder
from keras_gen.models.reconstructing import require_option
from keras_gen.precision import at_least_float32

POSTERIORS = ("deterministic", "gaussian", "universal")
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


class AdversarialAutoencoder(Autoencoder):
    """What the adversarial autoencoders share.

    A subclass names its players and defines, for each, `{player}_loss(batch,
    training)`. The arguments are those of `AAE`.
    """

    # Rate and momentum of gradient descent, for each player.
    rates = {
        "autoencoder": (0.01, 0.9),
        "discriminator": (0.1, 0.1),
        "encoder": (0.1, 0.1),
    }

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden_units: int | tuple[int, ...],
        output_activation: str | None,
        initial_std: float | None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, "gaussian", seed=seed, **kwargs)
        self.hidden_units = as_tuple(hidden_units)
        self.output_activation = output_activation
        self.initial_std = initial_std
        self.value_range = RANGES.get(output_activation)
        self.prior_seed = self.seed_generator("prior")

    def initializer(self):
        """A new initializer of kernels."""
        if self.initial_std is None:
            return "glorot_uniform"
        return keras.initializers.RandomNormal(stddev=self.initial_std)

    def set_decoder(self, decoder, size):
        """Takes the user's decoder of `size` numbers, or builds one."""
        if decoder is None:
            decoder = mlp_decoder(
                self.input_shape,
                self.hidden_units[::-1],
                size,
                output_activation=self.output_activation,
                initializer=self.initializer,
            )
        else:
            self.value_range = None
        self.decoder = self.fitting(
            "decoder", decoder, [(size,)], [self.input_shape]
        )

    def discriminator_of(self, size, given, name="discriminator"):
        """The user's discriminator of `size` numbers, or a new one."""
        if given is None:
            given = mlp_encoder(
                (size,),
                self.hidden_units,
                {"logit": 1},
                initializer=self.initializer,
                name=name,
            )
        return self.fitting(name, given, [(size,)], [(1,)])

    def default_optimizers(self):
        rates = {player: self.rates[player] for player in self.players}
        return {
            player: keras.optimizers.SGD(rate, momentum=momentum)
            for player, (rate, momentum) in rates.items()
        }

    def evaluation_step(self, batch):
        losses = {
            name: getattr(self, name)(batch, False)
            for name in self.loss_names.values()
        }
        self.log(**losses)


@keras.saving.register_keras_serializable(package="keras_gen")
class AAE(AdversarialAutoencoder):
    """Adversarial autoencoder.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the hidden layers of the
            encoder and of the discriminator; the decoder has them in reverse.
        latent_dim: Integer. The size of the code.
        prior: What the codes are to be distributed like: `"normal"`,
            `"uniform"` (on [-1, 1]), `"mixture"` (ten Gaussians in a ring) or
            `"swiss_roll"`, both of which need `latent_dim=2`; an object of
            `keras_gen.models.autoencoders.priors`; or a function
            `prior(n, labels=None, seed=None)` that returns `n` codes. A saved
            model can be loaded if that function is registered with
            `keras.saving.register_keras_serializable`, or is passed among
            the `custom_objects` of `load_model`.
        prior_std: Float. The standard deviation of the prior `"normal"`.
        posterior: What the encoder makes of an example: `"deterministic"`, a
            code; `"gaussian"`, the mean and the logarithm of the variance of
            a normal distribution; or `"universal"`, a code that also depends
            on noise among the encoder's inputs.
        noise_dim: Integer. The size of that noise. Defaults to `latent_dim`.
        output_activation: Name of the activation of the reconstruction:
            `"sigmoid"` for data in [0, 1], `"tanh"` for [-1, 1], or `None`.
        initial_std: Float or `None`. The standard deviation of the kernels
            at the start, or `None` for Glorot's, which suits narrow networks.
        encoder: `keras.Model` from `x` to what `posterior` says; with
            `"universal"`, from the list of `x` and the noise.
        decoder: `keras.Model` from the code to `x`.
        discriminator: `keras.Model` from the code to a logit of shape
            `(batch, 1)`.
        seed: Integer or `None`.

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
    ```

    A bare `compile()` uses the paper's gradient descent: rate 0.01 and
    momentum 0.9 for the reconstruction, 0.1 and 0.1 for the two adversarial
    updates. The paper divides the rates by ten at the epochs 50 and 1000.

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644)
    """

    players = {
        "autoencoder": ["encoder", "decoder"],
        "discriminator": ["discriminator"],
        "encoder": ["encoder"],
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000),
        latent_dim: int = 8,
        prior: str | Prior = "normal",
        prior_std: float = 5.0,
        posterior: str = "deterministic",
        noise_dim: int | None = None,
        output_activation: str | None = "sigmoid",
        initial_std: float | None = 0.01,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        seed: int | None = None,
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
        require_option("posterior", posterior, POSTERIORS)
        self.posterior = posterior
        with self.building_scope():
            self.encoder = encoder or self.build_encoder(latent_dim, noise_dim)
            self.latent_dim = self.code_size(self.encoder)
            numbers = [(self.noise_dim,)] if posterior == "universal" else []
            self.fitting("encoder", self.encoder, [self.input_shape, *numbers])
            self.set_decoder(decoder, self.latent_dim + self.decoder_labels)
            self.discriminator = self.discriminator_of(
                self.latent_dim + self.discriminator_labels, discriminator
            )
        self.prior = make_prior(
            prior, self.latent_dim, prior_std, self.prior_classes
        )
        self.posterior_seed = self.seed_generator("posterior")

    # The sizes of the one-hot labels that networks see beside the code, and
    # the components that the prior must have.
    decoder_labels = 0
    discriminator_labels = 0
    prior_classes = None

    def build_encoder(self, latent_dim, noise_dim):
        names = ("code",)
        if self.posterior == "gaussian":
            names = ("mean", "log_variance")
        if self.posterior == "universal":
            return universal_encoder(
                self.input_shape,
                self.hidden_units,
                latent_dim,
                noise_dim or latent_dim,
                self.initializer,
            )
        return mlp_encoder(
            self.input_shape,
            self.hidden_units,
            dict.fromkeys(names, latent_dim),
            initializer=self.initializer,
        )

    def code_size(self, encoder):
        needed = {
            "deterministic": (1, 1, "one tensor from one"),
            "gaussian": (1, 2, "a mean and a log-variance from one tensor"),
            "universal": (2, 1, "one tensor from the example and the noise"),
        }
        inputs, outputs, words = needed[self.posterior]
        shapes = {tuple(output.shape) for output in encoder.outputs}
        if (
            (len(encoder.inputs), len(encoder.outputs)) != (inputs, outputs)
            or len(shapes) != 1
            or len(encoder.outputs[0].shape) != 2
        ):
            raise ValueError(
                f"With posterior={self.posterior!r} the encoder makes {words}, "
                "each of shape (batch, latent_dim). Received one with "
                f"{len(encoder.inputs)} inputs and outputs of shape "
                f"{[tuple(output.shape) for output in encoder.outputs]}."
            )
        self.noise_dim = encoder.outputs[0].shape[-1]
        if self.posterior == "universal":
            self.noise_dim = encoder.inputs[1].shape[-1]
        return encoder.outputs[0].shape[-1]

    # ---- Losses -----------------------------------------------------------

    def code(self, x, training=False, numbers=None):
        """The codes of a batch, for given normal numbers or for zeros."""
        if self.posterior == "universal":
            if numbers is None:
                numbers = ops.zeros((ops.shape(x)[0], self.noise_dim))
            x = [x, numbers]
        outputs = self.encoder(x, training=training)
        if self.posterior != "gaussian":
            return at_least_float32(outputs)
        mean, log_variance = map(at_least_float32, outputs)
        if numbers is None:
            return mean
        return normal.sample(mean, log_variance, numbers)

    def drawn_code(self, x, training):
        """The codes of a batch, with the noise of the posterior."""
        numbers = None
        if self.posterior != "deterministic":
            shape = (ops.shape(x)[0], self.noise_dim)
            numbers = noise.normal(shape, self.posterior_seed)
        return self.code(x, training, numbers)

    def prior_code(self, batch):
        """As many codes from the prior as there are examples in a batch."""
        return self.prior.sample(ops.shape(batch.x)[0], seed=self.prior_seed)

    def decoded(self, z, batch, training):
        """The outputs of the decoder, for codes of a batch."""
        return self.decoder(z, training=training)

    def scores(self, z, batch, training):
        """The logits of the discriminator, for codes of a batch."""
        logits = self.discriminator(z, training=training)
        return at_least_float32(ops.squeeze(logits, axis=-1))

    def autoencoder_loss(self, batch, training):
        codes = self.drawn_code(batch.x, training)
        outputs = self.decoded(codes, batch, training)
        return self.reconstruction_loss(self.target(batch), outputs)

    def discriminator_loss(self, batch, training):
        codes = ops.stop_gradient(self.drawn_code(batch.x, training))
        return adversarial.logistic_discriminator(
            self.scores(self.prior_code(batch), batch, training),
            self.scores(codes, batch, training),
        )

    def encoder_loss(self, batch, training):
        codes = self.drawn_code(batch.x, training)
        return adversarial.non_saturating_generator(
            self.scores(codes, batch, training)
        )

    def training_step(self, batch):
        self.minimize("autoencoder", lambda: self.autoencoder_loss(batch, True))
        self.minimize(
            "discriminator", lambda: self.discriminator_loss(batch, True)
        )
        self.minimize("encoder", lambda: self.encoder_loss(batch, True))

    # ---- Inference --------------------------------------------------------

    def draw_codes(
        self, x, seed: int | None = None, batch_size: int = 256
    ) -> np.ndarray:
        """Codes of examples with the noise of the posterior.

        `encode` gives the mean of the posterior `"gaussian"`, and the code
        for noise of zero of `"universal"`.

        Args:
            x: Array of shape `(n, *input_shape)`.
            seed: Integer for the same codes each time, or `None` to draw on
                from the model's own seed.
            batch_size: Integer.

        Returns:
            Array of shape `(n, latent_dim)`.
        """
        x = self.checked(x)
        seed = self.posterior_seed if seed is None else seed
        numbers = noise.normal((len(x), self.noise_dim), seed)
        return self.run_batched(
            lambda x, numbers: self.code(x, False, numbers),
            x,
            ops.convert_to_numpy(numbers),
            batch_size=batch_size,
        )

    def sample(
        self, num_samples: int, seed: int | None = None, batch_size: int = 256
    ) -> np.ndarray:
        """Decodes codes from the prior.

        Args:
            num_samples: Integer.
            seed: Integer for the same samples each time, or `None` to draw
                on from the model's own seed.
            batch_size: Integer.

        Returns:
            Array of shape `(num_samples, *input_shape)`.
        """
        seed = self.prior_seed if seed is None else seed
        z = self.prior.sample(num_samples, seed=seed)
        return self.decode(ops.convert_to_numpy(z), batch_size)


def universal_encoder(
    input_shape, hidden_units, latent_dim, noise_dim, initializer=None
):
    """From an example and noise, joined, through dense layers to a code."""
    x, numbers = keras.Input(input_shape), keras.Input((noise_dim,))
    h = layers.Concatenate()([layers.Flatten()(x), numbers])
    for units in hidden_units:
        h = dense(units, "relu", initializer)(h)
    code = dense(latent_dim, None, initializer, name="code")(h)
    return keras.Model([x, numbers], code, name="encoder")
