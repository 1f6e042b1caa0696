"""Precision and recall, density and coverage: is it real, and is it all?

Each set of features is taken for a region: the union of balls around its
samples, each reaching to the k-th nearest neighbour in the same set.

- precision: the share of generated samples inside the real region,
- recall: the share of real samples inside the generated region
  (Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing
  Generative Models", 2019, https://arxiv.org/abs/1904.06991),
- density: how many real balls hold a generated sample, over k,
- coverage: the share of real balls that hold a generated sample
  (Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative
  Models", 2020, https://arxiv.org/abs/2002.09797).

Precision and density speak of quality, recall and coverage of variety.
Distances are computed for blocks of rows, never all at once.
"""

from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array

# Distances computed at a time, if no `block_size` is given. With what they are
# computed from they take about 128 MB.
_BLOCK_ELEMENTS = 2**23


class PrecisionRecall(NamedTuple):
    """What `precision_recall` returns.

    Attributes:
        precision: Share of generated samples in the real region.
        recall: Share of real samples in the generated region.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """What `density_coverage` returns.

    Attributes:
        density: Mean number of real balls around a generated sample, over k;
            may exceed 1.
        coverage: Share of real balls that hold a generated sample.
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
    values from the same numbers of samples and the same extractor.

    Args:
        real: Features of real samples, `(n, dim)` with `n > k`.
        fake: Features of generated samples, `(m, dim)` with `m > k`.
        k: Which neighbour a ball reaches to; a sample is no neighbour of
            itself.
        strict: Whether a sample on the surface of a ball is outside. The
            paper counts it as inside.
        max_percentile: Percentile of the radii of a set, in `(0, 100]`, above
            which a ball shrinks to its centre. Below 100, the large balls of
            outliers do not count.
        block_size: Number of rows of distances in memory at a time; by
            default as many as fit into about 128 MB.

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
    """Density and coverage, which only build on the real region.

    For two sets of the same distribution, whatever it is, the density is 1
    in expectation and the coverage is that of `expected_coverage`, about
    `1 - 2^-k` for sets of one size: 0.97 with k = 5. For a set and its copy
    the density is exactly 1, or `(k + 1) / k` with `strict=False`, and the
    coverage 1.

    Args:
        real: Features of real samples, `(n, dim)` with `n > k`.
        fake: Features of generated samples, `(m, dim)` with `m >= 1`.
        k: Which neighbour a ball reaches to; a sample is no neighbour of
            itself.
        strict: Whether a sample on the surface of a ball is outside, as the
            paper's authors count it.
        block_size: Number of rows of distances in memory at a time; by
            default as many as fit into about 128 MB.

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
    """The coverage of a perfect generator, in expectation.

    A real ball stays empty if its sample and all that came before its k-th
    neighbour are real: `1 - prod_{j=1..k} (N - j) / (N + M - j)` for N real
    and M generated samples of one continuous distribution, of any dimension.

    Args:
        num_real: Number N of real samples, more than k.
        num_fake: Number M of generated samples, at least 1.
        k: Which neighbour a ball reaches to.

    Returns:
        The expectation, a float in `(0, 1)`.

    Raises:
        ValueError: If a number is too small.

    Example:

    ```python
    expected_coverage(10000, 10000)  # 0.969
    ```
    """
    if not 1 <= k < num_real or num_fake < 1:
        raise ValueError(
            "Expected 1 <= k < num_real and num_fake >= 1, received "
            f"k={k}, num_real={num_real}, num_fake={num_fake}."
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
    """How deep each generated sample lies in the real region.

    `max_i r_i / ||fake - real_i||` over the real balls whose radius `r_i` is
    not above a percentile of the radii, since the large balls are those of
    outliers. At least 1 inside of one of these balls. These are ratios of
    distances, as in the paper; its authors' code returns their squares.

    Args:
        real: Features of real samples, `(n, dim)` with `n > k`.
        fake: Features of generated samples, `(m, dim)` with `m >= 1`.
        k: Which neighbour a ball reaches to.
        max_percentile: Percentile of the radii, in `(0, 100]`, up to which
            balls are used.
        block_size: Number of rows of distances in memory at a time; by
            default as many as fit into about 128 MB.

    Returns:
        Float64 array `(m,)` of values `>= 0`; infinite for a sample in the
        very centre of a ball.

    Raises:
        ValueError: As for `density_coverage`, or if the percentile is not in
            `(0, 100]`.

    Example:

    ```python
    real = [[0.0], [1.0], [2.0], [3.0]]
    realism_scores(real, [[1.5], [5.0]], k=1)  # [2.0, 0.5]
    ```
    """
    _check_percentile(max_percentile)
    real, fake = _checked_pair(real, fake, k, fake_needs_balls=False)
    radii = _squared_radii(real, k, block_size)
    kept = radii <= np.percentile(radii, max_percentile)
    radii = radii[kept]
    squared_scores = np.zeros(len(fake))
    for rows, squared in _squared_distances(real[kept], fake, block_size):
        balls = np.broadcast_to(radii[rows, None], squared.shape)
        # The centre of a ball without extent is on its surface.
        at_centre = np.where(balls > 0.0, np.inf, 1.0)
        ratios = np.divide(balls, squared, out=at_centre, where=squared > 0.0)
        squared_scores = np.maximum(squared_scores, ratios.max(axis=0))
    return np.sqrt(squared_scores)


def _check_percentile(max_percentile: float) -> None:
    if not 0.0 < max_percentile <= 100.0:
        raise ValueError(
            f"`max_percentile` must be in (0, 100], received {max_percentile}."
        )


def _within(
    squared: np.ndarray, squared_radii: np.ndarray, strict: bool
) -> np.ndarray:
    return squared < squared_radii if strict else squared <= squared_radii


def _squared_radii(
    points: np.ndarray, k: int, block_size: int | None
) -> np.ndarray:
    """Squared distance of each point to its k-th neighbour."""
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
    elif block_size < 1:
        raise ValueError(
            f"`block_size` must be at least 1, received {block_size}."
        )
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
    if k < 1:
        raise ValueError(f"`k` must be at least 1, received {k}.")
    axes = ("samples", "dim")
    mend = f"The neighbour number k={k} needs more than {k} samples."
    real = finite_array("`real`", real, axes, min_rows=k + 1, mend=mend)
    if fake_needs_balls:
        fake = finite_array("`fake`", fake, axes, min_rows=k + 1, mend=mend)
    else:
        fake = finite_array("`fake`", fake, axes)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"The two sets have features of width {real.shape[1]} and "
            f"{fake.shape[1]}. Both must come from the same extractor."
        )
    # Seen from one of the samples a common offset costs no precision, and
    # whole numbers, whose distances are often equal, stay whole.
    return real - real[0], fake - real[0]
