"""The rate-distortion curve of models of the same data.

The negative evidence lower bound is `D + R`. Models of equal bound may differ:
at rate 0 the code is ignored, at distortion 0 the code determines the data.
Among models trained with `D + beta R`, the ones on the lower convex hull are
optimal for some beta, and the hull's slope there is -beta.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array


class RateDistortionCurve(NamedTuple):
    """Result of `rate_distortion_curve`, with the models in their given order.

    Attributes:
        rates: float64 array of shape `(models,)`. The rate of each model in
            nats.
        distortions: float64 array of shape `(models,)`. The distortion of each
            model in nats.
        negative_elbos: float64 array of shape `(models,)`. `D + R` of each
            model.
        pareto: Integer array. The indices of the Pareto-optimal models, by
            rate.
        hull: Integer array. The indices of the models on the decreasing part of
            the lower convex hull, by rate. They are among `pareto`.
        slopes: float64 array. `-dD/dR` between neighbors on the hull: the
            weights beta of the rate at which both are equally good, decreasing.
        area: Float. The area below the hull, from its lowest to its highest
            rate.
        best: Integer. The index of the model with the least `D + R`.
        gaps: float64 array of shape `(models,)`. `D + R` minus the lower bound,
            or None if none was given.
    """

    rates: np.ndarray
    distortions: np.ndarray
    negative_elbos: np.ndarray
    pareto: np.ndarray
    hull: np.ndarray
    slopes: np.ndarray
    area: float
    best: int
    gaps: np.ndarray | None


def rate_distortion_curve(
    points: Any, lower_bound: Any = None, tolerance: float = 0.0
) -> RateDistortionCurve:
    """The Pareto front and the lower convex hull of rates and distortions.

    Args:
        points: Array of shape `(models, 2)`. The `(rate, distortion)` in nats
            of each model, all on the same held-out data.
        lower_bound: Float or array of shape `(models,)`. A lower bound of
            `D + R` in nats: the entropy of discrete data, or a negative
            log-likelihood of each model, such as an importance-weighted
            estimate. None skips the check.
        tolerance: Float. How far below a bound a Monte Carlo estimate may fall,
            in nats.

    Returns:
        A `RateDistortionCurve`.

    Raises:
        ValueError: If the points are not finite, a rate is negative, or
            `D + R` is below the bound: then one of them is wrong.

    Example:

    ```python
    curve = rate_distortion_curve([(0.0, 9.0), (2.0, 5.0), (6.0, 4.0)])
    curve.best, curve.slopes  # 1, [2.0, 0.25]
    ```

    Reference:

    - [Alemi et al., 2018](https://arxiv.org/abs/1711.00464)
    """
    points = finite_array(
        "points",
        points,
        ("models", "rate and distortion"),
        hint="Pass a list of (rate, distortion).",
    )
    if points.shape[1] != 2:
        raise ValueError(
            "`points` must hold a rate and a distortion per model. Received: "
            f"points.shape={points.shape}."
        )
    if points[:, 0].min() < -tolerance:
        raise ValueError(
            "Rates must not be negative. Received: a rate of "
            f"{points[:, 0].min()}. Pass (rate, distortion) in this order, and "
            "a `tolerance` for Monte Carlo estimates."
        )
    rates, distortions = points.T
    totals = points.sum(axis=1)
    gaps = None
    if lower_bound is not None:
        bound = finite_array(
            "lower_bound", np.atleast_1d(lower_bound), ("models",)
        )
        if len(bound) not in (1, len(points)):
            raise ValueError(
                "`lower_bound` must hold one value, or one per model. "
                f"Received: {len(bound)} values for {len(points)} models."
            )
        gaps = totals - bound
        if gaps.min() < -tolerance:
            raise ValueError(
                "D + R must not be below `lower_bound`. Received: D + R = "
                f"{totals[gaps.argmin()]:.6g} of model {gaps.argmin()}, "
                f"{-gaps.min():.3g} below it. Compute both from the same data, "
                "in nats, with the same binarization."
            )
    pareto = _pareto(points)
    hull = _lower_hull(points, pareto)
    widths, drops = np.diff(rates[hull]), -np.diff(distortions[hull])
    heights = 0.5 * (distortions[hull][1:] + distortions[hull][:-1])
    return RateDistortionCurve(
        rates,
        distortions,
        totals,
        pareto,
        hull,
        drops / widths,
        float((widths * heights).sum()),
        int(totals.argmin()),
        gaps,
    )


def _pareto(points):
    order = np.lexsort((points[:, 1], points[:, 0]))
    front, lowest = [], np.inf
    for index in order:
        if points[index, 1] < lowest:
            front.append(index)
            lowest = points[index, 1]
    return np.array(front)


def _lower_hull(points, front):
    hull = []
    for index in front:
        while len(hull) > 1 and not _turns_left(
            points[hull[-2]], points[hull[-1]], points[index]
        ):
            hull.pop()
        hull.append(index)
    return np.array(hull)


def _turns_left(a, b, c):
    (x, y), (u, v) = b - a, c - b
    return x * v - y * u > 0.0
