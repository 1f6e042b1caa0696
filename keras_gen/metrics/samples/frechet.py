"""Fréchet distance between two sets of features.

Each set is summarized by a Gaussian with its mean `m` and covariance `S`; the
distance is the squared 2-Wasserstein distance of the two Gaussians,

    ||m_a - m_b||^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)).

With the pool features of an Inception network it is the Fréchet Inception
distance (FID).
"""

from collections.abc import Iterable

import numpy as np

from keras_gen.metrics.checks import require_finite

_ROWS = 4096


class FeatureMoments:
    """Mean and covariance of features that arrive in batches.

    The moments are merged batch by batch in float64 (Chan, Golub and LeVeque,
    1983), so that the features never have to be in memory together and a large
    common mean costs no precision.

    Example:

    ```python
    moments = FeatureMoments()
    for batch in np.random.default_rng(0).normal(size=(10, 100, 8)):
        moments.update(batch)
    moments.mean.shape, moments.covariance.shape  # ((8,), (8, 8))
    ```
    """

    def __init__(self):
        self._count = 0
        self._mean = None
        self._scatter = None

    @property
    def count(self) -> int:
        """The number of feature vectors so far."""
        return self._count

    @property
    def mean(self) -> np.ndarray:
        """The mean, `(dim,)`, float64."""
        self._require_two()
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (divided by `count - 1`), `(dim, dim)`."""
        self._require_two()
        return self._scatter / (self._count - 1)

    def update(self, features: np.ndarray) -> "FeatureMoments":
        """Adds a batch of feature vectors.

        Args:
            features: Array of shape `(batch, dim)`; an empty batch changes
                nothing.

        Returns:
            The accumulator itself.

        Raises:
            ValueError: If the array is not two-dimensional, has another width
                than earlier batches, or contains NaN or infinity.
        """
        features = _checked_features(features)
        if self._mean is None:
            self._mean = np.zeros(features.shape[1])
            self._scatter = np.zeros((features.shape[1],) * 2)
        if features.shape[1] != self._mean.shape[0]:
            raise ValueError(
                "All batches must come from the same extractor. Received: "
                f"features of width {features.shape[1]} after features of "
                f"width {self._mean.shape[0]}."
            )
        added = features.shape[0]
        if added == 0:
            return self
        batch_mean = features.mean(axis=0)
        centered = features - batch_mean
        total = self._count + added
        delta = batch_mean - self._mean
        self._scatter += centered.T @ centered
        self._scatter += np.outer(delta, delta) * (self._count * added / total)
        self._mean += delta * (added / total)
        self._count = total
        return self

    def _require_two(self) -> None:
        if self._count < 2:
            raise ValueError(
                "There must be at least 2 samples for a covariance. Received: "
                f"{self._count}. Pass more features."
            )


def frechet_distance(
    features_a: np.ndarray | Iterable[np.ndarray],
    features_b: np.ndarray | Iterable[np.ndarray],
) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of features.

    The estimate is biased upwards for few samples, the more so the wider the
    features are: compare only values of the same numbers of samples and the
    same extractor, and use more samples than features.

    Args:
        features_a: Array of shape `(n, dim)` with `n >= 2`, or iterable of
            batches of shape `(batch, dim)`.
        features_b: Array or iterable. The same for the other set; `n` may
            differ.

    Returns:
        Float `>= 0`. The distance; 0 for equal moments.

    Raises:
        ValueError: If a set holds fewer than 2 samples, NaN or infinity, or
            the widths differ.

    Example:

    ```python
    rng = np.random.default_rng(0)
    a = rng.normal(size=(1000, 4))
    frechet_distance(a, a + [3.0, 0.0, 0.0, 4.0])  # 25, up to rounding
    ```

    Reference:

    - [Heusel et al., 2017](https://arxiv.org/abs/1706.08500)
    """
    a, b = _moments(features_a), _moments(features_b)
    return frechet_distance_from_moments(
        a.mean, a.covariance, b.mean, b.covariance
    )


def frechet_distance_from_moments(
    mean_a: np.ndarray,
    cov_a: np.ndarray,
    mean_b: np.ndarray,
    cov_b: np.ndarray,
) -> float:
    """Fréchet distance between two Gaussians given by their moments.

    With `cov = factor @ factor.T` for each, the trace of the root of
    `cov_a @ cov_b` is the sum of the singular values of
    `factor_a.T @ factor_b`. Unlike a general matrix root it is real and
    accurate for singular covariances, which fewer samples than features give.

    Args:
        mean_a: Array of shape `(dim,)`. The mean of the first Gaussian.
        cov_a: Array of shape `(dim, dim)`. Its covariance, symmetric and
            positive semidefinite.
        mean_b: Array of shape `(dim,)`. The mean of the second Gaussian.
        cov_b: Array of shape `(dim, dim)`. Its covariance.

    Returns:
        Float `>= 0`. The distance; values below 0 by rounding become 0.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or a matrix is
            not a covariance.

    Example:

    ```python
    # One dimension: (1 - 4)^2 + (2 - 3)^2 with standard deviations 2 and 3.
    frechet_distance_from_moments([1.0], [[4.0]], [4.0], [[9.0]])  # 10.0
    ```
    """
    mean_a, cov_a = _checked_moments("a", mean_a, cov_a)
    mean_b, cov_b = _checked_moments("b", mean_b, cov_b)
    if mean_a.shape != mean_b.shape:
        raise ValueError(
            "Both sets must come from the same extractor. Received: features "
            f"of width {mean_a.shape[0]} and {mean_b.shape[0]}."
        )
    product = _factor("a", cov_a).T @ _factor("b", cov_b)
    trace_root = np.linalg.svd(product, compute_uv=False).sum()
    shift = np.square(mean_a - mean_b).sum()
    distance = shift + np.trace(cov_a) + np.trace(cov_b) - 2.0 * trace_root
    return max(float(distance), 0.0)


def _moments(features: np.ndarray | Iterable[np.ndarray]) -> FeatureMoments:
    moments = FeatureMoments()
    if hasattr(features, "shape"):
        if len(features.shape) != 2:
            _checked_features(features)
        # By rows, so that no whole copy in float64 is made.
        for start in range(0, max(len(features), 1), _ROWS):
            moments.update(features[start : start + _ROWS])
        return moments
    for batch in features:
        moments.update(batch)
    return moments


def _factor(which: str, covariance: np.ndarray) -> np.ndarray:
    """`f` with `f @ f.T = covariance`; eigenvalues of rounding are zero."""
    values, vectors = np.linalg.eigh(covariance)
    largest = max(values[-1], 0.0)
    # A covariance summed in float32 may dip this far below zero, not further.
    if values[0] < -1e-4 * max(largest, np.finfo(np.float64).tiny):
        raise ValueError(
            f"`cov_{which}` must be positive semidefinite. Received: "
            f"eigenvalues from {values[0]:.3g} to {values[-1]:.3g}. Pass a "
            "covariance, such as `np.cov(features, rowvar=False)`."
        )
    floor = largest * len(values) * np.finfo(np.float64).eps
    roots = np.sqrt(np.where(values > floor, values, 0.0))
    return vectors * roots


def _checked_features(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2:
        raise ValueError(
            "`features` must have the shape (samples, dim). Received: "
            f"features.shape={features.shape}. Flatten the features of each "
            "sample."
        )
    require_finite("features", features)
    return features


def _checked_moments(
    which: str, mean: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    mean = np.asarray(mean, dtype=np.float64)
    covariance = np.asarray(covariance, dtype=np.float64)
    if mean.ndim != 1 or covariance.shape != mean.shape * 2:
        raise ValueError(
            f"`mean_{which}` and `cov_{which}` must have the shapes (dim,) and "
            f"(dim, dim). Received: {mean.shape} and {covariance.shape}."
        )
    require_finite(f"mean_{which}", mean)
    require_finite(f"cov_{which}", covariance)
    scale = np.abs(covariance).max(initial=0.0)
    if not np.allclose(covariance, covariance.T, rtol=0.0, atol=1e-5 * scale):
        raise ValueError(
            f"`cov_{which}` must be symmetric. Received: an asymmetric matrix. "
            "Pass a covariance, such as `np.cov(features, rowvar=False)`."
        )
    return mean, (covariance + covariance.T) / 2.0
