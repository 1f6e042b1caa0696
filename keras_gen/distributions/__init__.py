"""Distributions: log-probabilities, divergences and reparameterised samples.

All values are in nats. Each function takes `event_rank`, the number of last
axes that make up one event: the result is summed over them.
"""

from keras_gen.distributions import bernoulli, normal

__all__ = ["bernoulli", "normal"]
