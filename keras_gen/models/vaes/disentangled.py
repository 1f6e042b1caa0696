"""Base class of the variational autoencoders of disentangled codes."""

from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.checks import check_option, check_positive
from keras_gen.distributions import Normal
from keras_gen.models.vaes.vae import VAE
from keras_gen.models.variational import VariationalModel
from keras_gen.networks.conv import conv_decoder, conv_encoder
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

# The filters, as multiples of the first layer's, and the dense layers.
CONV = {"conv": ((1, 1, 2, 2), 1), "burgess": ((1, 1, 1, 1), 2)}


class DisentangledVAE(VariationalModel):
    """A variational autoencoder with the networks of this literature.

    Args:
        architecture: String. `"mlp"`, the fully connected networks of
            Higgins et al. (2017) for shapes: two layers of 1200 ReLU units,
            and three of tanh units back; `"conv"`, theirs for pictures: four
            4x4 convolutions of stride 2, of 32, 32, 64 and 64 filters, and a
            dense layer of 256; or `"burgess"`, those of Burgess et al.
            (2018): four of 32 filters, and two dense layers of 256. (The
            networks of Locatello et al. (2019) are `"conv"` but for kernels
            of 2x2 in its last two convolutions.) Convolutions need sides that
            are multiples of 16.
        hidden_units: Integer. The units of a dense layer, in place of the
            papers'.
        filters: Integer. The filters of the first convolution.
        likelihood: String, `p(x|z)`: `"bernoulli"` for `x` in [0, 1], or
            `"gaussian"`, of standard deviation `scale`.
        scale: Float. The standard deviation of `"gaussian"`.
        encoder: `keras.Model` from `x` to mean and log-variance of `z`.
        decoder: `keras.Model` from `z` to the logits (`"bernoulli"`) or the
            mean (`"gaussian"`) of `x`.
    """

    presets = {
        "small": dict(architecture="burgess", filters=16, hidden_units=128),
        "smoke": dict(architecture="burgess", filters=4, hidden_units=16),
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (64, 64, 1),
        latent_dim: int = 10,
        architecture: str = "mlp",
        hidden_units: int | None = None,
        filters: int = 32,
        likelihood: str = "bernoulli",
        scale: float = 1.0,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ("mlp", *CONV))
        check_option("likelihood", likelihood, ("bernoulli", "gaussian"))
        check_positive(latent_dim=latent_dim, filters=filters, scale=scale)
        self.input_shape = shape = tuple(input_shape)
        self.latent_dim = latent_dim
        self.architecture = architecture
        self.likelihood_kind = likelihood
        self.scale = scale
        self.value_range = (0.0, 1.0) if likelihood == "bernoulli" else None
        heads = {"mean": latent_dim, "log_variance": latent_dim}
        if architecture == "mlp":
            units = hidden_units or 1200
            new_encoder = partial(mlp_encoder, shape, (units,) * 2, heads)
            new_decoder = partial(
                mlp_decoder, shape, (units,) * 3, latent_dim, "tanh"
            )
        else:
            multiples, depth = CONV[architecture]
            sizes = {
                "hidden_units": (hidden_units or 256,) * depth,
                "filters": tuple(filters * multiple for multiple in multiples),
            }
            new_encoder = partial(conv_encoder, shape, heads, **sizes)
            new_decoder = partial(conv_decoder, shape, latent_dim, **sizes)
        code = (latent_dim,)
        self.encoder = self.network_of(
            "encoder", encoder, new_encoder, [shape], [code, code]
        )
        logits = int(likelihood == "bernoulli")
        self.decoder = self.network_of(
            "decoder", decoder, new_decoder, [code], [shape], logits
        )

    def default_optimizer(self):
        if self.architecture == "mlp":
            return keras.optimizers.Adagrad(0.01)
        rate = 1e-4 if self.architecture == "conv" else 5e-4
        return keras.optimizers.Adam(rate, epsilon=1e-8)

    likelihood = VAE.likelihood

    def dimension_divergences(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Mean KL divergence of each latent, in nats; one near 0 is unused.

        Returns:
            Array of shape `(latent_dim,)`.
        """

        def step(x):
            q = self.posterior(x)
            prior = Normal(ops.zeros_like(q.mean), 0.0, event_rank=0)
            return Normal(q.mean, q.log_variance, 0).kl_divergence(prior)

        return self.run(step, x, batch_size=batch_size).mean(axis=0)

    def dimensions_by_kl(self, x) -> np.ndarray:
        """The latents by `dimension_divergences`, the most used first."""
        return np.argsort(-self.dimension_divergences(x), kind="stable")
