"""The filter that flattens the spectrum of speech, and its inverse."""

import numpy as np
from keras import ops


def pre_emphasis(x, coefficient: float):
    """`y[t] = x[t] - c x[t - 1]`, with `y[0] = x[0]`.

    Args:
        x: Tensor or array of shape `(batch, time, channels)`.
        coefficient: Float in [0, 1), `c`.
    """
    return x - coefficient * _delayed(x, 1)


def de_emphasis(y, coefficient: float):
    """`x[t] = y[t] + c x[t - 1]`, the inverse of `pre_emphasis`.

    By doubling: `1 / (1 - c d) = (1 + c d) (1 + c^2 d^2) (1 + c^4 d^4) ...`,
    where `d` delays by one sample.

    Args:
        y: Tensor or array of shape `(batch, time, channels)`.
        coefficient: Float in [0, 1), `c`.
    """
    delay, x = 1, y
    while delay < y.shape[1] and coefficient**delay > 1e-20:
        x = x + coefficient**delay * _delayed(x, delay)
        delay *= 2
    return x


def _delayed(x, delay):
    pad = np.pad if isinstance(x, np.ndarray) else ops.pad
    return pad(x[:, : x.shape[1] - delay], ((0, 0), (delay, 0), (0, 0)))
