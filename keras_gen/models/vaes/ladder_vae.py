"""The ladder variational autoencoder.

C. K. Sonderby, T. Raiko, L. Maaloe, S. K. Sonderby and O. Winther, "Ladder
Variational Autoencoders", NIPS 2016, https://arxiv.org/abs/1602.02282

A deterministic pass upwards gives each layer `i` an estimate `N(m^_i, v^_i)`.
Downwards, the top is sampled from its estimate, and each lower layer from the
product of its estimate and of what the layer above predicts:

    q(z_L|x)        = N(m^_L, v^_L),           p(z_L) = N(0, I),
    p(z_i|z_{i+1})  = N(m_p, v_p),
    q(z_i|.)        = N(m_q, v_q),   1 / v_q = 1 / v^_i + 1 / v_p,
                                     m_q = v_q (m^_i / v^_i + m_p / v_p).

Training minimises

    L(x) = -E[log p(x|z_1)] + t sum_i E[log q(z_i|.) - log p(z_i|z_{i+1})],

where `t` rises from 0 to 1 over the first epochs.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_gen.distributions import bernoulli, normal
from keras_gen.engine import GenerativeModel, Signature, noise
from keras_gen.engine.records import check_positive, check_range
from keras_gen.models.networks import check_network
from keras_gen.models.reconstructing import require_option
from keras_gen.models.vaes.ladder_vae_networks import (
    bottom_up,
    observation,
    top_down,
)
from keras_gen.models.vaes.variational import Terms, VariationalModel
from keras_gen.precision import at_least_float32

EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_gen")
class LadderVAE(VariationalModel):
    """Ladder variational autoencoder for binary data.

    Args:
        input_shape: Tuple. The shape of an example, values in [0, 1].
        latent_dims: Tuple of integers. Latent variables of each stochastic
            layer, the lowest first, as `encode` gives their means.
        hidden_dims: Tuple of integers of the same length. Widths of the nets
            of two layers below each stochastic layer.
        warmup_epochs: Integer. Epochs over which the weight of the
            divergence rises linearly from 0 to 1; 0 for no warm-up.
        share_top_down: Boolean. Whether inference uses the generative
            model's prediction (the paper's equations) or one of its own (the
            default of the official code).
        only_mu_up: Boolean. Whether only the estimated mean is passed
            upwards, as in the official code, or the hidden layer.
        batch_norm: Boolean. Whether all layers but the last are normalised.
        num_samples: Integer. Draws of `z` for each example in training.
        importance_samples: Integer. Draws within each importance-weighted
            bound; 1 for the plain bound.
        encoder: `keras.Model` from `x` to the list of means and variances
            `[m^_1, v^_1, ..., m^_L, v^_L]`.
        decoder: `keras.Model` from `z_1` to the logits of `x`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.LadderVAE(
        latent_dims=(32, 16, 8), hidden_dims=(256, 128, 64), warmup_epochs=5
    )
    model.compile()
    model.fit(x_train, batch_size=256, epochs=15)
    print(model.layer_divergences(x_test))
    ```

    A bare `compile()` uses Adam with the paper's rate of 1e-3 and the
    official code's epsilon of 1e-4. Gradients are scaled to a total norm of
    at most 4, then clipped to [-0.9, 0.9], as in the official code. The slope
    of the leaky rectifier is that of the code, 0.01.

    Reference:

    - [Sonderby et al., 2016](https://arxiv.org/abs/1602.02282)
    """

    players = {"model": ["encoder", "decoder", "priors", "predictions"]}

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        latent_dims: tuple[int, ...] = (64, 32, 16, 8, 4),
        hidden_dims: tuple[int, ...] = (512, 256, 128, 64, 32),
        warmup_epochs: int = 200,
        share_top_down: bool = True,
        only_mu_up: bool = True,
        batch_norm: bool = True,
        num_samples: int = 1,
        importance_samples: int = 1,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        if len(latent_dims) != len(hidden_dims) or not latent_dims:
            raise ValueError(
                "Each stochastic layer needs one latent size and one hidden "
                f"size. Received: latent_dims={latent_dims}, "
                f"hidden_dims={hidden_dims}."
            )
        check_positive(
            num_samples=num_samples, importance_samples=importance_samples
        )
        super().__init__(seed=seed, **kwargs)
        self.input_shape = tuple(input_shape)
        self.latent_dims = tuple(latent_dims)
        self.latent_dim = self.latent_dims[-1]
        self.warmup_epochs = warmup_epochs
        self.share_top_down = share_top_down
        self.num_samples = num_samples
        self.importance_samples = importance_samples

        sizes = (self.latent_dims, hidden_dims, batch_norm)
        with self.building_scope():
            self.encoder = encoder or bottom_up(
                self.input_shape, *sizes, only_mu_up
            )
            self.decoder = decoder or observation(
                self.input_shape,
                self.latent_dims[0],
                hidden_dims[0],
                batch_norm,
            )
            self.priors = top_down(*sizes, "prior")
            self.predictions = (
                [] if share_top_down else top_down(*sizes, "prediction")
            )
        codes = [(size,) for size in self.latent_dims for _ in range(2)]
        owner, x = type(self).__name__, [self.input_shape]
        check_network(owner, "encoder", self.encoder, x, codes)
        check_network(owner, "decoder", self.decoder, codes[:1], x)
        self.posterior_seed = self.seed_generator("posterior")
        self.prior_seed = self.seed_generator("prior")

    @property
    def logged(self):
        layers_ = range(1, len(self._arguments["latent_dims"]) + 1)
        return (
            "reconstruction_loss",
            "kl_divergence",
            *(f"kl_divergence_{i}" for i in layers_),
        )

    def default_optimizers(self):
        return {"model": keras.optimizers.Adam(1e-3, epsilon=1e-4)}

    def check_arrays(self, x, y):
        check_range(type(self).__name__, x, 0.0, 1.0)

    def transform_gradients(self, player, gradients):
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        factor = 4.0 / ops.maximum(norm, 4.0)
        return [ops.clip(g * factor, -0.9, 0.9) for g in gradients]

    def kl_weight(self):
        if not self.warmup_epochs:
            return 1.0
        epoch = ops.cast(self.epochs_seen, "float32")
        return ops.minimum(epoch / self.warmup_epochs, 1.0)

    # ---- The two passes ---------------------------------------------------

    def estimates(self, x, training=False):
        """`(m^_i, v^_i)` of each layer, the lowest first."""
        outputs = self.encoder(x, training=training)
        outputs = [at_least_float32(output) for output in outputs]
        return [
            (mean, variance + EPSILON)
            for mean, variance in zip(outputs[::2], outputs[1::2], strict=True)
        ]

    def predict_below(self, networks, z, i, training=False):
        """Mean and variance that the sample above predicts for layer `i`."""
        mean, variance = networks[i](z, training=training)
        return at_least_float32(mean), at_least_float32(variance) + EPSILON

    def infer(self, x, num_samples, training=False, draw=None):
        """Samples all layers from `q`, the top first.

        Args:
            x: Tensor of shape `(batch, *input_shape)`.
            num_samples: Integer.
            training: Boolean.
            draw: Function from a layer's index and the shape of its mean to
                standard normal noise, or `None` for the model's own.

        Returns:
            List, the lowest layer first, of `(z, q, p)`: the sample, of
            shape `(num_samples * batch, latent_dim)`, and the mean and the
            log-variance of posterior and prior.
        """
        draw = draw or self._noise(ops.shape(x)[0], num_samples)
        estimates = [
            tuple(ops.tile(part, (num_samples, 1)) for part in estimate)
            for estimate in self.estimates(x, training)
        ]
        results = []
        for i in reversed(range(len(self.latent_dims))):
            mean, variance = estimates[i]
            if results:
                above = results[-1][0]
                p = self.predict_below(self.priors, above, i, training)
                predicted = p
                if not self.share_top_down:
                    predicted = self.predict_below(
                        self.predictions, above, i, training
                    )
                mean, variance = normal.product(mean, variance, *predicted)
            else:
                p = (ops.zeros_like(mean), ops.ones_like(variance))
            q = (mean, ops.log(variance))
            z = normal.sample(*q, draw(i, ops.shape(mean)))
            results.append((z, q, (p[0], ops.log(p[1]))))
        return results[::-1]

    def _noise(self, batch, num_samples):
        def draw(i, shape):
            shape = (batch, num_samples, self.latent_dims[i])
            eps = noise.normal(shape, seed=self.posterior_seed)
            return ops.reshape(
                ops.swapaxes(eps, 0, 1), (-1, self.latent_dims[i])
            )

        return draw

    def terms(self, x, num_samples, training):
        return self.terms_and_divergences(x, num_samples, training)[0]

    def logged_terms(self, x, num_samples, training):
        parts = self.terms_and_divergences(x, num_samples, training)
        means = {f"kl_divergence_{i}": kl for i, kl in enumerate(parts[1], 1)}
        means["reconstruction_loss"] = -parts[0].log_likelihood
        means["kl_divergence"] = parts[0].kl_divergence
        self.log(**{name: ops.mean(value) for name, value in means.items()})
        return parts[0]

    def terms_and_divergences(self, x, num_samples, training):
        log_prior, log_posterior, divergences = 0.0, 0.0, []
        results = self.infer(x, num_samples, training)
        for z, q, p in results:
            log_q, log_p = normal.log_prob(z, *q), normal.log_prob(z, *p)
            divergences.append(log_q - log_p)
            log_prior, log_posterior = log_prior + log_p, log_posterior + log_q
        logits = self.decoder(results[0][0], training=training)
        tiled = ops.tile(x, (num_samples, *[1] * len(self.input_shape)))
        log_likelihood = bernoulli.log_prob(
            tiled, at_least_float32(logits), event_rank=len(self.input_shape)
        )
        divergence = log_posterior - log_prior
        parts = (log_likelihood, log_prior, log_posterior, divergence)
        parts = [ops.reshape(part, (num_samples, -1)) for part in parts]
        return Terms(*parts), divergences

    def training_step(self, batch):
        def negative_bound():
            count = self.num_samples * self.importance_samples
            terms = self.logged_terms(batch.x, count, training=True)
            weights = (
                terms.log_likelihood - self.kl_weight() * terms.kl_divergence
            )
            weights = ops.reshape(
                weights, (self.importance_samples, self.num_samples, -1)
            )
            bound = ops.logsumexp(weights, axis=0)
            return math.log(self.importance_samples) - ops.mean(bound)

        self.minimize("model", negative_bound)

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        """Means of all layers, each given the means above it."""
        results = self.infer(
            x, 1, draw=lambda i, shape: ops.zeros(shape, "float32")
        )
        return [q[0] for _, q, _ in results]

    def decode_step(self, z):
        return ops.sigmoid(at_least_float32(self.decoder(z)))

    def ancestors(self, z, draw, layer=-1):
        """Samples downwards from a layer's `z`."""
        for i in reversed(range(layer % len(self.latent_dims))):
            mean, variance = self.predict_below(self.priors, z, i)
            z = normal.sample(mean, ops.log(variance), draw(i, ops.shape(mean)))
        return self.decode_step(z)

    def sample(
        self,
        num_samples: int,
        seed: int | None = None,
        top=None,
        fixed_layers: int = 1,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Samples from the generative model, the top layer first.

        A layer depends on those above it through the next one alone: to hold
        the upper layers fixed is to hold the lowest of them.

        Args:
            num_samples: Integer.
            seed: Integer for the same samples each time, or `None` to draw
                on from the model's own seed.
            top: Array of shape `(num_samples, latent_dims[-fixed_layers])`,
                the code of the lowest layer that is held fixed, or `None`.
            fixed_layers: Integer. How many upper layers `top` holds fixed.
            batch_size: Integer.

        Returns:
            Array of shape `(num_samples, *input_shape)`: the means of
            `p(x|z_1)`.
        """
        seeds = self.prior_seed
        if seed is not None:
            seeds = keras.random.SeedGenerator(seed)
        draws = [
            ops.convert_to_numpy(
                keras.random.normal((num_samples, size), seed=seeds)
            )
            for size in self.latent_dims
        ]
        require_option("fixed_layers", fixed_layers, range(1, len(draws) + 1))
        if top is not None:
            top = np.asarray(top, "float32")
            expected = draws[-fixed_layers].shape
            if top.shape != expected:
                raise ValueError(
                    f"Expected `top` of shape {expected}. Received {top.shape}."
                )
            draws[-fixed_layers:] = [top]
        return self.run_batched(
            lambda *draws: self.ancestors(
                draws[-1], lambda i, shape: draws[i], len(draws) - 1
            ),
            *draws,
            batch_size=batch_size,
        )

    def decode_top(self, top, batch_size: int = 256) -> np.ndarray:
        """Decodes codes of the top layer, the mean of each layer below.

        Args:
            top: Array of shape `(n, latent_dims[-1])`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        top = np.asarray(top, "float32")
        return self.run_batched(self.most_likely, top, batch_size=batch_size)

    def most_likely(self, top):
        """`ancestors` without noise."""
        return self.ancestors(top, lambda i, shape: ops.zeros(shape))

    # A traversal varies the top layer: `latent_dim` coordinates.
    decode_traversed = decode_top

    def traversed_codes(self, x) -> np.ndarray:
        return self.encode(x)[-1]

    def layer_divergences(
        self, x, num_samples: int = 1, batch_size: int = 256
    ) -> np.ndarray:
        """Mean KL divergence of each stochastic layer, the lowest first.

        Args:
            x: Array of shape `(n, *input_shape)`.
            num_samples: Integer. The draws that are averaged.
            batch_size: Integer.

        Returns:
            Array of shape `(layers,)`, in nats. A layer near 0 is unused.
        """

        def step(x):
            results = self.infer(x, num_samples)
            terms = [
                normal.kl_divergence_between(*q, *p) for _, q, p in results
            ]
            terms = ops.reshape(ops.stack(terms), (len(terms), num_samples, -1))
            return ops.transpose(ops.mean(terms, axis=1))

        values = self.run_batched(step, self.checked(x), batch_size=batch_size)
        return values.mean(axis=0)

    def signatures(self):
        signatures = super().signatures()
        latents = range(1, len(self.latent_dims) + 1)
        return {
            **signatures,
            "encode": signatures["encode"]._replace(
                outputs=tuple(f"z_{i}" for i in latents)
            ),
            "decode": signatures["decode"]._replace(
                inputs={"z_1": (None, self.latent_dims[0])}
            ),
            "decode_top": Signature(
                self.most_likely,
                {f"z_{latents[-1]}": (None, self.latent_dims[-1])},
                ("x",),
            ),
        }

    served_networks = GenerativeModel.served_networks
