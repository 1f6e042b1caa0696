"""The latents that generate given images, by gradient descent."""

from functools import partial

import numpy as np
from keras import ops

STEPS, RATE = 200, 0.1


def invert(model, error, x, batch_size):
    """Latents of a small error, from zero by the steps of Adam.

    Args:
        model: `AdversarialModel` of latents in one vector.
        error: Function of latents and images, the error of each.
        x: Array of `n` images.
        batch_size: Integer.

    Returns:
        Array of shape `(n, latent_dim)`.
    """

    def update(count, x, z, mean, square):
        slope = model.gradient(lambda z: error(z, x), z)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * ops.square(slope)
        deviation = ops.sqrt(square / (1.0 - 0.99**count)) + 1e-8
        z = z - RATE * mean / (1.0 - 0.9**count) / deviation
        return z, mean, square

    state = [np.zeros((len(x), model.latent_dim), "float32")] * 3
    for count in range(1, STEPS + 1):
        step = partial(update, count)
        state = model.run_batched(step, x, *state, batch_size=batch_size)
    return state[0]
