"""The variational autoencoder.

D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014,
https://arxiv.org/abs/1312.6114

Training minimizes the negative evidence lower bound (ELBO)

    L(x) = -E_q(z|x)[log p(x|z)] + KL(q(z|x) || p(z)),   p(z) = N(0, I),

with the reparameterization trick, `z = mean + exp(log_variance / 2) * noise`.
The KL divergence is taken in closed form (the paper's estimator B) or by Monte
Carlo, as `log q(z|x) - log p(z)` (estimator A).
"""

import math
import statistics
import typing
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.checks import as_units, check_option, check_positive
from keras_gen.distributions import Bernoulli, Normal
from keras_gen.distributions.normal import LIKELIHOOD_BOUNDS
from keras_gen.layers import SharedLogVariance
from keras_gen.models.variational import VariationalModel
from keras_gen.networks.conv import conv_decoder, conv_encoder
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

# For the last two, the decoder returns the log-variance too.
LIKELIHOODS = ("bernoulli", "gaussian", "gaussian_learned", "gaussian_shared")


@keras.saving.register_keras_serializable(package="keras_gen")
class VAE(VariationalModel):
    """Variational autoencoder.

    Args:
        hidden_units: Integer or tuple. The units of the encoder's dense
            hidden layers; the decoder has them in reverse. Defaults to the
            paper's 500 for `"mlp"`, to 256 for `"conv"`.
        architecture: String. `"mlp"`, the paper's networks of one hidden
            layer, or `"conv"`, strided convolutions before the dense layers,
            for images whose sides can be halved for each of them.
        activation: String. The activation of the hidden layers of `"mlp"`.
        filters: Integer or tuple. The filters of the convolutions.
        likelihood: String, `p(x|z)`: `"bernoulli"` for `x` in [0, 1];
            `"gaussian"`, of fixed standard deviation `scale`;
            `"gaussian_learned"`, the paper's model of continuous data, with
            a mean in [0, 1] and a variance for each pixel that the decoder
            computes; or `"gaussian_shared"`, with one learned variance. What
            is learned stays above the variance of rounding to 256 levels,
            `1 / (12 * 255**2)`.
        scale: Float. The standard deviation of `"gaussian"`.
        num_examples: Integer. The size of the training set, for the paper's
            prior `N(0, I)` on the parameters: weight decay of strength `1 /
            (2 * num_examples)` on the `"mlp"` kernels. `None` for no prior.
        kernel_initializer: String. The initializer of the `"mlp"` kernels,
            such as `"glorot_uniform"`. Defaults to the paper's.
        encoder: `keras.Model` from `x` to mean and log-variance of `z`.
        decoder: `keras.Model` from `z` to the logits (`"bernoulli"`), the
            mean (`"gaussian"`), or the logits of the mean and the
            log-variance of `x`.

    Example:

    ```python
    model = keras_gen.VAE(latent_dim=2)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x_train, batch_size=100, epochs=5)
    images = model.sample(64)
    ```

    A bare `compile()` uses the paper's Adagrad, its sums of squares starting at
    zero. Of the paper's rates (0.01, 0.02, 0.1), it has 0.01: in the first 200
    batches of MNIST, the loss is lowest; 0.1 diverges. Kernels start from the
    paper's N(0, 0.01), of variance 0.01 as in its other formulas, biases at 0.
    """

    presets = {
        "paper": {"num_examples": 60_000},
        "small": {"kernel_initializer": "glorot_uniform"},
        "smoke": dict(hidden_units=100, kernel_initializer="glorot_uniform"),
    }
    # The likelihoods of which the decoder's output is the mean.
    unsquashed: typing.ClassVar[tuple[str, ...]] = ("gaussian",)
    # Of the hidden layers of a convolutional encoder.
    conv_activation: typing.ClassVar[Callable | str] = "relu"

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        latent_dim: int = 20,
        hidden_units: int | tuple[int, ...] | None = None,
        architecture: str = "mlp",
        activation: str = "tanh",
        filters: int | tuple[int, ...] = (32, 64),
        likelihood: str = "bernoulli",
        scale: float = 1.0,
        num_examples: int | None = None,
        kernel_initializer: str | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ("mlp", "conv"))
        check_option("likelihood", likelihood, LIKELIHOODS)
        check_positive(latent_dim=latent_dim, scale=scale)
        self.input_shape = shape = tuple(input_shape)
        self.latent_dim = latent_dim
        self.likelihood_kind = likelihood
        self.scale = scale
        self.value_range = None if likelihood == "gaussian" else (0.0, 1.0)
        if architecture == "conv":
            options = {
                "hidden_units": as_units(
                    "hidden_units",
                    256 if hidden_units is None else hidden_units,
                ),
                "filters": as_units("filters", filters),
            }
            slope = {"activation": self.conv_activation}
            new_encoder = partial(conv_encoder, shape, **slope, **options)
            new_decoder = partial(conv_decoder, shape, **options)
        else:
            decay = 0.5 / num_examples if num_examples else None
            normal = partial(keras.initializers.RandomNormal, stddev=0.1)
            units = as_units(
                "hidden_units", 500 if hidden_units is None else hidden_units
            )
            options = {
                "activation": activation,
                "initializer": kernel_initializer or normal,
                "kernel_regularizer": decay and keras.regularizers.L2(decay),
            }
            new_encoder = partial(mlp_encoder, shape, units, **options)
            new_decoder = partial(mlp_decoder, shape, units[::-1], **options)
        sizes, code = self.posterior_heads(), (latent_dim,)
        new = partial(new_encoder, heads=sizes)
        heads = [(size,) for size in sizes.values()]
        self.encoder = self.network_of("encoder", encoder, new, [shape], heads)

        def new():
            count = 2 if likelihood == "gaussian_learned" else 1
            network = new_decoder(latent_dim=latent_dim, heads=count)
            if likelihood != "gaussian_shared":
                return network
            shared = SharedLogVariance(name="log_variance")(network.output)
            outputs = [network.output, shared]
            return keras.Model(network.input, outputs, name=network.name)

        outputs = [shape, shape] if likelihood in LIKELIHOODS[2:] else [shape]
        logits = int(likelihood not in self.unsquashed)
        self.decoder = self.network_of(
            "decoder", decoder, new, [code], outputs, logits
        )

    def posterior_heads(self) -> dict[str, int]:
        """The names and the sizes of the encoder's outputs."""
        return {"mean": self.latent_dim, "log_variance": self.latent_dim}

    def default_optimizer(self):
        return keras.optimizers.Adagrad(0.01, initial_accumulator_value=0.0)

    def likelihood(self, z, training=False):
        outputs, rank = self.decoded(z, training), len(self.input_shape)
        if self.likelihood_kind == "bernoulli":
            return Bernoulli(*outputs, rank)
        if self.likelihood_kind == "gaussian":
            return Normal(*outputs, 2.0 * math.log(self.scale), rank)
        logits, log_variance = outputs
        mean = ops.sigmoid(logits)
        return Normal.learned(mean, log_variance, rank, LIKELIHOOD_BOUNDS)

    def latent_grid(self, side: int = 20) -> np.ndarray:
        """Decodes codes at evenly spaced quantiles of the prior.

        Args:
            side: Integer. The grid has `side * side` codes, at equal steps of
                the Gaussian's cumulative distribution function.

        Returns:
            Array of shape `(side, side, *input_shape)`.
        """
        if self.latent_dim != 2:
            raise ValueError(
                "`latent_dim` must be 2 for a grid of codes. Received: "
                f"latent_dim={self.latent_dim}. Use `traverse`."
            )
        gaussian = statistics.NormalDist()
        axis = [gaussian.inv_cdf((i + 0.5) / side) for i in range(side)]
        codes = np.stack(np.meshgrid(axis, axis), axis=-1)
        return self.decode_rows(codes.astype("float32"))
