"""Kernel distance between two sets of features.

The squared maximum mean discrepancy (MMD) of two sets, with the kernel

    k(x, y) = (gamma x.y + coef0)^degree,

by its unbiased estimate

    mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j)
        - 2 mean_{i, j} k(x_i, y_j).

With the pool features of an Inception network it is the kernel Inception
distance (KID). Unlike the Fréchet distance it is unbiased for few samples, and
assumes nothing about the distribution of the features.
"""

from typing import NamedTuple

import numpy as np

from keras_gen.checks import check_positive
from keras_gen.metrics.checks import finite_array


class KernelDistance(NamedTuple):
    """Result of `kernel_distance`.

    Attributes:
        mean: Float. The mean of the squared discrepancy over the subsets, not
            multiplied by 1000 as in some papers.
        std: Float. The standard deviation over the subsets (population), which
            is that of a single subset and not of the mean.
    """

    mean: float
    std: float


def kernel_distance(
    features_a: np.ndarray,
    features_b: np.ndarray,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
    seed: int = 0,
) -> KernelDistance:
    """Kernel distance of two sets, averaged over random subsets.

    The subsets are drawn independently, each without replacement. The estimate
    is unbiased: for equal distributions it is distributed around 0 and negative
    half of the time.

    Args:
        features_a: Array of shape `(n, dim)` with `n >= subset_size`.
        features_b: Array of shape `(m, dim)`. The other set.
        subsets: Integer. The number of subsets.
        subset_size: Integer. The number of samples of each set in a subset, at
            least 2.
        degree: Integer. The degree of the polynomial kernel, at least 1.
        gamma: Float. The factor of the inner product. Defaults to `1 / dim`.
        coef0: Float. The constant added to the product.
        seed: Integer. Seed of the subsets.

    Returns:
        A `KernelDistance`: mean and standard deviation over the subsets.

    Raises:
        ValueError: If a set is smaller than a subset, holds NaN or infinity,
            or the widths differ.

    Example:

    ```python
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500, 8))
    kernel_distance(a, b + 1.0, subsets=10, subset_size=100).mean
    ```

    Reference:

    - [Bińkowski et al., 2018](https://arxiv.org/abs/1801.01401)
    """
    a, b = _checked_pair(features_a, features_b)
    check_positive(subsets=subsets)
    smaller = min(len(a), len(b))
    if not 2 <= subset_size <= smaller:
        raise ValueError(
            f"`subset_size` must be from 2 to {smaller}, the size of the "
            f"smaller set. Received: {subset_size=} for sets of {len(a)} and "
            f"{len(b)}. Pass more samples, or compare values of a smaller "
            "`subset_size`."
        )
    rng = np.random.default_rng(seed)
    values = [
        polynomial_mmd(
            a[rng.choice(len(a), subset_size, replace=False)],
            b[rng.choice(len(b), subset_size, replace=False)],
            degree,
            gamma,
            coef0,
        )
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def polynomial_mmd(
    features_a: np.ndarray,
    features_b: np.ndarray,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> float:
    """Unbiased squared discrepancy of two sets, from all pairs at once.

    Args:
        features_a: Array of shape `(n, dim)` with `n >= 2`.
        features_b: Array of shape `(m, dim)`. The other set.
        degree: Integer. The degree of the polynomial kernel, at least 1.
        gamma: Float. The factor of the inner product. Defaults to `1 / dim`.
        coef0: Float. The constant added to the product.

    Returns:
        Float. The estimate, which may be negative.

    Raises:
        ValueError: If a set has fewer than 2 samples, holds NaN or infinity,
            or the widths differ.

    Example:

    ```python
    # The degree 1 gives the squared distance of the means, without bias.
    polynomial_mmd([[0.0], [2.0]], [[5.0], [5.0]], degree=1)  # 15.0
    ```
    """
    a, b = _checked_pair(features_a, features_b)
    check_positive(degree=degree)
    if gamma is None:
        gamma = 1.0 / a.shape[1]

    def kernel(x, y):
        return (gamma * (x @ y.T) + coef0) ** degree

    return float(
        _mean_of_pairs(kernel(a, a))
        + _mean_of_pairs(kernel(b, b))
        - 2.0 * kernel(a, b).mean()
    )


def _mean_of_pairs(kernel: np.ndarray) -> float:
    """The mean without the diagonal."""
    count = len(kernel)
    return (kernel.sum() - np.trace(kernel)) / (count * (count - 1))


def _checked_pair(
    features_a: np.ndarray, features_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    axes = ("samples", "dim")
    a = finite_array("features_a", features_a, axes, min_rows=2)
    b = finite_array("features_b", features_b, axes, min_rows=2)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            "Both sets must come from the same extractor. Received: features "
            f"of width {a.shape[1]} and {b.shape[1]}."
        )
    return a, b
