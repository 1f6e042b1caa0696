"""The variational autoencoder.

D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014,
https://arxiv.org/abs/1312.6114

Training minimises the negative variational bound

    L(x) = -E_q(z|x)[log p(x|z)] + KL(q(z|x) || p(z)),   p(z) = N(0, I),

with `z = mean + exp(log_variance / 2) * noise`. The divergence is taken in
closed form (the paper's estimator B) or by Monte Carlo, as `log q(z|x) -
log p(z)` (estimator A).
"""

import math
import statistics

import keras
import numpy as np
from keras import layers, ops

from keras_gen.distributions import bernoulli, normal
from keras_gen.engine import noise
from keras_gen.engine.records import check_positive, check_range
from keras_gen.layers import SharedLogVariance
from keras_gen.models.networks import (
    check_network,
    conv_decoder,
    conv_encoder,
)
from keras_gen.models.reconstructing import require_option
from keras_gen.models.vaes.variational import Terms, VariationalModel
from keras_gen.precision import at_least_float32

TWO_HEADED = ("gaussian_learned", "gaussian_shared")
LIKELIHOODS = ("bernoulli", "gaussian", *TWO_HEADED)


def mlp_encoder(
    input_shape, latent_dim, hidden_units, initializer, regularizer=None
):
    """The paper's encoder: one layer of tanh units, then linear heads."""
    dense = _dense_layer(initializer, regularizer)
    inputs = keras.Input(input_shape)
    h = dense(hidden_units, activation="tanh")(layers.Flatten()(inputs))
    mean = dense(latent_dim, name="mean")(h)
    log_variance = dense(latent_dim, name="log_variance")(h)
    return keras.Model(inputs, [mean, log_variance], name="encoder")


def mlp_decoder(
    input_shape,
    latent_dim,
    hidden_units,
    initializer,
    heads=1,
    regularizer=None,
):
    """The paper's decoder: one layer of tanh units, then linear heads."""
    dense = _dense_layer(initializer, regularizer)
    z = keras.Input((latent_dim,))
    h = dense(hidden_units, activation="tanh")(z)
    outputs = [
        layers.Reshape(input_shape)(dense(math.prod(input_shape))(h))
        for _ in range(heads)
    ]
    return keras.Model(z, outputs if heads > 1 else outputs[0], name="decoder")


def _dense_layer(initializer, regularizer):
    def dense(units, **options):
        # One object for each layer: it would give all the same numbers.
        normal = keras.initializers.RandomNormal(stddev=0.1)
        return layers.Dense(
            units,
            kernel_initializer=initializer or normal,
            kernel_regularizer=regularizer,
            **options,
        )

    return dense


@keras.saving.register_keras_serializable(package="keras_gen")
class VAE(VariationalModel):
    """Variational autoencoder.

    Args:
        input_shape: Tuple. The shape of an example.
        latent_dim: Integer. The number of latent variables.
        hidden_units: Integer. The width of the hidden layer of each net.
            Defaults to the paper's 500 for `"mlp"`, to 256 for `"conv"`.
        architecture: `"mlp"`, the paper's nets of one tanh layer, or
            `"conv"`, two strided convolutions of 32 and 64 filters, for
            images whose sides are multiples of 4.
        likelihood: `p(x|z)`: `"bernoulli"` for `x` in [0, 1];
            `"gaussian"`, of fixed standard deviation `scale`;
            `"gaussian_learned"`, the paper's model of continuous data, with
            a mean in [0, 1] and a variance for each pixel that the decoder
            computes; or `"gaussian_shared"`, with one learned variance.
        scale: Float. The standard deviation of `"gaussian"`.
        num_samples: Integer. Draws of `z` for each example in training.
        estimator: `"analytic"` for the divergence in closed form, or
            `"monte_carlo"`.
        num_examples: Integer or `None`. The size of the training set. If
            given, the paper's prior `N(0, I)` on the parameters is added:
            weight decay of strength `1 / (2 * num_examples)` on the kernels
            of the `"mlp"` nets.
        kernel_initializer: Name of the initializer of the `"mlp"` nets'
            kernels, such as `"glorot_uniform"`. Defaults to the paper's.
        encoder: `keras.Model` from `x` to mean and log-variance of `z`.
        decoder: `keras.Model` from `z` to the logits (`"bernoulli"`), the
            mean (`"gaussian"`), or the logits of the mean and the
            log-variance of `x`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.VAE(latent_dim=2)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(x_train, batch_size=100, epochs=5)
    images = model.sample(64)
    ```

    A bare `compile()` uses Adagrad, as the paper does, its sums of squares
    starting at zero. Of the three step sizes from which the paper chooses
    (0.01, 0.02 and 0.1), it is 0.01: on MNIST it has the lowest loss over the
    first 200 batches, where 0.1 diverges. The kernels start from the paper's
    N(0, 0.01), of variance 0.01 as in its other formulas, the biases from 0.

    Reference:

    - [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        latent_dim: int = 20,
        hidden_units: int | None = None,
        architecture: str = "mlp",
        likelihood: str = "bernoulli",
        scale: float = 1.0,
        num_samples: int = 1,
        estimator: str = "analytic",
        num_examples: int | None = None,
        kernel_initializer: str | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        require_option("architecture", architecture, ("mlp", "conv"))
        require_option("likelihood", likelihood, LIKELIHOODS)
        require_option("estimator", estimator, ("analytic", "monte_carlo"))
        check_positive(
            latent_dim=latent_dim, scale=scale, num_samples=num_samples
        )
        self.input_shape = tuple(input_shape)
        self.latent_dim = latent_dim
        self.likelihood = likelihood
        self.scale = scale
        self.num_samples = num_samples
        self.estimator = estimator

        own_decoder = decoder is not None
        heads = 2 if likelihood == "gaussian_learned" else 1
        regularizer = (
            keras.regularizers.L2(0.5 / num_examples) if num_examples else None
        )
        shapes = (self.input_shape, latent_dim)
        with self.building_scope():
            if architecture == "mlp":
                units = hidden_units or 500
                encoder = encoder or mlp_encoder(
                    *shapes, units, kernel_initializer, regularizer
                )
                decoder = decoder or mlp_decoder(
                    *shapes, units, kernel_initializer, heads, regularizer
                )
            else:
                units = hidden_units or 256
                heads_of_z = {"mean": latent_dim, "log_variance": latent_dim}
                encoder = encoder or conv_encoder(
                    self.input_shape, heads_of_z, units
                )
                decoder = decoder or conv_decoder(*shapes, units, heads=heads)
            if likelihood == "gaussian_shared" and not own_decoder:
                shared = SharedLogVariance(name="log_variance")(decoder.output)
                decoder = keras.Model(
                    decoder.input, [decoder.output, shared], name=decoder.name
                )
        heads = 2 if likelihood in TWO_HEADED else 1
        code, example = (latent_dim,), self.input_shape
        owner = type(self).__name__
        check_network(owner, "encoder", encoder, [example], [code] * 2)
        check_network(owner, "decoder", decoder, [code], [example] * heads)
        self.encoder = encoder
        self.decoder = decoder
        self.posterior_seed = self.seed_generator("posterior")
        self.prior_seed = self.seed_generator("prior")

    def default_optimizers(self):
        optimizer = keras.optimizers.Adagrad(
            0.01, initial_accumulator_value=0.0
        )
        return {"model": optimizer}

    def check_arrays(self, x, y):
        if self.likelihood != "gaussian":
            check_range(type(self).__name__, x, 0.0, 1.0)

    def terms(self, x, num_samples, training):
        mean, log_variance = self.posterior(x, training)
        shape = (ops.shape(x)[0], num_samples, self.latent_dim)
        eps = noise.normal(shape, seed=self.posterior_seed)
        z = normal.sample(mean, log_variance, ops.swapaxes(eps, 0, 1))
        log_prior = normal.standard_log_prob(z)
        log_posterior = normal.log_prob(z, mean, log_variance)
        if self.estimator == "analytic":
            kl_divergence = normal.kl_divergence(mean, log_variance)[None]
            kl_divergence = ops.broadcast_to(
                kl_divergence, ops.shape(log_prior)
            )
        else:
            kl_divergence = log_posterior - log_prior
        return Terms(
            self.log_prob(x, z, training),
            log_prior,
            log_posterior,
            kl_divergence,
        )

    def posterior(self, x, training=False):
        """Mean and log-variance of `q(z|x)`, as tensors."""
        mean, log_variance = self.encoder(x, training=training)
        return at_least_float32(mean), at_least_float32(log_variance)

    def log_prob(self, x, z, training=False):
        """`log p(x|z)` for codes of shape `(num_samples, batch, latent)`."""
        flat = ops.reshape(z, (-1, self.latent_dim))
        outputs = self.decoder(flat, training=training)
        shape = (*ops.shape(z)[:2], *self.input_shape)
        parameters = [
            ops.reshape(at_least_float32(output), shape)
            for output in (
                outputs if isinstance(outputs, list | tuple) else [outputs]
            )
        ]
        rank = len(self.input_shape)
        if self.likelihood == "bernoulli":
            return bernoulli.log_prob(x, *parameters, event_rank=rank)
        if self.likelihood == "gaussian":
            log_variance = 2.0 * math.log(self.scale) * ops.ones_like(x)
            return normal.log_prob(
                x, *parameters, log_variance, event_rank=rank
            )
        logits, log_variance = parameters
        return normal.log_prob(
            x, ops.sigmoid(logits), log_variance, event_rank=rank
        )

    def encode_step(self, x):
        return self.posterior(x)

    def decode_step(self, z):
        outputs = self.decoder(z)
        if self.likelihood == "gaussian":
            return at_least_float32(outputs)
        if self.likelihood in TWO_HEADED:
            outputs = outputs[0]
        return ops.sigmoid(at_least_float32(outputs))

    def latent_grid(self, side: int = 20) -> np.ndarray:
        """Decodes a grid over a plane of codes, even in prior probability.

        Args:
            side: Integer. The grid has `side * side` points, at equal steps
                of the Gaussian's cumulative distribution function.

        Returns:
            Array of shape `(side, side, *input_shape)`.
        """
        if self.latent_dim != 2:
            raise ValueError(
                "A grid of codes covers a plane: it needs `latent_dim=2`. "
                f"Received: latent_dim={self.latent_dim}. Use `traverse`."
            )
        gaussian = statistics.NormalDist()
        axis = [gaussian.inv_cdf((i + 0.5) / side) for i in range(side)]
        codes = np.stack(np.meshgrid(axis, axis), axis=-1)
        images = self.decode(codes.reshape(-1, 2))
        return images.reshape(side, side, *self.input_shape)

    def anomaly_score(self, x, num_samples: int = 10) -> np.ndarray:
        """The negative bound of each example, in nats: high is unusual.

        Args:
            x: Array of shape `(n, *input_shape)`.
            num_samples: Integer. The draws of `z` that are averaged.

        Returns:
            Array of shape `(n,)`.
        """
        return -self.elbo(x, num_samples)["elbo"]
