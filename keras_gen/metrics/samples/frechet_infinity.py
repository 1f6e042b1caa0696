"""Fréchet distance extrapolated to infinitely many samples.

The Fréchet distance of N samples is biased by about a constant over N, a
constant that differs between generators, so that their ranking may be wrong.
A line is fitted to the distances of subsets against 1/N and evaluated at
1/N = 0.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.samples.frechet import (
    FeatureMoments,
    frechet_distance_from_moments,
)


class ExtrapolatedDistance(NamedTuple):
    """Result of `fid_infinity`.

    Attributes:
        distance: Float. The distance at 1/N = 0. Due to the variance of the
            subsets it may be below 0 where the distributions are nearly equal.
        slope: Float. The slope of the line: the expected distance of N samples
            is `distance + slope / N`.
        sizes: Integer array of shape `(num_points,)`. The sizes N of the
            subsets.
        distances: float64 array of shape `(num_points,)`. The distances of the
            subsets.
    """

    distance: float
    slope: float
    sizes: np.ndarray
    distances: np.ndarray


def fid_infinity(
    real: np.ndarray | Iterable[np.ndarray] | FeatureMoments,
    fake: np.ndarray,
    *,
    num_points: int = 15,
    min_size: int | None = None,
    seed: int = 0,
) -> ExtrapolatedDistance:
    """Fréchet distance extrapolated to infinitely many generated samples.

    Only the number of generated samples is extrapolated; take all real samples.
    Every point costs a Fréchet distance.

    Args:
        real: Array of shape `(n, dim)`, iterable of batches of shape
            `(batch, dim)`, or `FeatureMoments`. The features of real samples.
        fake: Array of shape `(m, dim)`. The features of generated samples.
        num_points: Integer. The number of subsets, at least 2; their sizes are
            evenly spaced from `min_size` to all `m`.
        min_size: Integer. The size of the smallest subset, from 2 to below `m`.
            Defaults to a tenth of `m`, as in the paper, where it is 5,000 of
            50,000. It should exceed `dim`: below, the bias is not linear in
            1/N.
        seed: Integer. Seed of the subsets.

    Returns:
        An `ExtrapolatedDistance`: the distance, the slope, and the points that
        the line was fitted to.

    Raises:
        ValueError: If there are too few samples or points, the widths differ,
            or values are not finite.

    Example:

    ```python
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 2000, 4))
    fid_infinity(real, fake + [1.0, 0.0, 0.0, 0.0]).distance  # near 1
    ```

    Reference:

    - [Chong and Forsyth, 2020](https://arxiv.org/abs/1911.07023)
    """
    fake = finite_array("fake", fake, ("samples", "dim"), min_rows=3)
    if min_size is None:
        min_size = max(2, len(fake) // 10)
    if not 2 <= min_size < len(fake) or num_points < 2:
        raise ValueError(
            f"`min_size` must be from 2 to below {len(fake)}, the number of "
            "generated samples, and `num_points` at least 2. Received: "
            f"{min_size=}, {num_points=}."
        )
    reference = _moments(real)
    mean, covariance = reference.mean, reference.covariance
    rng = np.random.default_rng(seed)
    sizes = np.linspace(min_size, len(fake), num_points).round().astype(int)
    distances = []
    for size in sizes:
        subset = fake[rng.choice(len(fake), size, replace=False)]
        moments = FeatureMoments().update(subset)
        distances.append(
            frechet_distance_from_moments(
                mean, covariance, moments.mean, moments.covariance
            )
        )
    distance, slope = extrapolate_to_infinity(sizes, distances)
    return ExtrapolatedDistance(distance, slope, sizes, np.array(distances))


def extrapolate_to_infinity(
    sizes: np.ndarray, values: np.ndarray
) -> tuple[float, float]:
    """Fits `value = a + b / size` by least squares.

    Args:
        sizes: Array of shape `(n,)`. The numbers of samples, positive, with at
            least two different ones.
        values: Array of shape `(n,)`. The measured values.

    Returns:
        Floats. `a`, the value at infinite size, and the slope `b`.

    Raises:
        ValueError: If the lengths differ, a size is not positive, or all are
            equal.

    Example:

    ```python
    extrapolate_to_infinity([10, 20, 40], [7.0, 6.0, 5.5])  # (5.0, 20.0)
    ```
    """
    sizes = finite_array("sizes", sizes, ("points",), min_rows=2)
    values = finite_array("values", values, ("points",), min_rows=2)
    if sizes.shape != values.shape:
        raise ValueError(
            f"There must be one value per size. Received: {len(sizes)} sizes "
            f"and {len(values)} values."
        )
    if sizes.min() <= 0.0 or sizes.min() == sizes.max():
        raise ValueError(
            "`sizes` must be positive, with at least 2 different ones. "
            f"Received: sizes from {sizes.min():g} to {sizes.max():g}."
        )
    inverse = 1.0 / sizes
    centered = inverse - inverse.mean()
    slope = (centered @ values) / (centered @ centered)
    return float(values.mean() - slope * inverse.mean()), float(slope)


def _moments(
    features: np.ndarray | Iterable[np.ndarray] | FeatureMoments,
) -> FeatureMoments:
    if isinstance(features, FeatureMoments):
        return features
    moments = FeatureMoments()
    for batch in [features] if hasattr(features, "shape") else features:
        moments.update(batch)
    return moments
