"""Fréchet distance between two sets of features.

Each set is summarised by a Gaussian with its mean `m` and covariance `S`; the
distance is that of the two Gaussians in the 2-Wasserstein sense,

    ||m_a - m_b||^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)).

With the pool features of an Inception network it is the "Fréchet Inception
distance" of Heusel et al., "GANs Trained by a Two Time-Scale Update Rule
Converge to a Local Nash Equilibrium", 2017 (https://arxiv.org/abs/1706.08500).
"""

from collections.abc import Iterable

import numpy as np

from keras_gen.metrics.checks import require_finite

_ROWS = 4096


class FeatureMoments:
    """Mean and covariance of features that arrive in batches.

    The statistics are merged batch by batch in float64 (Chan, Golub and
    LeVeque, 1983), so that the features never have to be in memory together
    and a large common offset costs no precision.

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
        """The number of feature vectors seen."""
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
            features: Array `(batch, dim)`; an empty batch changes nothing.

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
                f"Received features of width {features.shape[1]} after "
                f"features of width {self._mean.shape[0]}. All batches of one "
                "accumulator must come from the same extractor."
            )
        added = features.shape[0]
        if added == 0:
            return self
        batch_mean = features.mean(axis=0)
        centred = features - batch_mean
        total = self._count + added
        delta = batch_mean - self._mean
        self._scatter += centred.T @ centred
        self._scatter += np.outer(delta, delta) * (self._count * added / total)
        self._mean += delta * (added / total)
        self._count = total
        return self

    def _require_two(self) -> None:
        if self._count < 2:
            raise ValueError(
                f"A covariance needs at least 2 samples, but {self._count} "
                "arrived. Pass more features."
            )


def frechet_distance(
    features_a: np.ndarray | Iterable[np.ndarray],
    features_b: np.ndarray | Iterable[np.ndarray],
) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of features.

    The estimate is biased upwards for few samples, the more so the wider the
    features are: compare only values from the same numbers of samples and the
    same extractor, and use more samples than features.

    Args:
        features_a: Array `(n, dim)` with `n >= 2`, or an iterable of batches
            `(batch, dim)`.
        features_b: The same for the other set; `n` may differ.

    Returns:
        The distance, a float `>= 0`; 0 for equal moments.

    Raises:
        ValueError: If a set holds fewer than 2 samples, NaN or infinity, or
            the widths differ.

    Example:

    ```python
    rng = np.random.default_rng(0)
    a = rng.normal(size=(1000, 4))
    frechet_distance(a, a + [3.0, 0.0, 0.0, 4.0])  # 25, up to rounding
    ```
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
        mean_a: Mean of the first Gaussian, `(dim,)`.
        cov_a: Its covariance, `(dim, dim)`, symmetric, positive semidefinite.
        mean_b: Mean of the second Gaussian, `(dim,)`.
        cov_b: Its covariance, `(dim, dim)`.

    Returns:
        The distance, a float `>= 0` (a result below 0 by rounding becomes 0).

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
            f"The two sets have features of width {mean_a.shape[0]} and "
            f"{mean_b.shape[0]}. Both must come from the same extractor."
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
            f"`cov_{which}` is not a covariance: its smallest eigenvalue is "
            f"{values[0]:.3g} and its largest {values[-1]:.3g}. Pass a "
            "positive semidefinite matrix, such as `np.cov(x, rowvar=False)`."
        )
    floor = largest * len(values) * np.finfo(np.float64).eps
    roots = np.sqrt(np.where(values > floor, values, 0.0))
    return vectors * roots


def _checked_features(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2:
        raise ValueError(
            "Expected features of shape (samples, dim), received shape "
            f"{features.shape}. Flatten each sample's features to one vector."
        )
    require_finite("The features", features)
    return features


def _checked_moments(
    which: str, mean: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    mean = np.asarray(mean, dtype=np.float64)
    covariance = np.asarray(covariance, dtype=np.float64)
    if mean.ndim != 1 or covariance.shape != mean.shape * 2:
        raise ValueError(
            f"Expected `mean_{which}` of shape (dim,) and `cov_{which}` of "
            f"shape (dim, dim), received {mean.shape} and {covariance.shape}."
        )
    require_finite(f"`mean_{which}`", mean)
    require_finite(f"`cov_{which}`", covariance)
    scale = np.abs(covariance).max(initial=0.0)
    if not np.allclose(covariance, covariance.T, rtol=0.0, atol=1e-5 * scale):
        raise ValueError(
            f"`cov_{which}` is not symmetric, so it is not a covariance. "
            "Compute it as `np.cov(features, rowvar=False)`."
        )
    return mean, (covariance + covariance.T) / 2.0
