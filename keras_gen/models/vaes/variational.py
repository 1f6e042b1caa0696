"""What the variational models share: the bound, its training and its use."""

import typing

import keras
import numpy as np
from keras import ops

from keras_gen.engine import Signature
from keras_gen.engine.records import check_positive
from keras_gen.models.reconstructing import ReconstructingModel


class Terms(typing.NamedTuple):
    """The terms of the variational bound, each `(num_samples, batch)`.

    Attributes:
        log_likelihood: `log p(x|z)`.
        log_prior: `log p(z)`.
        log_posterior: `log q(z|x)`.
        kl_divergence: What the bound subtracts: the divergence in closed
            form where there is one, else `log q(z|x) - log p(z)`.
    """

    log_likelihood: typing.Any
    log_prior: typing.Any
    log_posterior: typing.Any
    kl_divergence: typing.Any


class VariationalModel(ReconstructingModel):
    """A latent-variable model trained by a variational bound.

    A subclass defines `terms`, and `encode` and `decode` on batches through
    `encode_step` and `decode_step`. All quantities are in nats, summed over
    the axes of an example and averaged over the batch.
    """

    logged = ("reconstruction_loss", "kl_divergence")

    # ---- What a model defines ---------------------------------------------

    def terms(self, x, num_samples: int, training: bool) -> Terms:
        """The terms of the bound for `num_samples` draws of `z`."""
        raise TypeError(f"{type(self).__name__} defines no `terms`.")

    def kl_weight(self):
        """The weight of the divergence in the training loss."""
        return 1.0

    # ---- Training ---------------------------------------------------------

    def logged_terms(self, x, num_samples, training):
        """The terms, of which the steps log the means."""
        terms = self.terms(x, num_samples, training)
        self.log(
            reconstruction_loss=-ops.mean(terms.log_likelihood),
            kl_divergence=ops.mean(terms.kl_divergence),
        )
        return terms

    def bound_losses(self, x, training):
        """Mean reconstruction loss and divergence."""
        terms = self.logged_terms(x, self.num_samples, training)
        return -ops.mean(terms.log_likelihood), ops.mean(terms.kl_divergence)

    def training_step(self, batch):
        def negative_elbo():
            reconstruction_loss, kl = self.bound_losses(batch.x, training=True)
            return reconstruction_loss + self.kl_weight() * kl

        self.minimize("model", negative_elbo)

    def evaluation_step(self, batch):
        reconstruction_loss, kl = self.bound_losses(batch.x, training=False)
        self.log(loss=reconstruction_loss + kl)

    # ---- Inference --------------------------------------------------------

    def call(self, inputs, training=False):
        """Reconstructs: the decoded mean of the posterior."""
        return self.decode_step(self.encode_step(inputs)[0])

    def encode(self, x, batch_size: int = 256):
        """The parameters of `q(z|x)`.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Mean and log-variance, arrays of shape `(n, latent_dim)`.
        """
        return self.run_batched(
            self.encode_step, self.checked(x), batch_size=batch_size
        )

    def codes(self, x) -> np.ndarray:
        return self.encode(x)[0]

    def elbo(
        self, x, num_samples: int = 1, batch_size: int = 256
    ) -> dict[str, np.ndarray]:
        """The bound of each example, and its parts.

        Args:
            x: Array of shape `(n, *input_shape)`.
            num_samples: Integer. The draws of `z` that are averaged.
            batch_size: Integer.

        Returns:
            Dictionary of arrays of shape `(n,)`, in nats: `log_likelihood`,
            `kl_divergence` and their difference `elbo`.
        """

        def step(x):
            terms = self.terms(x, num_samples, training=False)
            log_likelihood = ops.mean(terms.log_likelihood, axis=0)
            kl_divergence = ops.mean(terms.kl_divergence, axis=0)
            return {
                "elbo": log_likelihood - kl_divergence,
                "log_likelihood": log_likelihood,
                "kl_divergence": kl_divergence,
            }

        check_positive(num_samples=num_samples)
        x = self.checked(x)
        self.check_arrays(x, None)
        return self.run_batched(step, x, batch_size=batch_size)

    def log_likelihood(
        self,
        x,
        num_samples: int = 5000,
        chunk_size: int = 100,
        batch_size: int = 100,
    ) -> np.ndarray:
        """Importance-weighted lower bound of `log p(x)`.

        `log (1/K) sum_k p(x|z_k) p(z_k) / q(z_k|x)` with `z_k ~ q(z|x)`. It
        is the ELBO for `K = 1`, does not decrease with `K` in expectation
        and converges to `log p(x)`.

        Args:
            x: Array of shape `(n, *input_shape)`.
            num_samples: Integer. The number `K` of draws.
            chunk_size: Integer. How many draws are held at a time.
            batch_size: Integer. How many examples are held at a time.

        Returns:
            Array of shape `(n,)`, in nats.

        Reference:

        - [Burda et al., 2016](https://arxiv.org/abs/1509.00519)
        """

        def log_weights(x, draws):
            terms = self.terms(x, draws, training=False)
            weights = (
                terms.log_likelihood + terms.log_prior - terms.log_posterior
            )
            return ops.logsumexp(weights, axis=0)

        check_positive(num_samples=num_samples, chunk_size=chunk_size)
        x = self.checked(x)
        self.check_arrays(x, None)
        totals = []
        for start in range(0, len(x), batch_size):
            part = x[start : start + batch_size]
            total = np.full(len(part), -np.inf)
            for drawn in range(0, num_samples, chunk_size):
                draws = min(chunk_size, num_samples - drawn)
                chunk = self.run_batched(
                    lambda x, draws=draws: log_weights(x, draws),
                    part,
                    batch_size=batch_size,
                )
                total = np.logaddexp(total, chunk.astype("float64"))
            totals.append(total - np.log(num_samples))
        return np.concatenate(totals)

    def sample(
        self, num_samples: int, seed: int | None = None, batch_size: int = 256
    ) -> np.ndarray:
        """Decodes draws from the prior.

        Args:
            num_samples: Integer.
            seed: Integer for the same samples each time, or `None` to draw
                on from the model's own seed.
            batch_size: Integer.

        Returns:
            Array of shape `(num_samples, *input_shape)`: the means of
            `p(x|z)`.
        """
        seed = self.prior_seed if seed is None else seed
        z = keras.random.normal((num_samples, self.latent_dim), seed=seed)
        return self.decode(ops.convert_to_numpy(z), batch_size=batch_size)

    def signatures(self):
        x = {"x": (None, *self.input_shape)}
        z = {"z": (None, self.latent_dim)}
        return {
            "serving_default": Signature(self.call, x, ("reconstruction",)),
            "encode": Signature(self.encode_step, x, ("mean", "log_variance")),
            "decode": Signature(self.decode_step, z, ("x",)),
        }
