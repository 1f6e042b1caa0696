"""Coverage: does a generator draw every kind of thing, and varied ones?

Two simple guards against mode collapse. The share of samples that a classifier
assigns to each class shows classes that went missing. The mean distance
between two samples, relative to that between two real images, shows a
generator that draws every class but always the same image of it.
"""

from typing import NamedTuple

import numpy as np


class ClassCoverage(NamedTuple):
    """What `class_coverage` returns.

    Attributes:
        shares: Share of each class, float64 `(num_classes,)`, summing to 1.
        num_covered: Number of classes with a share of at least `threshold`.
        min_share: The smallest share.
        threshold: The share from which on a class counts as covered.
    """

    shares: np.ndarray
    num_covered: int
    min_share: float
    threshold: float


def class_coverage(
    labels: np.ndarray, num_classes: int, threshold: float | None = None
) -> ClassCoverage:
    """Shares of the classes among predicted labels.

    Args:
        labels: Integer labels `(samples,)` in `[0, num_classes)`, such as the
            argmax of a classifier's logits on generated images.
        num_classes: Number of classes.
        threshold: Share from which on a class counts as covered. Defaults to
            a fifth of an even share, `0.2 / num_classes`: 2 % of 10 classes.

    Returns:
        A `ClassCoverage` with shares, number of covered classes, smallest
        share and the threshold.

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
            "Expected labels of shape (samples,) with at least one sample, "
            f"received shape {labels.shape}. For logits, pass "
            "`np.argmax(logits, axis=-1)`."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"Expected integer labels, received dtype {labels.dtype}."
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"Expected labels in [0, {num_classes}), received labels from "
            f"{labels.min()} to {labels.max()}. Raise `num_classes` if there "
            "are more classes."
        )
    if threshold is None:
        threshold = 0.2 / num_classes
    counts = np.bincount(labels, minlength=num_classes)
    # Compared with a margin for rounding: a share equal to the threshold,
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
        images: Array `(samples, ...)` with at least 2 samples; everything
            after the first axis is one vector.
        max_images: From a larger set, a random subset of this size is used;
            all of its pairs enter the mean.
        seed: Seed of the subset.

    Returns:
        The mean distance in the images' units; 0 if all are equal.

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
            "A pairwise distance needs at least 2 images; received an array "
            f"of shape {images.shape} and max_images={max_images}."
        )
    if len(images) > max_images:
        rng = np.random.default_rng(seed)
        images = images[rng.choice(len(images), max_images, replace=False)]
    vectors = images.reshape(len(images), -1).astype(np.float64)
    if not np.isfinite(vectors).all():
        raise ValueError("The images contain NaN or infinity.")
    # Centred on one of the images, so that equal images are exactly 0 apart.
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

    About 1 for a generator as varied as the data, near 0 for one that always
    draws the same. It says nothing about quality: noise exceeds 1.

    Args:
        samples: Generated images `(samples, ...)`.
        real: Real images `(samples, ...)` of the same shape and value range.
        max_images: Largest number of images of each set whose pairs are used.
        seed: Seed of the subsets.

    Returns:
        The ratio, `>= 0`.

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
            f"Samples of shape {samples.shape[1:]} cannot be compared with "
            f"real images of shape {real.shape[1:]}. Resize one of them."
        )
    options = {"max_images": max_images, "seed": seed}
    reference = mean_pairwise_distance(real, **options)
    if reference == 0.0:
        raise ValueError(
            "All real images are equal, so there is no spread to compare "
            "with. Pass different real images."
        )
    return mean_pairwise_distance(samples, **options) / reference
