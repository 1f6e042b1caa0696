"""Structural similarity of images (SSIM, MS-SSIM) and diversity of samples.

The similarity (SSIM) compares means, variances and covariance under a
Gaussian window; `l` compares the luminance and `cs` the contrast and the
structure:

    l = (2 m_a m_b + C1) / (m_a^2 + m_b^2 + C1)
    cs = (2 s_ab + C2) / (s_a^2 + s_b^2 + C2)

Over several scales, each half the size of the one before,
`MS-SSIM = prod_i mean(cs_i)^w_i`, with `l cs` in place of `cs` at the last.
The mean over random pairs of samples measures their lack of diversity: 1 if
all are equal.
"""

from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.extractors.base import check_images

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW_SIZE, _WINDOW_SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
# Pixels compared at a time; each takes part in a dozen float64 arrays.
_BATCH_PIXELS = 2**21


class PairSimilarity(NamedTuple):
    """Result of `ms_ssim_diversity`.

    Attributes:
        mean: Float. The mean similarity of the pairs; lower is more diverse.
        standard_error: Float. The standard error of this mean.
        num_pairs: Integer. The number of pairs.
    """

    mean: float
    standard_error: float
    num_pairs: int


class ClassDiversity(NamedTuple):
    """Result of `class_ms_ssim_diversity`.

    Attributes:
        generated: float64 array of shape `(num_classes,)`. The mean similarity
            of generated pairs of each class.
        real: float64 array of shape `(num_classes,)`. The same of real pairs.
        threshold: Float. The largest class mean of the real images.
        share_diverse: Float. The fraction of classes whose generated mean is
            below the threshold.
    """

    generated: np.ndarray
    real: np.ndarray
    threshold: float
    share_diverse: float


def ssim(
    images_a: np.ndarray,
    images_b: np.ndarray,
    value_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """Structural similarity of pairs of images.

    The window is 11x11 with a standard deviation of 1.5 pixels; for images
    smaller than it both shrink in proportion. Only valid windows count.
    Channels are compared separately and averaged.

    Args:
        images_a: Array of shape `(pairs, height, width[, channels])`.
        images_b: Array of the same shape.
        value_range: Tuple of floats. The values of black and white in both.
            Defaults to `(0, 255)` for uint8 and to `(0, 1)` for floating point
            images.

    Returns:
        float64 array of shape `(pairs,)` of values up to 1, that of equal
        images.

    Raises:
        ValueError: If the shapes differ, or the images are not finite or
            outside of their range.

    Example:

    ```python
    images = np.random.default_rng(0).uniform(size=(4, 32, 32, 3))
    ssim(images, images)  # [1.0, 1.0, 1.0, 1.0]
    ```

    Reference:

    - [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861)
    """

    def similarity(a, b):
        luminance, structure = _comparisons(a, b)
        return (luminance * structure).mean(axis=(1, 2, 3))

    return _compare(similarity, images_a, images_b, value_range)


def ms_ssim(
    images_a: np.ndarray,
    images_b: np.ndarray,
    value_range: tuple[float, float] | None = None,
    *,
    weights: tuple[float, ...] | None = None,
) -> np.ndarray:
    """Multi-scale structural similarity of pairs of images.

    Between two scales, 2x2 pixels are averaged. Means below 0 are set to 0,
    since they are raised to a power.

    Args:
        images_a: Array of shape `(pairs, height, width[, channels])`.
        images_b: Array of the same shape.
        value_range: Tuple of floats. The values of black and white in both.
            Defaults to `(0, 255)` for uint8 and to `(0, 1)` for floating point
            images.
        weights: Tuple of floats. The exponents of the scales, the finest first.
            Defaults to the five of the paper, `MS_SSIM_WEIGHTS`, if the shorter
            side has 176 pixels or more, so that the window fits the coarsest
            scale. Smaller images take the first three, divided by their sum:
            values of the two kinds cannot be compared.

    Returns:
        float64 array of shape `(pairs,)` of values in `[0, 1]`.

    Raises:
        ValueError: If the shapes differ, the images are too small for the
            number of scales, or are not finite or outside of their range.

    Example:

    ```python
    images = np.random.default_rng(0).uniform(size=(4, 28, 28, 1))
    ms_ssim(images, images[::-1]).shape  # (4,)
    ```

    Reference:

    - [Wang et al., 2003](https://doi.org/10.1109/ACSSC.2003.1292216)
    """

    def similarity(a, b):
        exponents = _checked_weights(weights, min(a.shape[1:3]))
        result = 1.0
        for scale, exponent in enumerate(exponents):
            if scale:
                a, b = _halve(a), _halve(b)
            luminance, terms = _comparisons(a, b)
            if scale == len(exponents) - 1:
                terms = luminance * terms
            mean = np.maximum(terms.mean(axis=(1, 2)), 0.0)
            result = result * mean**exponent
        return result.mean(axis=1)

    return _compare(similarity, images_a, images_b, value_range)


def ms_ssim_diversity(
    images: np.ndarray,
    num_pairs: int = 10000,
    value_range: tuple[float, float] | None = None,
    *,
    weights: tuple[float, ...] | None = None,
    seed: int = 0,
) -> PairSimilarity:
    """Mean similarity of random pairs of different images of a set.

    Compare the value of samples with that of real images: above it, samples are
    less diverse; below it, they may be noise.

    Args:
        images: Array of shape `(samples, height, width[, channels])`, at least
            2 images.
        num_pairs: Integer. The number of pairs, drawn independently, at least
            2.
        value_range: Tuple of floats. As for `ms_ssim`.
        weights: Tuple of floats. As for `ms_ssim`.
        seed: Integer. Seed of the pairs.

    Returns:
        A `PairSimilarity`.

    Raises:
        ValueError: If there are fewer than 2 images or pairs, or as for
            `ms_ssim`.

    Example:

    ```python
    images = np.random.default_rng(0).uniform(size=(50, 28, 28, 1))
    ms_ssim_diversity(images, num_pairs=100).mean
    ```

    Reference:

    - [Odena et al., 2017](https://arxiv.org/abs/1610.09585)
    """
    images, value_range = check_images(images, value_range)
    rng = np.random.default_rng(seed)
    values = _pair_values(
        images, np.arange(len(images)), num_pairs, value_range, weights, rng
    )
    error = float(values.std(ddof=1) / np.sqrt(num_pairs))
    return PairSimilarity(float(values.mean()), error, num_pairs)


def class_ms_ssim_diversity(
    samples: np.ndarray,
    sample_labels: np.ndarray,
    real: np.ndarray,
    real_labels: np.ndarray,
    num_pairs: int = 100,
    value_range: tuple[float, float] | None = None,
    *,
    weights: tuple[float, ...] | None = None,
    seed: int = 0,
) -> ClassDiversity:
    """Mean similarity within each class, of samples and of real images.

    A class counts as diverse if its samples are less similar than the real
    images of the most uniform class, as in the AC-GAN paper.

    Args:
        samples: Array of shape `(samples, height, width[, channels])`.
            Generated images.
        sample_labels: Integer array of shape `(samples,)`. Labels from 0.
        real: Array of shape `(real, height, width[, channels])`. Real images.
        real_labels: Integer array of shape `(real,)`. Every class needs at
            least 2 images in both sets.
        num_pairs: Integer. The number of pairs per class, at least 2.
        value_range: Tuple of floats. As for `ms_ssim`.
        weights: Tuple of floats. As for `ms_ssim`.
        seed: Integer. Seed of the pairs.

    Returns:
        A `ClassDiversity`.

    Raises:
        ValueError: If a class has fewer than 2 images, labels do not fit the
            images, or as for `ms_ssim`.

    Example:

    ```python
    rng = np.random.default_rng(0)
    real, samples = rng.uniform(size=(2, 40, 28, 28, 1))
    labels = np.arange(40) % 4
    class_ms_ssim_diversity(samples, labels, real, labels).generated.shape
    ```

    Reference:

    - [Odena et al., 2017](https://arxiv.org/abs/1610.09585)
    """
    num_classes = int(max(np.max(sample_labels), np.max(real_labels))) + 1
    rng = np.random.default_rng(seed)
    means = []
    for what, images, labels in (
        ("generated", samples, sample_labels),
        ("real", real, real_labels),
    ):
        images, limits = check_images(images, value_range)
        labels = np.asarray(labels)
        if labels.shape != images.shape[:1]:
            raise ValueError(
                f"There must be one label per {what} image. Received: labels "
                f"of shape {labels.shape} for {len(images)} images."
            )
        members = [np.flatnonzero(labels == c) for c in range(num_classes)]
        small = [c for c, rows in enumerate(members) if len(rows) < 2]
        if small:
            raise ValueError(
                f"There must be at least 2 {what} images per class. Received: "
                f"fewer of the classes {small}. Draw more, or leave these "
                "classes out of both sets."
            )
        values = [
            _pair_values(images, rows, num_pairs, limits, weights, rng)
            for rows in members
        ]
        means.append(np.array([part.mean() for part in values]))
    generated, reference = means
    threshold = float(reference.max())
    fraction = float((generated < threshold).mean())
    return ClassDiversity(generated, reference, threshold, fraction)


def _pair_values(images, rows, num_pairs, value_range, weights, rng):
    if len(rows) < 2 or num_pairs < 2:
        raise ValueError(
            "There must be at least 2 images and 2 pairs. Received: "
            f"{len(rows)} images, {num_pairs=}."
        )
    first = rng.integers(len(rows), size=num_pairs)
    second = first + rng.integers(1, len(rows), size=num_pairs)
    first, second = rows[first], rows[second % len(rows)]
    parts = []
    for batch in _batches(num_pairs, images[0].size):
        pair = images[first[batch]], images[second[batch]]
        parts.append(ms_ssim(*pair, value_range, weights=weights))
    return np.concatenate(parts)


def _compare(similarity, images_a, images_b, value_range):
    images_a, range_a = check_images(images_a, value_range)
    images_b, range_b = check_images(images_b, value_range)
    if images_a.shape != images_b.shape:
        raise ValueError(
            "`images_a` and `images_b` must have the same shape. Received: "
            f"{images_a.shape} and {images_b.shape}."
        )
    return np.concatenate(
        [
            similarity(
                _to_unit(images_a[batch], range_a),
                _to_unit(images_b[batch], range_b),
            )
            for batch in _batches(len(images_a), images_a[0].size)
        ]
    )


def _batches(count, pixels):
    size = max(1, _BATCH_PIXELS // pixels)
    return [slice(start, start + size) for start in range(0, count, size)]


def _to_unit(images, value_range):
    low, high = value_range
    return (images.astype(np.float64) - low) / (high - low)


def _checked_weights(weights, side):
    if weights is None:
        if side >= _WINDOW_SIZE * 2 ** (len(MS_SSIM_WEIGHTS) - 1):
            return np.array(MS_SSIM_WEIGHTS)
        weights = np.array(MS_SSIM_WEIGHTS[:3])
        weights /= weights.sum()
    weights = finite_array("weights", weights, ("scales",))
    # Halved so often, a side must keep 2 pixels, or there is no contrast.
    if side <= 2 ** (len(weights) - 1):
        raise ValueError(
            "The images must have sides of more than "
            f"{2 ** (len(weights) - 1)} pixels for {len(weights)} scales. "
            f"Received: a side of {side} pixels. Pass fewer `weights`, or "
            "larger images."
        )
    return weights


def _comparisons(a, b):
    """The maps `l` and `cs`, `(batch, height, width, channels)` each."""
    window = min(_WINDOW_SIZE, *a.shape[1:3])
    offsets = np.arange(window) - (window - 1) / 2.0
    sigma = _WINDOW_SIGMA * window / _WINDOW_SIZE
    kernel = np.exp(-0.5 * np.square(offsets / sigma))
    kernel /= kernel.sum()
    mean_a, mean_b = _smooth(a, kernel), _smooth(b, kernel)
    products, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    luminance = (2.0 * products + _C1) / (squares + _C1)
    covariance = _smooth(a * b, kernel) - products
    variances = _smooth(a**2 + b**2, kernel) - squares
    return luminance, (2.0 * covariance + _C2) / (variances + _C2)


def _smooth(images, kernel):
    """Convolves height and width with a kernel, where it fits."""
    for axis in (1, 2):
        images = np.moveaxis(images, axis, 0)
        length = len(images) - len(kernel) + 1
        images = sum(
            weight * images[start : start + length]
            for start, weight in enumerate(kernel)
        )
        images = np.moveaxis(images, 0, axis)
    return images


def _halve(images):
    """Averages 2x2 pixels; an odd last row or column stands for two."""
    odd = [(0, side % 2) for side in images.shape[1:3]]
    images = np.pad(images, [(0, 0), *odd, (0, 0)], mode="edge")
    rows = images[:, ::2] + images[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4.0
