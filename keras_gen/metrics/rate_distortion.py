"""The trade of rate for distortion among models of the same data.

The negative evidence lower bound is `D + R`. Models of equal bound may mean
different things: at rate 0 the code is ignored, at distortion 0 the code says
all. Among models trained with `D + beta R`, the ones on the lower convex hull
are the best at some beta, and the hull's slope there is -beta.

Source: A. Alemi et al., "Fixing a Broken ELBO", 2018,
https://arxiv.org/abs/1711.00464.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array


class RateDistortionCurve(NamedTuple):
    """What `rate_distortion_curve` returns; the models in their given order.

    Attributes:
        rates: Rate of each model in nats, float64 `(models,)`.
        distortions: Distortion of each model in nats.
        negative_elbos: `D + R` of each model.
        pareto: Indices of the models that no other beats in both, by rate.
        hull: Indices of the models on the falling part of the lower convex
            hull, by rate. They are among `pareto`.
        slopes: `-dD/dR` between neighbours on the hull: the weights beta of
            the rate at which both are equally good, falling.
        area: Area below the hull, from its lowest to its highest rate.
        best: Index of the model with the least `D + R`.
        gaps: `D + R` above the lower bound, or None if none was given.
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
    """The front of the best models, from a rate and a distortion of each.

    Args:
        points: One `(rate, distortion)` in nats for each model, all on the
            same held-out data.
        lower_bound: What `D + R` cannot fall below, in nats: the entropy of
            discrete data, or a negative log-likelihood for each model, such as
            an importance-weighted estimate. None leaves out the check.
        tolerance: How far below a bound an estimate may fall, in nats, for
            the noise of its draws.

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
    """
    points = finite_array(
        "`points`",
        points,
        ("models", "rate and distortion"),
        mend="Pass a list of (rate, distortion).",
    )
    if points.shape[1] != 2:
        raise ValueError(
            "Expected a rate and a distortion for each model, received "
            f"{points.shape[1]} values."
        )
    if points[:, 0].min() < -tolerance:
        raise ValueError(
            f"A rate is a mean KL divergence, but one is {points[:, 0].min()}."
            " The order is (rate, distortion); for an estimate from draws, "
            "pass a `tolerance`."
        )
    rates, distortions = points.T
    totals = points.sum(axis=1)
    gaps = None
    if lower_bound is not None:
        bound = finite_array(
            "`lower_bound`", np.atleast_1d(lower_bound), ("models",)
        )
        if len(bound) not in (1, len(points)):
            raise ValueError(
                f"Expected one lower bound, or one for each of {len(points)} "
                f"models; received {len(bound)}."
            )
        gaps = totals - bound
        if gaps.min() < -tolerance:
            raise ValueError(
                f"Model {gaps.argmin()} has D + R = "
                f"{totals[gaps.argmin()]:.6g}, {-gaps.min():.3g} below the "
                "bound. Compare both on the same data, in nats, with the same "
                "binarisation."
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
