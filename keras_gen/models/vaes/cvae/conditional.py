"""Outputs for inputs, through latents that are drawn for each input."""

import math

import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_count, check_option
from keras_gen.distributions import Bernoulli, Masked, Normal
from keras_gen.engine import Batch, Labels, Signature, Vector
from keras_gen.models.bounds import BoundModel
from keras_gen.models.conditioning import ExampleModel
from keras_gen.models.encoder_decoder import Decoding, PriorSampling


class ConditionalLatentModel(BoundModel, PriorSampling, Decoding, ExampleModel):
    """Samples, predictions and likelihoods of `p(y|x) = E_p(z|x)[p(y|x, z)]`.

    A subclass has `condition`, the spec of `x`, `output_shape`, `latent_dim`,
    the networks of `CVAE`, `likelihood_kind` and `scale` of `p(y|x, z)`, `mask`
    of what is predicted of `y`, and defines what a `BoundModel` does.
    """

    shape_argument = "output_shape"

    # ---- Distributions ------------------------------------------------------

    def input_of(self, x):
        """The input as the recognition network gets it."""
        if isinstance(self.condition, Labels):
            x = self.condition.prepare(x)
            return ops.one_hot(x, self.condition.num_classes, dtype="float32")
        return x

    def seen_of(self, x):
        """The input, with the first guess, if there is one."""
        x = self.input_of(x)
        if self.baseline_net is None:
            return x
        guess = ops.stop_gradient(self.baseline_net(x, training=False))
        parts = [
            ops.reshape(part, (ops.shape(x)[0], -1)) for part in (x, guess)
        ]
        return ops.concatenate(parts, axis=-1)

    def prior_of(self, x, training=False):
        """The distribution `p(z|x)`."""
        if self.prior_net is None:
            zeros = ops.zeros((ops.shape(x)[0], self.latent_dim))
            return Normal(zeros, 0.0)
        return Normal.learned(
            *self.prior_net(self.seen_of(x), training=training)
        )

    def recognition(self, x, y, training=False):
        """The distribution `q(z|x, y)`."""
        inputs = [self.input_of(x), y]
        return Normal.learned(*self.recognition_net(inputs, training=training))

    def generation(self, x, z, training=False):
        """The distribution `p(y|x, z)`, for several draws `z` of each."""
        seen = self.seen_of(x)
        seen = ops.broadcast_to(seen, (*ops.shape(z)[:1], *ops.shape(seen)))
        flat = ops.reshape(seen, (-1, *seen.shape[2:]))
        codes = ops.reshape(z, (-1, self.latent_dim))
        outputs = self.generation_net([flat, codes], training=training)
        shape = (*ops.shape(z)[:-1], *self.output_shape)
        outputs = ops.reshape(at_least_float32(outputs), shape)
        if self.likelihood_kind == "bernoulli":
            components = Bernoulli(outputs, 0)
        else:
            components = Normal(outputs, 2.0 * math.log(self.scale), 0)
        return Masked(components, self.mask)

    # ---- Use ----------------------------------------------------------------

    def log_likelihoods(self, batch, num_samples=1, training=False):
        """`log p(y|x, z)` of draws from the prior, `(num_samples, batch)`."""
        p = self.prior_of(batch.x, training)
        z = p.sample(num_samples, seed=self.prior_seed)
        return self.generation(batch.x, z, training).log_prob(batch.y)

    def decode_step(self, z, x):
        """Mean outputs for codes and inputs, one of each."""
        outputs = self.generation(x, z[None]).mean[0]
        mask, rest = ops.cast(self.mask, outputs.dtype), 0.0
        if self.condition.shape == self.output_shape:
            rest = (1.0 - mask) * ops.cast(x, outputs.dtype)
        return mask * outputs + rest

    def prediction_step(self, x):
        """Mean outputs for the means of the prior."""
        return self.decode_step(self.prior_of(x).mean, x)

    def call(self, inputs, training=False):
        """Predicts outputs from the means of the prior."""
        return self.prediction_step(inputs)

    def sample_latents(self, num_samples, labels=None, seed=None):
        """Draws from the prior of each input, and the inputs."""

        def step(x, eps):
            return self.prior_of(x).reparameterize(eps)

        check_count(1, num_samples=num_samples)
        (x,) = self.conditions_of(labels, num_samples)
        seed = self.prior_seed if seed is None else seed
        eps = noise.normal((num_samples, self.latent_dim), seed)
        return self.run_batched(step, x, ops.convert_to_numpy(eps)), x

    def conditional_log_likelihood(
        self,
        x,
        y,
        *,
        num_samples: int = 100,
        method: str = "importance",
        chunk_size: int | None = None,
        batch_size: int = 100,
    ) -> np.ndarray:
        """Estimates of each `log p(y|x)`, from below, in nats.

        Args:
            x: Array of `n` inputs.
            y: Array of `n` outputs.
            num_samples: Integer. The draws `S` of `z`. For one draw, by
                importance sampling, it is the ELBO.
            method: String. `"importance"` for `log (1/S) sum_s p(y|x, z_s)
                p(z_s|x) / q(z_s|x, y)` with `z_s ~ q(z|x, y)`; or
                `"monte_carlo"` for `log (1/S) sum_s p(y|x, z_s)` with `z_s ~
                p(z|x)`, which few draws bias badly, and which a GSNN needs.
            chunk_size: Integer. How many draws are held at a time.

        Returns:
            Array of shape `(n,)`.
        """
        check_option("method", method, ("importance", "monte_carlo"))
        if method == "importance" and self.recognition_net is None:
            raise ValueError(
                "`method` must be 'monte_carlo' with `hybrid_weight=0`: there "
                "is no recognition network. Received: method='importance'."
            )
        self.check_data(x, y)
        y = self.as_array("y", self.examples_spec(), y)

        def log_weights(x, y, draws):
            if method == "monte_carlo":
                return self.log_likelihoods(Batch(x, y), draws)
            return self.bound(Batch(x, y), draws).log_weights

        return self.log_mean_weight(
            log_weights,
            x,
            y,
            num_samples=num_samples,
            chunk_size=chunk_size,
            batch_size=batch_size,
            draw_size=math.prod(self.output_shape),
        )

    def signatures(self):
        x = self.condition_inputs()
        z = {"z": Vector(self.latent_dim, "latent_dim")}
        predict = Signature(self.prediction_step, x, ("y",))
        decode = Signature(self.decode_step, z | x, ("y",))
        named = {"predict": predict, "decode": decode}
        return {"serving_default": predict, **named}

    def served_networks(self):
        networks = (self.prior_net, self.generation_net, self.baseline_net)
        return [network for network in networks if network is not None]
