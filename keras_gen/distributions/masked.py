"""Distributions of events of which some components do not count."""

from keras import ops

from keras_gen.distributions.distribution import (
    Distribution,
    as_float,
    sum_event,
)


class Masked(Distribution):
    """Independent components, of which some are left out of the density.

    Args:
        components: `Distribution` of single components (`event_rank=0`), such
            as pixels.
        mask: Array of the shape of an event: 1 where a component counts, 0
            where it does not.

    Example:

    >>> pixels = Bernoulli(ops.zeros((8, 28, 28, 1)), event_rank=0)
    >>> Masked(pixels, mask).log_prob(x)  # (8,)
    """

    def __init__(self, components: Distribution, mask):
        self.components = components
        self.mask = mask
        self.event_shape = tuple(mask.shape)

    @property
    def mean(self):
        return self.components.mean

    def log_prob(self, x, labels=None):
        log_p = self.components.log_prob(x)
        counted = log_p * as_float(ops.array(self.mask), like=log_p)
        return sum_event(counted, len(self.event_shape))
