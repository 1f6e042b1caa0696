"""Improved precision and recall, density and coverage.

The manifold of a set of features is estimated by balls around its samples,
each reaching to the k-th nearest neighbor in the same set.

- precision: the fraction of generated samples in the real manifold,
- recall: the fraction of real samples in the generated manifold,
- density: how many real balls contain a generated sample, over k,
- coverage: the fraction of real balls that contain a generated sample.

Precision and density measure fidelity, recall and coverage diversity.
Distances are computed for blocks of rows, never all at once.
"""

from typing import NamedTuple

import numpy as np

from keras_gen.checks import check_positive
from keras_gen.metrics.checks import finite_array

# Distances computed at a time, if no `block_size` is given. With what they are
# computed from they take about 128 MB.
_BLOCK_ELEMENTS = 2**23


class PrecisionRecall(NamedTuple):
    """Result of `precision_recall`.

    Attributes:
        precision: Float. The fraction of generated samples in the real
            manifold.
        recall: Float. The fraction of real samples in the generated manifold.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Result of `density_coverage`.

    Attributes:
        density: Float. The mean number of real balls around a generated sample,
            over k; may exceed 1.
        coverage: Float. The fraction of real balls that contain a generated
            sample.
    """

    density: float
    coverage: float


def precision_recall(
    real: np.ndarray,
    fake: np.ndarray,
    k: int = 3,
    *,
    strict: bool = False,
    max_percentile: float = 100.0,
    block_size: int | None = None,
) -> PrecisionRecall:
    """Improved precision and recall.

    The paper compares 50,000 features of each set with k = 3. Compare only
    values of the same numbers of samples and the same extractor.

    Args:
        real: Array of shape `(n, dim)` with `n > k`. The features of real
            samples.
        fake: Array of shape `(m, dim)` with `m > k`. The features of generated
            samples.
        k: Integer. The neighbor whose distance is the radius of a ball; a
            sample is not its own neighbor.
        strict: Boolean. Whether a sample on the surface of a ball is outside.
            The paper counts it as inside.
        max_percentile: Float in (0, 100]. The percentile of the radii of a set
            above which a ball shrinks to its center. Below 100, the large balls
            of outliers do not count.
        block_size: Integer. The number of rows of distances in memory at a
            time; defaults to as many as fit into about 128 MB.

    Returns:
        A `PrecisionRecall`, both in `[0, 1]`.

    Raises:
        ValueError: If a set has no more than k samples, holds NaN or
            infinity, the widths differ, or the percentile is not in
            `(0, 100]`.

    Example:

    ```python
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 200, 4))
    precision_recall(real, 0.1 * fake)  # precision 1, recall near 0
    ```

    Reference:

    - [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991)
    """
    real, fake = _checked_pair(real, fake, k, fake_needs_balls=True)
    _check_percentile(max_percentile)
    real_radii = _squared_radii(real, k, block_size)
    fake_radii = _squared_radii(fake, k, block_size)
    for radii in (real_radii, fake_radii):
        radii[radii > np.percentile(radii, max_percentile)] = 0.0
    inside_real = np.zeros(len(fake), dtype=bool)
    inside_fake = np.zeros(len(real), dtype=bool)
    for rows, squared in _squared_distances(real, fake, block_size):
        inside = _within(squared, real_radii[rows, None], strict)
        inside_real |= inside.any(axis=0)
        inside_fake[rows] = _within(squared, fake_radii, strict).any(axis=1)
    return PrecisionRecall(float(inside_real.mean()), float(inside_fake.mean()))


def density_coverage(
    real: np.ndarray,
    fake: np.ndarray,
    k: int = 5,
    *,
    strict: bool = True,
    block_size: int | None = None,
) -> DensityCoverage:
    """Density and coverage, which use the real manifold only.

    For two sets of the same distribution, whatever it is, the density is 1
    in expectation and the coverage is that of `expected_coverage`, about
    `1 - 2^-k` for sets of one size: 0.97 with k = 5. For a set and its copy
    the density is exactly 1, or `(k + 1) / k` with `strict=False`, and the
    coverage 1.

    Args:
        real: Array of shape `(n, dim)` with `n > k`. The features of real
            samples.
        fake: Array of shape `(m, dim)` with `m >= 1`. The features of generated
            samples.
        k: Integer. The neighbor whose distance is the radius of a ball; a
            sample is not its own neighbor.
        strict: Boolean. Whether a sample on the surface of a ball is outside,
            as in the authors' code.
        block_size: Integer. The number of rows of distances in memory at a
            time; defaults to as many as fit into about 128 MB.

    Returns:
        A `DensityCoverage`: a density `>= 0` and a coverage in `[0, 1]`.

    Raises:
        ValueError: If there are no more than k real samples, a set holds NaN
            or infinity, or the widths differ.

    Example:

    ```python
    real = np.random.default_rng(0).normal(size=(200, 4))
    density_coverage(real, real)  # density 1.0, coverage 1.0
    density_coverage(real, real + 100.0)  # density 0.0, coverage 0.0
    ```

    Reference:

    - [Naeem et al., 2020](https://arxiv.org/abs/2002.09797)
    """
    real, fake = _checked_pair(real, fake, k, fake_needs_balls=False)
    radii = _squared_radii(real, k, block_size)
    held, covered = 0, 0
    for rows, squared in _squared_distances(real, fake, block_size):
        inside = _within(squared, radii[rows, None], strict)
        held += int(inside.sum())
        covered += int(inside.any(axis=1).sum())
    return DensityCoverage(held / (k * len(fake)), covered / len(real))


def expected_coverage(num_real: int, num_fake: int, k: int = 5) -> float:
    """The expected coverage of a perfect generator.

    A real ball stays empty if the k nearest of all samples to its center are
    real: the expectation is `1 - prod_{j=1..k} (N - j) / (N + M - j)` for N
    real and M generated samples of one continuous distribution, of any
    dimension.

    Args:
        num_real: Integer. The number N of real samples, more than k.
        num_fake: Integer. The number M of generated samples, at least 1.
        k: Integer. The neighbor whose distance is the radius of a ball.

    Returns:
        Float in `(0, 1)`. The expectation.

    Raises:
        ValueError: If a number is too small.

    Example:

    ```python
    expected_coverage(10000, 10000)  # 0.969
    ```
    """
    if not 1 <= k < num_real or num_fake < 1:
        raise ValueError(
            "`k` must be from 1 to below `num_real`, and `num_fake` at least "
            f"1. Received: {k=}, {num_real=}, {num_fake=}."
        )
    j = np.arange(1, k + 1)
    return float(1.0 - np.prod((num_real - j) / (num_real + num_fake - j)))


def realism_scores(
    real: np.ndarray,
    fake: np.ndarray,
    k: int = 3,
    *,
    max_percentile: float = 50.0,
    block_size: int | None = None,
) -> np.ndarray:
    """How deep each generated sample lies in the real manifold.

    `max_i r_i / ||fake - real_i||` over the real balls whose radius `r_i` is
    not above a percentile of the radii, since the large balls are those of
    outliers. At least 1 inside of one of these balls. These are ratios of
    distances, as in the paper; its authors' code returns their squares.

    Args:
        real: Array of shape `(n, dim)` with `n > k`. The features of real
            samples.
        fake: Array of shape `(m, dim)` with `m >= 1`. The features of generated
            samples.
        k: Integer. The neighbor whose distance is the radius of a ball.
        max_percentile: Float in (0, 100]. The percentile of the radii up to
            which balls are used.
        block_size: Integer. The number of rows of distances in memory at a
            time; defaults to as many as fit into about 128 MB.

    Returns:
        float64 array of shape `(m,)` of values `>= 0`; infinite for a sample at
        the center of a ball.

    Raises:
        ValueError: As for `density_coverage`, or if the percentile is not in
            `(0, 100]`.

    Example:

    ```python
    real = [[0.0], [1.0], [2.0], [3.0]]
    realism_scores(real, [[1.5], [5.0]], k=1)  # [2.0, 0.5]
    ```

    Reference:

    - [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991)
    """
    _check_percentile(max_percentile)
    real, fake = _checked_pair(real, fake, k, fake_needs_balls=False)
    radii = _squared_radii(real, k, block_size)
    kept = radii <= np.percentile(radii, max_percentile)
    radii = radii[kept]
    squared_scores = np.zeros(len(fake))
    for rows, squared in _squared_distances(real[kept], fake, block_size):
        balls = np.broadcast_to(radii[rows, None], squared.shape)
        # The center of a ball without extent is on its surface.
        at_center = np.where(balls > 0.0, np.inf, 1.0)
        ratios = np.divide(balls, squared, out=at_center, where=squared > 0.0)
        squared_scores = np.maximum(squared_scores, ratios.max(axis=0))
    return np.sqrt(squared_scores)


def _check_percentile(max_percentile: float) -> None:
    if not 0.0 < max_percentile <= 100.0:
        raise ValueError(
            "`max_percentile` must be in (0, 100]. Received: "
            f"{max_percentile=}."
        )


def _within(
    squared: np.ndarray, squared_radii: np.ndarray, strict: bool
) -> np.ndarray:
    return squared < squared_radii if strict else squared <= squared_radii


def _squared_radii(
    points: np.ndarray, k: int, block_size: int | None
) -> np.ndarray:
    """Squared distance of each point to its k-th neighbor."""
    radii = np.empty(len(points))
    # A product with its own transpose is rounded otherwise than one with a
    # copy, and a ball's surface would not be where a copied sample is.
    others = points.copy()
    for rows, squared in _squared_distances(points, others, block_size):
        squared[np.arange(len(squared)), np.arange(len(points))[rows]] = np.inf
        squared.partition(k - 1, axis=1)
        radii[rows] = squared[:, k - 1]
    return radii


def _squared_distances(a: np.ndarray, b: np.ndarray, block_size: int | None):
    """Yields slices of the rows of `a` and their squared distances to `b`."""
    if block_size is None:
        block_size = max(1, _BLOCK_ELEMENTS // len(b))
    check_positive(block_size=block_size)
    norms_a, norms_b = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    # A smaller squared distance is the rounding of the sum of squares.
    rounding = np.finfo(np.float64).eps * max(8, a.shape[1])
    for start in range(0, len(a), block_size):
        rows = slice(start, start + block_size)
        norms = norms_a[rows, None] + norms_b
        squared = a[rows] @ b.T
        squared *= -2.0
        squared += norms
        norms *= rounding
        squared[squared <= norms] = 0.0
        yield rows, squared


def _checked_pair(
    real: np.ndarray, fake: np.ndarray, k: int, fake_needs_balls: bool
) -> tuple[np.ndarray, np.ndarray]:
    check_positive(k=k)
    axes = ("samples", "dim")
    hint = f"Pass more than {k} samples, or a smaller {k=}."
    real = finite_array("real", real, axes, min_rows=k + 1, hint=hint)
    if fake_needs_balls:
        fake = finite_array("fake", fake, axes, min_rows=k + 1, hint=hint)
    else:
        fake = finite_array("fake", fake, axes)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            "Both sets must come from the same extractor. Received: features "
            f"of width {real.shape[1]} and {fake.shape[1]}."
        )
    # Relative to one of the samples a large common mean costs no precision, and
    # integers, whose distances are often equal, stay integers.
    return real - real[0], fake - real[0]
