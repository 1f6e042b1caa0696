"""Base class of the variational models: ELBO, training, inference."""

import dataclasses
import functools
import math
import typing

import keras
import numpy as np
from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option, check_positive
from keras_gen.distributions import Distribution, IsotropicNormal, Normal
from keras_gen.engine import Batch, GenerativeModel, Signature
from keras_gen.models.encoder_decoder import EncoderDecoderModel, PriorSampling

# Of all examples and draws that are decoded at a time.
MOST_COMPONENTS = 2**23


@dataclasses.dataclass(frozen=True)
class Bound:
    """The variational bound of a batch, for several draws of `z`.

    Attributes:
        batch: `Batch`, the data.
        z: Tensor of shape `(num_samples, batch, latent_dim)`, or a structure.
        posterior, prior, likelihood: `q(z|x)`, `p(z)` and `p(x|z)`.
        estimator: `"analytic"` for the KL divergence in closed form, where
            there is one, or `"monte_carlo"` for `log q(z|x) - log p(z)`.
    """

    batch: Batch
    z: typing.Any
    posterior: Distribution
    prior: Distribution
    likelihood: Distribution
    estimator: str = "analytic"

    @functools.cached_property
    def log_likelihood(self):
        """`log p(x|z)`, of shape `(num_samples, batch)`."""
        value = self.likelihood.log_prob(self.batch.x)
        return self.posterior.corrected(self.z, value)

    @functools.cached_property
    def log_prior(self):
        """`log p(z)`, of shape `(num_samples, batch)`."""
        return self.prior.log_prob(self.z)

    @functools.cached_property
    def log_posterior(self):
        """`log q(z|x)`, of shape `(num_samples, batch)`."""
        return self.posterior.log_prob(self.z)

    @functools.cached_property
    def kl_divergence(self):
        """`KL(q(z|x) || p(z))`, of shape `(batch,)`, or its estimate."""
        analytic = self.estimator == "analytic"
        kl = self.posterior.kl_divergence(self.prior) if analytic else None
        if kl is not None:
            return kl
        value = ops.subtract(self.log_posterior, self.log_prior)
        return self.posterior.corrected(self.z, value)

    @functools.cached_property
    def elbo(self):
        """`log p(x|z) - KL`, of shape `(num_samples, batch)`."""
        return self.log_likelihood - self.kl_divergence

    @functools.cached_property
    def log_weights(self):
        """`log p(x|z) p(z) / q(z|x)`, of shape `(num_samples, batch)`."""
        joint = ops.add(self.log_likelihood, self.log_prior)
        return joint - self.log_posterior


class BoundModel(GenerativeModel):
    """A model that is trained by a variational bound.

    The loss is the weighted sum of `terms`, by default the negative ELBO. All
    quantities are in nats, summed over an example, averaged over the batch.

    Args:
        num_samples: Integer. Draws of `z` for each example in training.
        estimator: String. `"analytic"` for the KL divergence in closed form,
            or `"monte_carlo"`.

    A subclass defines:
        bound: `(batch, num_samples, training)`, the `Bound` of a batch.
        terms: `(bound)`, the terms of the loss, by default the negative ELBO's.
        term_weights: The weights of those that do not have 1.
    """

    logged = ("reconstruction_loss", "kl_divergence", "elbo")

    def __init__(
        self, num_samples: int = 1, estimator: str = "analytic", **kwargs
    ):
        check_option("estimator", estimator, ("analytic", "monte_carlo"))
        check_positive(num_samples=num_samples)
        super().__init__(**kwargs)
        self.num_samples = num_samples
        self.estimator = estimator
        self.posterior_seed = self.seed_generator("posterior")
        self.prior_seed = self.seed_generator("prior")

    def draw_codes(self, posterior, batch: Batch, num_samples: int):
        """Draws from the posterior of a batch, `(num_samples, batch, ...)`."""
        return posterior.sample(num_samples, seed=self.posterior_seed)

    def terms(self, bound: Bound) -> dict:
        """The terms of the loss, scalars, before they are weighted."""
        return {
            "reconstruction_loss": -ops.mean(bound.log_likelihood),
            "kl_divergence": ops.mean(bound.kl_divergence),
        }

    def term_weights(self) -> dict:
        """The weights of terms, by their names, where they are not 1."""
        return {}

    def model_loss(self, batch, training):
        return self.bound_loss(self.bound(batch, self.num_samples, training))

    def bound_loss(self, bound):
        """The weighted sum of `terms`, which are logged."""
        terms, weights = self.terms(bound), self.term_weights()
        self.log(**terms, elbo=self.elbo_of(bound, terms))
        return sum(
            ops.multiply(weights[name], term) if name in weights else term
            for name, term in terms.items()
        )

    def elbo_of(self, bound, terms):
        """The mean ELBO of a batch, which is logged."""
        return ops.mean(bound.elbo)

    def log_mean_weight(
        self,
        log_weights,
        *data,
        num_samples: int,
        chunk_size: int | None,
        batch_size: int,
        shape: tuple[int, ...],
        **options,
    ) -> np.ndarray:
        """The logarithm of the mean of weights of draws, of each example.

        Args:
            log_weights: Function of a batch of the data and the number of
                draws, to a tensor of shape `(draws, batch)`.
            *data: Arrays.
            num_samples: Integer. The number of draws.
            chunk_size: Integer. How many are held at a time; by default, so
                many that what is decoded of a batch has about eight million
                components.
            shape: Tuple. The shape of what is decoded of an example.
            **options: Those of `run`.

        Returns:
            float64 array of shape `(n,)`.
        """
        if chunk_size is None:
            components = batch_size * math.prod(shape)
            chunk_size = max(1, MOST_COMPONENTS // components)
        check_positive(num_samples=num_samples, chunk_size=chunk_size)
        starts = range(0, num_samples, chunk_size)
        chunks = [min(chunk_size, num_samples - start) for start in starts]

        def step(*batch):
            weights = (log_weights(*batch, draws) for draws in chunks)
            totals = [ops.logsumexp(part, axis=0) for part in weights]
            return ops.stack(totals, axis=-1)

        totals = self.run(step, *data, batch_size=batch_size, **options)
        total = np.logaddexp.reduce(totals.astype("float64"), axis=-1)
        return total - np.log(num_samples)


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
    def decoded_shape(self) -> tuple[int, ...]:
        """The shape of what is decoded of an example and a draw."""
        return self.example_shape

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
        return Bound(batch, z, q, self.prior, likelihood, self.estimator)

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
            shape=self.decoded_shape,
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


def distance(mean, target):
    """The distance of the mean over all workers from a target.

    Args:
        mean: Scalar, the mean over a worker's own examples.
        target: Scalar.
    """
    gap = ops.subtract(mean, target)
    # The mean is within the absolute value.
    return ops.sign(replica_mean(gap)) * gap


def outputs_of(network, z, shape, training=False) -> list:
    """Outputs of `shape`, in float32, for vectors `z` with any leading axes."""
    flat = ops.reshape(z, (-1, z.shape[-1]))
    outputs = keras.tree.flatten(network(flat, training=training))
    shape = (*ops.shape(z)[:-1], *shape)
    return [ops.reshape(at_least_float32(y), shape) for y in outputs]
