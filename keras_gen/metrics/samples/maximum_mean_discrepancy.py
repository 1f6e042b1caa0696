"""Maximum mean discrepancy of two samples of latents or features."""

from collections.abc import Sequence

import numpy as np

from keras_gen.losses.maximum_mean_discrepancy import (
    SCALES,
    inverse_multiquadric_kernel,
)
from keras_gen.metrics.checks import finite_array


def maximum_mean_discrepancy(
    x: np.ndarray,
    y: np.ndarray,
    scales: Sequence[float] = SCALES,
    std: float = 1.0,
) -> float:
    """Squared MMD of two samples, with inverse multiquadratic kernels.

    `k(a, b) = c / (c + ||a - b||^2)` with `c = 2 dim std^2 scale`, the mean
    over the scales of the unbiased estimates

        E[k(x, x')] + E[k(y, y')] - 2 E[k(x, y)].

    It may be below zero for equal distributions.

    Args:
        x: Array of shape `(n, dim)`.
        y: Array of shape `(m, dim)`.
        scales: Sequence of floats. The scales of the kernels.
        std: Float. The standard deviation of a dimension; it makes the kernels
            as wide as the distance of two examples.

    Returns:
        Float.

    Raises:
        ValueError: If a sample has fewer than two examples, values are not
            finite, the dimensions differ, or a scale is not positive.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 500, 8))
    >>> abs(maximum_mean_discrepancy(x, y)) < 0.01
    True

    Reference:

    - [Gretton et al., 2012](https://jmlr.org/papers/v13/gretton12a.html)
    - [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), for the
      kernels
    """
    x = finite_array("x", x, ("examples", "dim"), min_rows=2)
    y = finite_array("y", y, ("examples", "dim"), min_rows=2)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            "`x` and `y` must have the same dimensions. Received: "
            f"x.shape={x.shape}, y.shape={y.shape}."
        )
    if not len(scales) or min(scales) <= 0 or std <= 0:
        raise ValueError(
            "`scales` and `std` must be above 0. Received: "
            f"scales={tuple(scales)}, {std=}."
        )
    total = 0.0
    pairs = ((x, x, 1.0), (y, y, 1.0), (x, y, -2.0))
    for a, b, sign in pairs:
        squares = (
            np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2.0 * a @ b.T
        )
        np.maximum(squares, 0.0, out=squares)
        if a is b:
            np.fill_diagonal(squares, 0.0)
        count = len(a) * (len(a) - 1) if a is b else len(a) * len(b)
        kernel = inverse_multiquadric_kernel(squares, x.shape[1], std, scales)
        # Without the pairs of an example and itself, which are 1.
        own = len(a) if a is b else 0
        total += sign * (np.sum(kernel) - own) / count
    return float(total)
