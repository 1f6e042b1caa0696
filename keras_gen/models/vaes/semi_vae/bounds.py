"""Bounds of examples whose classes are given or summed out.

With a uniform `p(y)`, and `q` one-hot where the class is given.
"""

import dataclasses
import functools
import math
import typing

from keras import ops

from keras_gen.models.variational import Bound


class ClassBound:
    """What both bounds have: the ELBO of its parts.

    A subclass has `log_likelihood`, `latent_kl`, `class_kl` and `log_weights`,
    of the shape `(num_samples, batch)` or `(batch,)`.
    """

    @property
    def kl_divergence(self):
        """That of both latents."""
        return ops.add(self.latent_kl, self.class_kl)

    @property
    def elbo(self):
        """`-L(x, y)` or `-U(x)`."""
        return self.log_likelihood - self.kl_divergence


@dataclasses.dataclass(frozen=True)
class ClassFirst(ClassBound):
    """The bound for `q(y|x) q(z|x, y)`.

    Attributes:
        of_classes: `Bound` of each example with each class, in this order.
        probabilities: Tensor of shape `(batch, num_classes)`, `q(y|x)`, or a
            one-hot vector where the class is given.
        log_probabilities: The same, as logarithms; 0 where the class is given.
        logits: Tensor of shape `(batch, num_classes)`, those of `q(y|x)`.
        labels: Integer tensor of shape `(batch,)`, with -1 for no label, or
            `None`.
    """

    of_classes: Bound
    probabilities: typing.Any
    log_probabilities: typing.Any
    logits: typing.Any
    labels: typing.Any

    def split(self, values):
        """From `(..., batch * num_classes)` to `(..., batch, num_classes)`."""
        shape = (*ops.shape(values)[:-1], *ops.shape(self.probabilities))
        return ops.reshape(values, shape)

    def expected(self, values):
        """The mean over the classes, of values of each."""
        return ops.sum(self.probabilities * values, axis=-1)

    @functools.cached_property
    def log_likelihood(self):
        """`E_q(y|x) log p(x|y, z)`, of shape `(num_samples, batch)`."""
        return self.expected(self.split(self.of_classes.log_likelihood))

    @functools.cached_property
    def latent_kl(self):
        """`E_q(y|x) KL(q(z|x, y) || p(z))`."""
        return self.expected(self.split(self.of_classes.kl_divergence))

    @functools.cached_property
    def class_kl(self):
        """`KL(q(y|x) || p(y))`, which is `-log p(y)` of a given class."""
        classes = self.probabilities.shape[-1]
        return self.expected(self.log_probabilities) + math.log(classes)

    @property
    def log_weights(self):
        """Importance weights of `p(x)`, in which all classes count."""
        weights = self.split(self.of_classes.log_weights)
        return ops.logsumexp(weights, axis=-1) - math.log(weights.shape[-1])


@dataclasses.dataclass(frozen=True)
class LatentFirst(ClassBound):
    """The bound for `q(z|x) q(y|x, z)`.

    Where the class is given, `q(z|x, y)` is known up to a constant, and
    expectations by it are weighted means over the draws from `q(z|x)`, with
    weights `w_s` in proportion to `q(y|x, z_s)`.

    Attributes:
        of_latents: `Bound` of `z`, whose likelihood is not used.
        log_likelihoods: Tensor of shape `(num_samples, batch, num_classes)`,
            `log p(x|y, z)`.
        log_q: Tensor of the same shape, `log q(y|x, z)`.
        labels: Integer tensor of shape `(batch,)`, with -1 for no label, or
            `None`.
    """

    of_latents: Bound
    log_likelihoods: typing.Any
    log_q: typing.Any
    labels: typing.Any

    @functools.cached_property
    def logits(self):
        """`log q(y|x)`, estimated by the mean of `q(y|x, z)` over the draws."""
        draws = ops.cast(ops.shape(self.log_q)[0], self.log_q.dtype)
        return ops.logsumexp(self.log_q, axis=0) - ops.log(draws)

    @functools.cached_property
    def chosen(self):
        """One-hot classes of shape `(batch, num_classes)`, if there are any."""
        labels = ops.maximum(self.labels, 0)
        classes = self.log_q.shape[-1]
        return ops.one_hot(labels, classes, dtype=self.log_q.dtype)

    def mean(self, unlabeled, given):
        """The mean over the draws: equal weights, or `w_s` if `y` is given.

        Args:
            unlabeled: Tensor of shape `(num_samples, batch)`.
            given: The same, for the class that is given.

        Returns:
            Tensor of shape `(1, batch)`.
        """
        found = ops.mean(unlabeled, axis=0, keepdims=True)
        if self.labels is None:
            return found
        log_q = ops.sum(self.chosen * self.log_q, axis=-1)
        weights = ops.softmax(log_q, axis=0)
        labeled = ops.sum(weights * given, axis=0, keepdims=True)
        return ops.where(self.labels >= 0, labeled, found)

    def of_chosen(self, values):
        """The values of the class that is given."""
        if self.labels is None:
            return None
        return ops.sum(self.chosen * values, axis=-1)

    @functools.cached_property
    def log_likelihood(self):
        """`log p(x|y, z)`, of shape `(1, batch)`."""
        values = self.log_likelihoods
        expected = ops.sum(ops.exp(self.log_q) * values, axis=-1)
        return self.mean(expected, self.of_chosen(values))

    @functools.cached_property
    def latent_kl(self):
        """`KL(q(z|x) || p(z))`; `E[log q(z|x) - log p(z)]` by the weights."""
        bound = self.of_latents
        estimate = ops.subtract(bound.log_posterior, bound.log_prior)
        exact = ops.zeros_like(estimate) + bound.kl_divergence
        return self.mean(exact, estimate)

    @functools.cached_property
    def class_kl(self):
        """`KL(q(y|x, z) || p(y))`; what `q(z|x, y)` adds, and `-log p(y)`."""
        entropy = ops.sum(ops.exp(self.log_q) * self.log_q, axis=-1)
        given = self.of_chosen(self.log_q)
        if given is not None:
            given = given - self.of_chosen(self.logits)
        return self.mean(entropy, given) + math.log(self.log_q.shape[-1])

    @property
    def log_weights(self):
        """Importance weights of `p(x)`, in which all classes count."""
        bound, classes = self.of_latents, self.log_q.shape[-1]
        log_p = ops.logsumexp(self.log_likelihoods, axis=-1)
        rest = ops.subtract(bound.log_prior, bound.log_posterior)
        return log_p - math.log(classes) + rest
