"""The ladder variational autoencoder.

C. K. Sonderby, T. Raiko, L. Maaloe, S. K. Sonderby and O. Winther, "Ladder
Variational Autoencoders", NIPS 2016, https://arxiv.org/abs/1602.02282

A deterministic bottom-up pass gives each layer `i` an estimate `N(m^_i, v^_i)`.
In the top-down pass, the top layer is sampled from its estimate, and each lower
layer from the product of its estimate and of the generative model's
conditional prior:

    q(z_L|x)        = N(m^_L, v^_L),           p(z_L) = N(0, I),
    p(z_i|z_{i+1})  = N(m_p, v_p),
    q(z_i|.)        = N(m_q, v_q),   1 / v_q = 1 / v^_i + 1 / v_p,
                                     m_q = v_q (m^_i / v^_i + m_p / v_p).

Training minimizes

    L(x) = -E[log p(x|z_1)] + t sum_i E[log q(z_i|.) - log p(z_i|z_{i+1})],

where `t` rises from 0 to 1 over the first epochs (KL warm-up).
"""

import math
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option, check_positive
from keras_gen.distributions import Bernoulli, IsotropicNormal, Joint, Normal
from keras_gen.distributions.distribution import as_generator
from keras_gen.engine import Signature, Vector
from keras_gen.models.vaes.ladder_vae import networks
from keras_gen.models.variational import Bound, VariationalModel, outputs_of
from keras_gen.schedules import Schedule

EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_gen")
class LadderVAE(VariationalModel):
    """Ladder variational autoencoder for binary data, values in [0, 1].

    Codes are those of the top layer: `encode`, `decode`, `interpolate` and
    `traverse` use the mean of each layer below. `encode_layers` returns all
    layers, from the lowest of which `reconstruct` decodes.

    Args:
        latent_dims: Tuple of integers. Latents of each stochastic layer, the
            lowest first.
        hidden_units: Tuple of integers of the same length. Widths of the MLPs
            of two layers below each stochastic layer.
        warmup_epochs: Integer. Epochs over which the weight of the KL
            divergence rises linearly from 0 to 1; 0 for no warm-up.
        share_top_down: Boolean. Whether inference uses the generative
            model's conditional prior (the paper's equations) or a network of
            its own (the default of the official code).
        only_mu_up: Boolean. Whether only the estimated mean is passed
            upwards, as in the official code, or the hidden layer.
        batch_norm: Boolean. Whether all layers but the last are normalized.
        importance_samples: Integer. Draws within each importance-weighted
            bound; 1 for the ELBO.
        encoder: `keras.Model` from `x` to the list of means and variances
            `[m^_1, v^_1, ..., m^_L, v^_L]`.
        decoder: `keras.Model` from `z_1` to the logits of `x`.

    Example:

    ```python
    model = keras_gen.LadderVAE.from_preset("small", warmup_epochs=5)
    model.compile()
    model.fit(x_train, batch_size=256, epochs=15)
    print(model.layer_divergences(x_test))
    ```

    A bare `compile()` uses Adam with the paper's rate of 1e-3. As in the
    official code, its epsilon is 1e-4, gradients are scaled to a total norm of
    at most 4, then clipped to [-0.9, 0.9], and LeakyReLU has the slope 0.01.
    """

    fixed = {"estimator": "monte_carlo"}
    players = {"model": ["encoder", "decoder", "priors", "predictions"]}
    value_range = (0.0, 1.0)
    presets = {
        "small": dict(
            latent_dims=(32, 16, 8),
            hidden_units=(256, 128, 64),
            warmup_epochs=3,
        ),
        "smoke": dict(
            latent_dims=(8, 4), hidden_units=(64, 32), warmup_epochs=1
        ),
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        latent_dims: tuple[int, ...] = (64, 32, 16, 8, 4),
        hidden_units: tuple[int, ...] = (512, 256, 128, 64, 32),
        warmup_epochs: int = 200,
        share_top_down: bool = True,
        only_mu_up: bool = True,
        batch_norm: bool = True,
        importance_samples: int = 1,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        if len(latent_dims) != len(hidden_units) or not latent_dims:
            raise ValueError(
                "`latent_dims` and `hidden_units` must have one entry for each "
                f"stochastic layer. Received: latent_dims={latent_dims}, "
                f"hidden_units={hidden_units}."
            )
        check_positive(importance_samples=importance_samples)
        super().__init__(**kwargs)
        self.input_shape = shape = tuple(input_shape)
        self.latent_dims = dims = tuple(latent_dims)
        self.latent_dim = dims[-1]
        self.kl_weight = 1.0
        if warmup_epochs:
            self.kl_weight = Schedule(0.0, 1.0, over=warmup_epochs)
        self.share_top_down = share_top_down
        self.importance_samples = importance_samples
        self.logged += tuple(f"kl_divergence_{i + 1}" for i in range(len(dims)))

        sizes = (dims, hidden_units, batch_norm)
        heads = [(size,) for size in dims for _ in range(2)]
        new = partial(networks.bottom_up, shape, *sizes, only_mu_up)
        self.encoder = self.network_of("encoder", encoder, new, [shape], heads)
        low = (dims[0], hidden_units[0], batch_norm)
        new, code = partial(networks.likelihood, shape, *low), (dims[0],)
        self.decoder = self.network_of(
            "decoder", decoder, new, [code], [shape], logits=1
        )
        with self.building_scope():
            self.priors = networks.top_down(*sizes, "prior")
            self.predictions = []
            if not share_top_down:
                self.predictions = networks.top_down(*sizes, "prediction")

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3, epsilon=1e-4)

    def transform_gradients(self, player, gradients):
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        factor = 4.0 / ops.maximum(norm, 4.0)
        return [ops.clip(g * factor, -0.9, 0.9) for g in gradients]

    # ---- The two passes ---------------------------------------------------

    def bottom_up(self, x, training=False) -> list[Normal]:
        """The estimate `N(m^_i, v^_i)` of each layer, the lowest first."""
        outputs = self.encoder(x, training=training)
        return list(map(_normal, outputs[::2], outputs[1::2]))

    def posterior(self, x, training=False) -> Normal:
        """The distribution `q(z_L|x)` of the top layer."""
        return self.bottom_up(x, training)[-1]

    def top_down(self, by_layer, above, i, training=False) -> Normal:
        """The distribution of layer `i`, given the sample of the one above."""
        shape = (self.latent_dims[i],)
        return _normal(*outputs_of(by_layer[i], above, shape, training))

    def infer(self, x, num_samples: int | None = None, training: bool = False):
        """The sample, the posterior and the prior of each layer.

        Layers are sampled from the top and returned from the bottom. The
        draws are the first axis; `None` takes the means, without that axis.
        """
        layers, estimates = [], self.bottom_up(x, training)
        for i in reversed(range(len(estimates))):
            q, p = estimates[i], self.prior
            if layers:
                given = (layers[-1][0], i, training)
                p = predicted = self.top_down(self.priors, *given)
                if self.predictions:
                    predicted = self.top_down(self.predictions, *given)
                q = q.product(predicted)
            z = q.mean
            if num_samples is not None:
                # Below the top, `q` has the axis of draws itself.
                noise = Normal(ops.zeros_like(estimates[i].mean), 0.0)
                eps = noise.sample(num_samples, seed=self.posterior_seed)
                z = q.reparameterize(eps)
            layers.append((z, q, p))
        return layers[::-1]

    def bound(self, batch, num_samples=1, training=False):
        z, q, p = zip(*self.infer(batch.x, num_samples, training), strict=True)
        likelihood = self.likelihood(z[0], training)
        of_z = (Joint(q), Joint(p), likelihood)
        return Bound(batch, z, *of_z, self.estimator, training)

    def likelihood(self, z, training=False):
        return Bernoulli(*self.decoded(z, training), len(self.input_shape))

    # ---- Training ---------------------------------------------------------

    def term_weights(self):
        return {"kl_divergence": self.scheduled(self.kl_weight)}

    def model_loss(self, batch, training):
        draws = (self.importance_samples, self.num_samples)
        bound = self.bound(batch, math.prod(draws), training)
        q, p = bound.posterior.parts, bound.prior.parts
        for i, (q_i, p_i, z_i) in enumerate(zip(q, p, bound.z, strict=True)):
            log_ratio = ops.subtract(q_i.log_prob(z_i), p_i.log_prob(z_i))
            self.log(**{f"kl_divergence_{i + 1}": ops.mean(log_ratio)})
        self.log(**self.terms(bound), elbo=ops.mean(bound.elbo))
        weight = self.scheduled(self.kl_weight)
        penalty = ops.multiply(weight, bound.kl_divergence)
        weights = bound.log_likelihood - penalty
        weights = ops.reshape(weights, (*draws, -1))
        return math.log(draws[0]) - ops.mean(ops.logsumexp(weights, axis=0))

    # ---- Inference --------------------------------------------------------

    def layers_step(self, x):
        """The means of all layers, each given the means above it."""
        return [z for z, _, _ in self.infer(x)]

    def reconstruct_step(self, x):
        return self.likelihood(self.layers_step(x)[0]).mean

    def decode_step(self, z):
        return self.ancestral_step(z, layer=len(self.latent_dims) - 1)

    def ancestral_step(self, z, *draws, layer):
        """Decodes `z` of a layer, with noise or, if there is none, by means."""
        for i in reversed(range(layer)):
            p = self.top_down(self.priors, z, i)
            z = p.reparameterize(draws[i]) if draws else p.mean
        return self.likelihood(z).mean

    def encode_layers(self, x, *, batch_size: int = 256) -> list[np.ndarray]:
        """Encodes examples, to the means of all layers.

        Returns:
            List of arrays of shape `(n, latent_dims[i])`, the lowest first.
        """
        return self.run(self.layers_step, x, batch_size=batch_size)

    def sample(
        self,
        num_samples: int,
        *,
        labels=None,
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        self.conditions_of(labels, num_samples)
        seed = as_generator(self.prior_seed if seed is None else seed)
        top = self.prior.sample(num_samples, seed=seed)
        return self.sample_from(top, seed=seed, batch_size=batch_size)

    def sample_from(
        self,
        z,
        *,
        layer: int = -1,
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Ancestral samples, given the latents of one layer.

        A layer depends on those above it through the next one alone: to hold
        the upper layers fixed is to hold the lowest of them.

        Args:
            z: Array of shape `(n, latent_dims[layer])`.
            layer: Integer. The index of the layer that is given.

        Returns:
            Array of shape `(n, *input_shape)`: the means of `p(x|z_1)`.
        """
        dims = self.latent_dims
        check_option("layer", layer, range(-len(dims), len(dims)))
        layer = layer % len(dims)
        z = self.as_array("z", Vector(dims[layer], f"latent_dims[{layer}]"), z)
        below = Joint([IsotropicNormal(size) for size in dims[:layer]])
        seed = self.prior_seed if seed is None else seed
        draws = below.sample(len(z), seed=seed)
        step = partial(self.ancestral_step, layer=layer)
        return self.run_batched(step, z, *draws, batch_size=batch_size)

    def layer_divergences(
        self, x, *, num_samples: int = 1, batch_size: int = 256
    ) -> np.ndarray:
        """Mean KL divergence of each stochastic layer, the lowest first.

        In nats; a layer near 0 is unused.
        """

        def step(x):
            layers = self.infer(x, num_samples)
            draws = ops.zeros((num_samples, 1))  # The top layer's has no draws.
            terms = [draws + q.kl_divergence(p) for _, q, p in layers]
            return ops.mean(ops.stack(terms, axis=-1), axis=0)

        check_positive(num_samples=num_samples)
        return self.run(step, x, batch_size=batch_size).mean(axis=0)

    def signatures(self):
        names = tuple(f"z_{i + 1}" for i in range(len(self.latent_dims)))
        layers = Signature(self.layers_step, {"x": self.examples_spec()}, names)
        return {**super().signatures(), "encode_layers": layers}


def _normal(mean, variance):
    return Normal(mean, ops.log(at_least_float32(variance) + EPSILON))
