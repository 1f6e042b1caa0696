"""Class coverage and pairwise distances, which show mode collapse.

The fraction of samples that a classifier assigns to each class shows missing
classes. The mean distance of two samples, relative to that of two real images,
shows a generator that draws every class, but always the same image of it.
"""

from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import require_finite


class ClassCoverage(NamedTuple):
    """Result of `class_coverage`.

    Attributes:
        shares: float64 array of shape `(num_classes,)`. The fraction of samples
            of each class.
        num_covered: Integer. The number of classes with a fraction of at least
            `threshold`.
        min_share: Float. The smallest fraction.
        threshold: Float. The fraction from which on a class counts as covered.
    """

    shares: np.ndarray
    num_covered: int
    min_share: float
    threshold: float


def class_coverage(
    labels: np.ndarray, num_classes: int, threshold: float | None = None
) -> ClassCoverage:
    """Fractions of the classes among predicted labels.

    Args:
        labels: Integer array of shape `(samples,)`. Labels in
            `[0, num_classes)`, such as the argmax of a classifier's logits on
            generated images.
        num_classes: Integer. The number of classes.
        threshold: Float. The fraction from which on a class counts as covered.
            Defaults to a fifth of a uniform one, `0.2 / num_classes`: 2 % for
            10 classes.

    Returns:
        A `ClassCoverage`.

    Raises:
        ValueError: If there are no labels, or they are not integers in range.

    Example:

    ```python
    class_coverage([0, 0, 1, 2], num_classes=4).num_covered  # 3
    ```
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(
            "`labels` must have the shape (samples,), with at least one "
            f"sample. Received: labels.shape={labels.shape}. Pass "
            "`np.argmax(logits, axis=-1)` of logits."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`labels` must be integers. Received: labels.dtype={labels.dtype}."
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`labels` must lie in [0, {num_classes}). Received: labels from "
            f"{labels.min()} to {labels.max()}. Raise `num_classes` if there "
            "are more classes."
        )
    if threshold is None:
        threshold = 0.2 / num_classes
    counts = np.bincount(labels, minlength=num_classes)
    # Compared with a margin for rounding: a fraction equal to the threshold,
    # such as 3 of 150 at 0.02, counts as covered.
    covered = counts >= threshold * labels.size * (1.0 - 1e-12)
    shares = counts / labels.size
    return ClassCoverage(
        shares, int(covered.sum()), float(shares.min()), float(threshold)
    )


def mean_pairwise_distance(
    images: np.ndarray, *, max_images: int = 2000, seed: int = 0
) -> float:
    """Mean Euclidean distance between two different images of a set.

    Args:
        images: Array of shape `(samples, ...)` with at least 2 samples; all
            axes but the first are flattened.
        max_images: Integer. Of a larger set, a random subset of this size is
            used; all of its pairs enter the mean.
        seed: Integer. Seed of the subset.

    Returns:
        Float. The mean distance in the images' units; 0 if all are equal.

    Raises:
        ValueError: If there are fewer than 2 images or values are not finite.

    Example:

    ```python
    mean_pairwise_distance([[0.0, 0.0], [3.0, 4.0]])  # 5.0
    ```
    """
    images = np.asarray(images)
    if images.ndim < 2 or len(images) < 2 or max_images < 2:
        raise ValueError(
            "`images` and `max_images` must be at least 2 images. Received: "
            f"images.shape={images.shape}, {max_images=}."
        )
    if len(images) > max_images:
        rng = np.random.default_rng(seed)
        images = images[rng.choice(len(images), max_images, replace=False)]
    vectors = images.reshape(len(images), -1).astype(np.float64)
    require_finite("images", vectors)
    # Centered on one of the images, so that equal images are exactly 0 apart.
    vectors -= vectors[0]
    norms = np.square(vectors).sum(axis=1)
    total = 0.0
    for start in range(0, len(vectors), 512):
        block = slice(start, start + 512)
        squared = norms[block, None] + norms - 2.0 * vectors[block] @ vectors.T
        rows = np.arange(len(squared))
        squared[rows, start + rows] = 0.0
        total += np.sqrt(np.maximum(squared, 0.0)).sum()
    return float(total / (len(vectors) * (len(vectors) - 1)))


def pairwise_distance_ratio(
    samples: np.ndarray,
    real: np.ndarray,
    *,
    max_images: int = 2000,
    seed: int = 0,
) -> float:
    """Mean distance between two samples relative to two real images.

    About 1 for a generator as diverse as the data, near 0 for one that always
    draws the same image. It does not measure quality: noise exceeds 1.

    Args:
        samples: Array of shape `(samples, ...)`. Generated images.
        real: Array of shape `(samples, ...)`. Real images of the same shape and
            value range.
        max_images: Integer. The largest number of images of each set whose
            pairs are used.
        seed: Integer. Seed of the subsets.

    Returns:
        Float `>= 0`. The ratio.

    Raises:
        ValueError: If the images differ in shape, or all real images are
            equal.

    Example:

    ```python
    real = np.random.default_rng(0).uniform(size=(50, 8, 8, 1))
    pairwise_distance_ratio(0.5 * real, real)  # 0.5
    ```
    """
    samples, real = np.asarray(samples), np.asarray(real)
    if samples.shape[1:] != real.shape[1:]:
        raise ValueError(
            "`samples` and `real` must have images of the same shape. "
            f"Received: samples.shape={samples.shape}, "
            f"real.shape={real.shape}. Resize one of them."
        )
    options = {"max_images": max_images, "seed": seed}
    reference = mean_pairwise_distance(real, **options)
    if reference == 0.0:
        raise ValueError(
            f"`real` must hold different images. Received: {len(real)} equal "
            "ones."
        )
    return mean_pairwise_distance(samples, **options) / reference
