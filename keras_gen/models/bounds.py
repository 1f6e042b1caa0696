"""Variational bounds, and the models that are trained by one."""

import dataclasses
import typing

import numpy as np
from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.checks import check_option, check_positive
from keras_gen.distributions import Distribution
from keras_gen.engine import Batch, GenerativeModel

# Of all examples and draws that are decoded at a time.
MOST_COMPONENTS = 2**23


class lazy:
    """A property that is computed once, when it is first asked for.

    Unlike `functools.cached_property` before Python 3.12 it takes no lock,
    under which one replica would wait for the mean over all of them while the
    others wait for the lock.

    Args:
        function: Function of the object.
    """

    def __init__(self, function):
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        value = vars(instance)[self.name] = self.function(instance)
        return value


@dataclasses.dataclass(frozen=True)
class Bound:
    """The variational bound of a batch, for several draws of `z`.

    Attributes:
        batch: `Batch`, the data.
        z: Tensor of shape `(num_samples, batch, latent_dim)`, or a structure.
        posterior, prior, likelihood: `q(z|x)`, `p(z)` and `p(x|z)`.
        estimator: `"analytic"` for the KL divergence in closed form, where
            there is one, or `"monte_carlo"` for `log q(z|x) - log p(z)`.
        training: Boolean. The mode of the networks.
    """

    batch: Batch
    z: typing.Any
    posterior: Distribution
    prior: Distribution
    likelihood: Distribution
    estimator: str = "analytic"
    training: bool = False

    @lazy
    def log_likelihood(self):
        """`log p(x|z)`, of shape `(num_samples, batch)`."""
        value = self.likelihood.log_prob(self.batch.x)
        return self.posterior.corrected(self.z, value)

    @lazy
    def log_prior(self):
        """`log p(z)`, of shape `(num_samples, batch)`."""
        return self.prior.log_prob(self.z)

    @lazy
    def log_posterior(self):
        """`log q(z|x)`, of shape `(num_samples, batch)`."""
        return self.posterior.log_prob(self.z)

    @lazy
    def kl_divergence(self):
        """`KL(q(z|x) || p(z))`, of shape `(batch,)`, or its estimate."""
        analytic = self.estimator == "analytic"
        kl = self.posterior.kl_divergence(self.prior) if analytic else None
        if kl is not None:
            return kl
        value = ops.subtract(self.log_posterior, self.log_prior)
        return self.posterior.corrected(self.z, value)

    @lazy
    def elbo(self):
        """`log p(x|z) - KL`, of shape `(num_samples, batch)`."""
        return self.log_likelihood - self.kl_divergence

    @lazy
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

    def held_to(self, target, name: str, terms: dict) -> dict:
        """Terms with the distance of the KL divergence from a target.

        It takes the place of the divergence, which is logged all the same.

        Args:
            target: Scalar, in nats.
            name: String. The name of the distance.
            terms: Dictionary of terms.
        """
        terms = dict(terms)
        kl = terms.pop("kl_divergence")
        self.log(kl_divergence=kl)
        gap = ops.subtract(kl, target)
        # The mean over all workers is within the absolute value.
        return {**terms, name: ops.sign(replica_mean(gap)) * gap}

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
        draw_size: int,
        **options,
    ) -> np.ndarray:
        """The logarithm of the mean of weights of draws, of each example.

        Args:
            log_weights: Function of a batch of the data and the number of
                draws, to a tensor of shape `(draws, batch)`.
            *data: Arrays.
            num_samples: Integer. The number of draws.
            chunk_size: Integer. How many are held at a time; by default, so
                many that about eight million numbers are.
            draw_size: Integer. The numbers of an example and a draw.
            **options: Those of `run`.

        Returns:
            float64 array of shape `(n,)`.
        """
        if chunk_size is None:
            chunk_size = max(1, MOST_COMPONENTS // (batch_size * draw_size))
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
