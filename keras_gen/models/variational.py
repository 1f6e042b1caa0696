"""Base class of the variational models: ELBO, training, inference."""

import math
import typing

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_positive
from keras_gen.distributions import Distribution, IsotropicNormal, Normal
from keras_gen.engine import Batch, Signature
from keras_gen.models.bounds import Bound, BoundModel
from keras_gen.models.encoder_decoder import EncoderDecoderModel, PriorSampling


class VariationalModel(BoundModel, PriorSampling, EncoderDecoderModel):
    """A latent-variable model trained by a variational bound.

    A subclass sets what an `EncoderDecoderModel` does, and defines what a
    `BoundModel` does but `bound`, and:
        likelihood: `(z, training)`, the distribution `p(x|z)`.
        posterior: `(x, training)`, `q(z|x)`, by default normal.
        prior: Property, `p(z)`, by default N(0, I).

    Args of methods:
        num_samples: Integer. How many draws of `z` are averaged.
    """

    # The attributes of the posterior that are served.
    posterior_parameters: typing.ClassVar[tuple[str, ...]] = (
        "mean",
        "log_variance",
    )
    must_define = ("likelihood",)

    def posterior(self, x, training=False) -> Distribution:
        """The distribution `q(z|x)`, normal by the encoder's two outputs."""
        mean, log_variance = self.encoder(x, training=training)
        return Normal.learned(mean, log_variance)

    def posterior_of(self, batch: Batch, training=False) -> Distribution:
        """The posterior in the bound of a batch, by default `q(z|x)`."""
        return self.posterior(batch.x, training)

    @property
    def prior(self) -> Distribution:
        """The distribution `p(z)`."""
        return IsotropicNormal(self.latent_dim)

    @property
    def draw_size(self) -> int:
        """The numbers that are held of an example and a draw."""
        return math.prod(self.example_shape)

    def likelihood(self, z, training=False) -> Distribution:
        """The distribution `p(x|z)`, for codes `(..., latent_dim)`."""
        raise NotImplementedError(f"{type(self).__name__} needs `likelihood`.")

    def decoded(self, z, training=False) -> list:
        """The decoder's outputs in float32, with the leading axes of `z`."""
        return outputs_of(self.decoder, z, self.example_shape, training)

    def bound(
        self, batch: Batch, num_samples: int = 1, training: bool = False
    ) -> Bound:
        """The bound of a batch, for `num_samples` draws of `z`."""
        q = self.posterior_of(batch, training)
        z = self.draw_codes(q, batch, num_samples)
        likelihood = self.likelihood(z, training)
        of_z = (q, self.prior, likelihood)
        return Bound(batch, z, *of_z, self.estimator, training)

    def encode_step(self, x):
        return self.posterior(x).mean

    def decode_step(self, z):
        return self.likelihood(z).mean

    def elbo(
        self, x, *, num_samples: int = 1, batch_size: int = 256
    ) -> dict[str, np.ndarray]:
        """The evidence lower bound of each example, and its parts.

        Returns:
            Dictionary of arrays of shape `(n,)`, in nats: `log_likelihood`,
            `kl_divergence` and their difference `elbo`.
        """
        return self._elbo(x, num_samples, batch_size, self.examples_spec())

    def _elbo(self, x, num_samples, batch_size, spec):
        def step(x):
            bound = self.bound(Batch(x), num_samples)
            values = (bound.log_likelihood, bound.elbo)
            return [ops.mean(value, axis=0) for value in values]

        check_positive(num_samples=num_samples)
        log_p, elbo = self.run(step, x, batch_size=batch_size, spec=spec)
        return dict(elbo=elbo, log_likelihood=log_p, kl_divergence=log_p - elbo)

    def log_likelihood(
        self,
        x,
        *,
        num_samples: int = 5000,
        chunk_size: int | None = None,
        batch_size: int = 100,
    ) -> np.ndarray:
        """Importance-weighted lower bound of each `log p(x)`, in nats.

        `log (1/K) sum_k p(x|z_k) p(z_k) / q(z_k|x)` with `z_k ~ q(z|x)`. It
        is the ELBO for `K = 1`, does not decrease with `K` in expectation
        and converges to `log p(x)`.

        Args:
            num_samples: Integer. The number `K` of draws.
            chunk_size: Integer. How many draws are held at a time; by
                default, so many that what is decoded of a batch has about
                eight million components.

        Reference:

        - [Burda et al., 2016](https://arxiv.org/abs/1509.00519)
        """

        def log_weights(x, draws):
            return self.bound(Batch(x), draws).log_weights

        return self.log_mean_weight(
            log_weights,
            x,
            num_samples=num_samples,
            chunk_size=chunk_size,
            batch_size=batch_size,
            draw_size=self.draw_size,
            spec=self.examples_spec(),
        )

    def anomaly_score(
        self, x, *, num_samples: int = 10, batch_size: int = 256
    ) -> np.ndarray:
        """The negative ELBO of each example; higher is more anomalous.

        Examples out of the model's range have a score, too.
        """
        spec = self.examples_spec(value_range=None)
        return -self._elbo(x, num_samples, batch_size, spec)["elbo"]

    def signatures(self):
        def parameters(x):
            q = self.posterior(x)
            return tuple(getattr(q, name) for name in names)

        x, names = {"x": self.examples_spec()}, self.posterior_parameters
        posterior = Signature(parameters, x, names)
        return {**super().signatures(), "posterior": posterior}


def outputs_of(network, z, shape, training=False) -> list:
    """Outputs of `shape`, in float32, for vectors `z` with any leading axes."""
    flat = ops.reshape(z, (-1, z.shape[-1]))
    outputs = keras.tree.flatten(network(flat, training=training))
    shape = (*ops.shape(z)[:-1], *shape)
    return [ops.reshape(at_least_float32(y), shape) for y in outputs]
