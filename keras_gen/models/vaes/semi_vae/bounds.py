"""Bounds of examples whose classes are given or summed out.

With a uniform `p(y)`. Shapes are of `S` draws, `n` examples and `K` classes.
"""

import dataclasses
import math
import typing

from keras import ops

from keras_gen.models.bounds import Bound, lazy


@dataclasses.dataclass(frozen=True)
class ClassBound:
    """What the bounds of both factorizations have.

    Attributes:
        latents: `Bound` of `z`, whose likelihood is not used.
        log_likelihoods: Tensor of shape `(S, n, K)`, `log p(x|y, z)`.
        log_q: Tensor of shape `(n, K)` or `(S, n, K)`, the logarithm of the
            class probabilities of the posterior.
        labels: Integer tensor of shape `(n,)`, with -1 for no label.

    A subclass has `log_likelihood`, `latent_kl` and `class_kl`, of the shape
    `(S, n)`, `(1, n)` or `(n,)`, `logits` of `q(y|x)`, and `log_weights`.
    """

    latents: Bound
    log_likelihoods: typing.Any
    log_q: typing.Any
    labels: typing.Any

    @property
    def num_classes(self):
        return self.log_q.shape[-1]

    @lazy
    def given(self):
        """One-hot classes, `(n, K)`; of examples without a label, any."""
        labels = ops.maximum(self.labels, 0)
        return ops.one_hot(labels, self.num_classes, dtype=self.log_q.dtype)

    @property
    def labeled(self):
        """Which examples have a label."""
        return self.labels >= 0

    @property
    def kl_divergence(self):
        """That of both latents."""
        return ops.add(self.latent_kl, self.class_kl)

    @property
    def elbo(self):
        """`-L(x, y)` or `-U(x)`."""
        return self.log_likelihood - self.kl_divergence


class ClassFirst(ClassBound):
    """The bound for `q(y|x) q(z|x, y)`: `z` has draws for each class."""

    @property
    def logits(self):
        """`log q(y|x)`."""
        return self.log_q

    @lazy
    def probabilities(self):
        """`q(y|x)`, or a one-hot vector where the class is given."""
        labeled = self.labeled[:, None]
        return ops.where(labeled, self.given, ops.exp(self.log_q))

    def of_classes(self, values):
        """From `(..., n K)` to `(..., n, K)`."""
        shape = (*ops.shape(values)[:-1], *ops.shape(self.log_q))
        return ops.reshape(values, shape)

    def expected(self, values):
        """The mean over the classes, of values of each."""
        return ops.sum(self.probabilities * values, axis=-1)

    @lazy
    def log_likelihood(self):
        """`E_q(y|x) log p(x|y, z)`."""
        return self.expected(self.log_likelihoods)

    @lazy
    def latent_kl(self):
        """`E_q(y|x) KL(q(z|x, y) || p(z))`."""
        return self.expected(self.of_classes(self.latents.kl_divergence))

    @lazy
    def class_kl(self):
        """`KL(q(y|x) || p(y))`, which is `-log p(y)` of a given class."""
        entropy = ops.sum(ops.exp(self.log_q) * self.log_q, axis=-1)
        entropy = ops.where(self.labeled, ops.zeros_like(entropy), entropy)
        return entropy + math.log(self.num_classes)

    @property
    def log_weights(self):
        """Importance weights of `p(x)`, in which all classes count."""
        ratio = ops.subtract(self.latents.log_prior, self.latents.log_posterior)
        weights = self.log_likelihoods + self.of_classes(ratio)
        return ops.logsumexp(weights, axis=-1) - math.log(self.num_classes)


class LatentFirst(ClassBound):
    """The bound for `q(z|x) q(y|x, z)`.

    Where the class is given, `q(z|x, y)` is known up to a constant, and
    expectations by it are weighted means over the draws from `q(z|x)`, with
    weights `w_s` in proportion to `q(y|x, z_s)`.
    """

    @lazy
    def logits(self):
        """`log q(y|x)`, estimated by the mean of `q(y|x, z)` over the draws."""
        draws = ops.cast(ops.shape(self.log_q)[0], self.log_q.dtype)
        return ops.logsumexp(self.log_q, axis=0) - ops.log(draws)

    def of_given(self, values):
        """The values of the class that is given."""
        return ops.sum(self.given * values, axis=-1)

    def mean(self, unlabeled, given):
        """The mean over the draws: equal weights, or `w_s` if `y` is given."""
        log_q = self.of_given(self.log_q)
        weights = ops.exp(log_q - ops.logsumexp(log_q, axis=0))
        found = ops.where(
            self.labeled,
            ops.sum(weights * given, axis=0),
            ops.mean(unlabeled, axis=0),
        )
        return found[None]

    @lazy
    def log_likelihood(self):
        """`log p(x|y, z)`."""
        values = self.log_likelihoods
        expected = ops.sum(ops.exp(self.log_q) * values, axis=-1)
        return self.mean(expected, self.of_given(values))

    @lazy
    def latent_kl(self):
        """`KL(q(z|x) || p(z))`; `E[log q(z|x) - log p(z)]` by the weights."""
        estimate = ops.subtract(
            self.latents.log_posterior, self.latents.log_prior
        )
        exact = ops.zeros_like(estimate) + self.latents.kl_divergence
        return self.mean(exact, estimate)

    @lazy
    def class_kl(self):
        """`KL(q(y|x, z) || p(y))`; what `q(z|x, y)` adds, and `-log p(y)`."""
        entropy = ops.sum(ops.exp(self.log_q) * self.log_q, axis=-1)
        added = self.of_given(self.log_q) - self.of_given(self.logits)
        return self.mean(entropy, added) + math.log(self.num_classes)

    @property
    def log_weights(self):
        """Importance weights of `p(x)`, in which all classes count."""
        log_p = ops.logsumexp(self.log_likelihoods, axis=-1)
        ratio = ops.subtract(self.latents.log_prior, self.latents.log_posterior)
        return log_p + ratio - math.log(self.num_classes)
