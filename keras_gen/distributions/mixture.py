"""Mixtures of normal distributions."""

from keras import ops

from keras_gen.backend import noise
from keras_gen.distributions.distribution import Distribution, as_float
from keras_gen.distributions.normal import Normal


class Mixture(Distribution):
    """A mixture of normal distributions with diagonal covariance.

    There is no KL divergence in closed form.

    Args:
        components: `Normal` of a batch, the components.
        logits: Tensor of shape `(components,)`, the logarithms of the weights
            up to a constant, or `None` for equal weights.

    Example:

    >>> components = Normal(ops.zeros((10, 2)), ops.zeros((10, 2)))
    >>> Mixture(components).sample(100, seed=0)  # (100, 2)
    """

    def __init__(self, components: Normal, logits=None):
        self.components = components
        self.event_shape = components.event_shape
        if logits is None:
            logits = ops.zeros_like(components.mean[:, 0])
        logits = as_float(logits, like=components.mean)
        self.log_weights = ops.log_softmax(logits)

    @property
    def mean(self):
        weights = ops.exp(self.log_weights)[:, None]
        return ops.sum(weights * self.components.mean, axis=0)

    def draw(self, n, labels, seed):
        count = self.components.mean.shape[0]
        # The largest of Gumbel draws, added to the log-weights, is a draw.
        u = as_float(noise.uniform((n, count), seed, 1e-7), like=self.mean)
        chosen = ops.argmax(self.log_weights - ops.log(-ops.log(u)), axis=-1)
        of_each = Normal(
            ops.take(self.components.mean, chosen, axis=0),
            ops.take(self.components.log_variance, chosen, axis=0),
        )
        return of_each.reparameterize(
            noise.normal((n, *self.event_shape), seed)
        )

    def log_prob(self, x, labels=None):
        x = as_float(x, like=self.components.mean)[..., None, :]
        log_p = self.components.log_prob(x)
        return ops.logsumexp(self.log_weights + log_p, axis=-1)
