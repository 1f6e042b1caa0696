"""The energy-based generative adversarial network.

J. Zhao, M. Mathieu and Y. LeCun, "Energy-based Generative Adversarial Network",
ICLR 2017, https://arxiv.org/abs/1609.03126

The discriminator is an autoencoder. Its energy of an example is the error of
the reconstruction,

    D(x) = ||Dec(Enc(x)) - x||,

low for data and, up to a margin `m`, high for what is generated. The players
minimize

    L_D = E_x[D(x)] + E_z[max(0, m - D(G(z)))],
    L_G = E_z[D(G(z))] + w f_PT(Enc(G(z))),

where the pulling-away term `f_PT`, the mean squared cosine between the codes of
a batch, keeps samples apart.
"""

from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Signature
from keras_gen.losses.pulling_away import pulling_away
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.ebgan.networks import (
    conv_decoder,
    conv_encoder,
    linear_decoder,
)
from keras_gen.networks.dcgan import dcgan_generator
from keras_gen.networks.mlp import mlp_encoder, normalized_generator
from keras_gen.schedules import Schedule, check_scheduled

ENERGIES = ("l2", "squared_error", "mean_squared_error")


@keras.saving.register_keras_serializable(package="keras_gen")
class EBGAN(AdversarialModel):
    """Energy-based generative adversarial network.

    The defaults are the paper's best model of MNIST of its grid: a generator of
    five layers, an autoencoder of two. The paper leaves open which norm the
    energy is, the size of the latents and the activations: here the square
    root of the sum of squares, which fits its margin of 10, 100 normal latents,
    and ReLU units, in the generator with batch normalization. `"faces"` has
    the convolutional networks and, as far as is known, the margin of CelebA.

    Args:
        input_shape: Tuple. The shape of an example, with values in [0, 1] for
            `"mlp"`, in [-1, 1] for `"conv"`.
        architecture: String. `"mlp"`, or `"conv"`: the generator of a DCGAN
            and an autoencoder of strided convolutions.
        generator_units: Integer or tuple. The units of the generator's hidden
            layers, of `"mlp"`.
        hidden_units: Integer or tuple. Those of the encoder, of which the last
            is the code's size; the decoder is one layer. Of `"mlp"`.
        base_filters: Integer. The filters of the largest feature maps, of
            `"conv"`.
        margin: Float or `keras_gen.Schedule`, `m`.
        energy: String. `"l2"`, `"squared_error"` for its square, the sum over
            an example, or `"mean_squared_error"`; the margin is in its unit.
        pulling_away_weight: Float, `w`. 0.1 for the EBGAN-PT.
        encoder: `keras.Model` from examples to codes of shape `(batch, size)`.
        decoder: `keras.Model` from codes to examples.

    Example:

    ```python
    model = keras_gen.EBGAN((28, 28, 1), pulling_away_weight=0.1)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    samples = model.sample(64, seed=0)
    strange = model.energy(others)  # Higher is more anomalous.
    ```

    A bare `compile()` uses the paper's Adam for MNIST, and that of a DCGAN for
    convolutions.
    """

    players = {
        "discriminator": ["encoder", "decoder"],
        "generator": ["generator"],
    }
    logged = ("energy_real", "energy_fake", "pulling_away")
    shape_argument = "input_shape"
    presets = {
        "faces": {
            "input_shape": (64, 64, 3),
            "architecture": "conv",
            "margin": 20.0,
        },
        "small": {
            "generator_units": (400, 400),
            "hidden_units": (256,),
            "ema_decay": 0.999,
        },
        "smoke": {"generator_units": 32, "hidden_units": 16},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        architecture: str = "mlp",
        generator_units: int | tuple[int, ...] = (1600, 1600, 1600, 1600),
        hidden_units: int | tuple[int, ...] = 1024,
        base_filters: int = 64,
        margin: float | Schedule = 10.0,
        energy: str = "l2",
        pulling_away_weight: float = 0.0,
        generator: keras.Model | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ("mlp", "conv"))
        check_option("energy", energy, ENERGIES)
        check_scheduled("margin", margin, check_not_negative)
        check_positive(base_filters=base_filters)
        check_not_negative(pulling_away_weight=pulling_away_weight)
        self.input_shape = shape = tuple(input_shape)
        self.architecture = architecture
        self.margin = margin
        self.energy_kind = energy
        self.pulling_away_weight = pulling_away_weight
        if architecture == "mlp":
            self.value_range = (0.0, 1.0)
            units = as_units("hidden_units", hidden_units)
            *hidden, size = units
            new_generator = partial(
                normalized_generator,
                shape,
                self.latent_dim,
                as_units("generator_units", generator_units),
            )
            new_encoder = partial(
                mlp_encoder, shape, hidden, {"code": size}, "relu", "relu"
            )
            new_decoder = partial(linear_decoder, shape, size)
        else:
            self.value_range = (-1.0, 1.0)
            new_generator = partial(
                dcgan_generator, shape, self.latent_dim, base_filters, 4
            )
            new_encoder = partial(conv_encoder, shape, base_filters)
            new_decoder = partial(conv_decoder, shape, base_filters)
        self.generator = self.network_of(
            "generator", generator, new_generator, outputs=[shape]
        )
        self.encoder = self.network_of("encoder", encoder, new_encoder, [shape])
        (self.code_size,) = self.output_sizes("encoder", self.encoder, [shape])
        code = (self.code_size,)
        self.decoder = self.network_of(
            "decoder", decoder, new_decoder, [code], [shape]
        )

    def default_optimizer(self):
        if self.architecture == "mlp":
            return keras.optimizers.Adam(1e-3, epsilon=1e-8)
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    # ---- The autoencoder ----------------------------------------------------

    def energy_and_code(self, x, training=False):
        """The energy of a batch, of shape `(batch,)`, and its codes."""
        code = self.encoder(x, training=training)
        mean = at_least_float32(self.decoder(code, training=training))
        error = ops.cast(x, mean.dtype) - mean
        axes = tuple(range(1, len(error.shape)))
        if self.energy_kind == "mean_squared_error":
            return ops.mean(ops.square(error), axis=axes), code
        energy = ops.sum(ops.square(error), axis=axes)
        if self.energy_kind == "l2":
            # The root has no derivative at 0.
            energy = ops.sqrt(energy + 1e-12)
        return energy, code

    def discriminate_step(self, x, condition=None, training=False):
        return -self.energy_and_code(x, training)[0]

    # ---- Training -----------------------------------------------------------

    def discriminator_loss(self, batch, training):
        fake = ops.stop_gradient(self.generate_for(batch, training))
        real, _ = self.energy_and_code(batch.x, training)
        fake, _ = self.energy_and_code(fake, training)
        self.log(energy_real=ops.mean(real), energy_fake=ops.mean(fake))
        missing = ops.subtract(self.scheduled(self.margin), fake)
        return ops.mean(real) + ops.mean(ops.relu(missing))

    def generator_loss(self, batch, training):
        fake = self.generate_for(batch, training)
        energy, code = self.energy_and_code(fake, training)
        term = pulling_away(code)
        self.log(pulling_away=term)
        return ops.mean(energy) + self.pulling_away_weight * term

    # ---- Inference ----------------------------------------------------------

    def energy_step(self, x):
        """The energy of a batch."""
        return self.energy_and_code(x)[0]

    def encode_step(self, x):
        """The codes of a batch."""
        return at_least_float32(self.encoder(x, training=False))

    def reconstruct_step(self, x):
        """The reconstructions of a batch."""
        code = self.encoder(x, training=False)
        return at_least_float32(self.decoder(code, training=False))

    def energy(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The energy of each example, of shape `(n,)`; higher is more
        anomalous. `discriminate` returns its negative."""
        return self.run(self.energy_step, x, batch_size=batch_size)

    def encode(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Encodes examples to codes `(n, size)`."""
        return self.run(self.encode_step, x, batch_size=batch_size)

    def reconstruct(
        self, x, *, labels=None, batch_size: int = 256
    ) -> np.ndarray:
        """Encodes and decodes examples. There are no `labels`."""
        self.conditions_of(labels, 1)
        return self.run(self.reconstruct_step, x, batch_size=batch_size)

    def signatures(self):
        x = {"x": self.data_spec().x}
        named = {
            "energy": Signature(self.energy_step, x, ("energy",)),
            "encode": Signature(self.encode_step, x, ("code",)),
        }
        return {**super().signatures(), **named}

    def served_networks(self):
        return [*super().served_networks(), self.encoder, self.decoder]
