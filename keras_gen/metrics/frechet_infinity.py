"""The Fréchet distance of infinitely many samples, by extrapolation.

The Fréchet distance from N samples is too large by about a constant over N,
a constant that differs from generator to generator, so that two of them can
come out in the wrong order. Chong and Forsyth, "Effectively Unbiased FID and
Inception Score and where to find them", 2020
(https://arxiv.org/abs/1911.07023), fit a line to the distances of subsets
against 1/N and read it off at 1/N = 0.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.frechet import (
    FeatureMoments,
    frechet_distance_from_moments,
)


class ExtrapolatedDistance(NamedTuple):
    """What `fid_infinity` returns.

    Attributes:
        distance: The distance at 1/N = 0. By the scatter of the subsets it
            may fall below 0 where the distributions are nearly equal.
        slope: The line's slope: the distance from N samples is expected to be
            `distance + slope / N`.
        sizes: Sizes N of the subsets, integers `(num_points,)`.
        distances: Distances of the subsets, float64 `(num_points,)`.
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

    Only the number of generated samples is extrapolated; take as many real
    samples as there are. Every point costs a Fréchet distance.

    Args:
        real: Features of real samples: an array `(n, dim)`, an iterable of
            batches `(batch, dim)`, or their `FeatureMoments`.
        fake: Features of generated samples, `(m, dim)`.
        num_points: Number of subsets, at least 2; their sizes are evenly
            spaced from `min_size` to all `m`.
        min_size: Size of the smallest subset, from 2 to below `m`. Defaults
            to a tenth of `m`, as in the paper, where it is 5,000 of 50,000.
            It should exceed `dim`: below, the bias is no longer a line.
        seed: Seed of the subsets.

    Returns:
        An `ExtrapolatedDistance` with the distance, the slope, and the points
        that the line was fitted to.

    Raises:
        ValueError: If there are too few samples or points, the widths differ,
            or values are not finite.

    Example:

    ```python
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 2000, 4))
    fid_infinity(real, fake + [1.0, 0.0, 0.0, 0.0]).distance  # near 1
    ```
    """
    fake = finite_array("`fake`", fake, ("samples", "dim"), min_rows=3)
    if min_size is None:
        min_size = max(2, len(fake) // 10)
    if not 2 <= min_size < len(fake) or num_points < 2:
        raise ValueError(
            f"Expected 2 <= min_size < {len(fake)}, the number of generated "
            f"samples, and num_points >= 2; received min_size={min_size} and "
            f"num_points={num_points}."
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
        sizes: Numbers of samples `(n,)`, positive, at least two different.
        values: What was measured with them, `(n,)`.

    Returns:
        `a`, the value at infinite size, and the slope `b`.

    Raises:
        ValueError: If the lengths differ, a size is not positive, or all are
            equal.

    Example:

    ```python
    extrapolate_to_infinity([10, 20, 40], [7.0, 6.0, 5.5])  # (5.0, 20.0)
    ```
    """
    sizes = finite_array("`sizes`", sizes, ("points",), min_rows=2)
    values = finite_array("`values`", values, ("points",), min_rows=2)
    if sizes.shape != values.shape:
        raise ValueError(
            f"Received {len(sizes)} sizes but {len(values)} values. Pass one "
            "value per size."
        )
    if sizes.min() <= 0.0 or sizes.min() == sizes.max():
        raise ValueError(
            "A line needs at least two different sizes, all positive; received "
            f"sizes from {sizes.min():g} to {sizes.max():g}."
        )
    inverse = 1.0 / sizes
    centred = inverse - inverse.mean()
    slope = (centred @ values) / (centred @ centred)
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
