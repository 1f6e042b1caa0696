"""The maximum mean discrepancy (MMD) of two batches, and its kernels.

Kernels are functions of the squared distances, and 1 at a distance of 0.
"""

from collections.abc import Callable, Sequence

from keras import ops

from keras_gen.backend import gather

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def gaussian_kernel(squares, bandwidth: float):
    """`exp(-||a - b||^2 / (2 h^2))`, of the bandwidth `h`."""
    return ops.exp(squares * (-0.5 / bandwidth**2))


def inverse_multiquadric_kernel(
    squares, dim: int, std: float = 1.0, scales: Sequence[float] = SCALES
):
    """The mean of `c / (c + ||a - b||^2)` with `c = 2 dim std^2 scale`.

    Args:
        squares: Tensor or array, the squared distances.
        dim: Integer. The size of a vector.
        std: Float. The standard deviation of the prior, whose draws are
            `2 dim std^2` apart.
        scales: Sequence of floats.

    Returns:
        Tensor or array of the shape of `squares`.

    Reference:

    - [Tolstikhin et al., 2018](https://arxiv.org/abs/1711.01558), whose code
      has the sum over the scales
    """
    widths = [2.0 * dim * std**2 * scale for scale in scales]
    return sum(width / (width + squares) for width in widths) / len(widths)


def maximum_mean_discrepancy(x, y, kernel: Callable, unbiased: bool = False):
    """`E[k(x, x')] + E[k(y, y')] - 2 E[k(x, y)]`, the squared MMD.

    The batches are those that all workers share.

    Args:
        x: Tensor of shape `(n, dim)`.
        y: Tensor of shape `(m, dim)`.
        kernel: Function of squared distances, 1 at 0.
        unbiased: Boolean. Whether the pairs of a vector and itself are left
            out (the U-statistic), or counted: the estimate is then not below
            0, but above it for two batches of one distribution.

    Returns:
        Scalar.

    Reference:

    - [Gretton et al., 2012](https://jmlr.org/papers/v13/gretton12a.html)
    """
    y = ops.cast(y, x.dtype)
    everything = {"x": gather(x), "y": gather(y)}

    def mean(rows, columns):
        differences = rows[:, None, :] - everything[columns][None, :, :]
        return ops.mean(kernel(ops.sum(ops.square(differences), axis=-1)))

    def mean_within(rows, columns):
        value = mean(rows, columns)
        if not unbiased:
            return value
        count = ops.cast(ops.shape(everything[columns])[0], value.dtype)
        return (count * value - 1.0) / ops.maximum(count - 1.0, 1.0)

    within = mean_within(x, "x") + mean_within(y, "y")
    return within - 2.0 * mean(x, "y")
