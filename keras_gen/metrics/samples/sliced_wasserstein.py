"""Sliced Wasserstein distance between local patches of images.

Both sets of images are decomposed into the bands of a Laplacian pyramid, from
the full resolution down to 16 pixels. In each band, random patches of 7x7
pixels are compared by the mean Wasserstein distance of their projections onto
random directions: small distances in the coarse bands mean similar shapes, in
the fine bands similar edges and noise.

The patches of each set are first normalized to mean 0 and deviation 1 in every
channel, so that the distance is invariant to global brightness and contrast.
"""

from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.extractors.base import check_images

_BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
# Directions projected onto at a time, and images in a pyramid at a time.
_DIRECTIONS_AT_A_TIME, _IMAGES_AT_A_TIME = 16, 64


class SlicedWassersteinDistance(NamedTuple):
    """Result of `sliced_wasserstein_distance`.

    Attributes:
        average: Float. The mean over the bands, multiplied by 1000.
        bands: Tuple of floats. The distance of each band, the finest first,
            multiplied by 1000.
        resolutions: Tuple of tuples of integers. The height and width of each
            band.
    """

    average: float
    bands: tuple[float, ...]
    resolutions: tuple[tuple[int, int], ...]


def sliced_wasserstein_distance(
    real: np.ndarray,
    fake: np.ndarray,
    value_range: tuple[float, float] | None = None,
    *,
    patches_per_image: int = 128,
    patch_size: int = 7,
    num_directions: int = 512,
    min_resolution: int = 16,
    seed: int = 0,
) -> SlicedWassersteinDistance:
    """Sliced Wasserstein distance of two sets of images, per band.

    The paper compares 16,384 images of each set. The patches have the same
    random positions in both. All of one band are in memory together:
    `2 * images * patches_per_image * patch_size^2 * 3 * 8` bytes, and about as
    much again for the directions.

    Args:
        real: Array of shape `(images, height, width[, channels])` with 1 or 3
            channels. Real images; grayscale ones count as three equal channels.
        fake: Array of the same shape. As many generated images.
        value_range: Tuple of floats. The values of black and white in both.
            Defaults to `(0, 255)` for uint8 and to `(0, 1)` for floating point
            images.
        patches_per_image: Integer. The number of patches per image and band.
        patch_size: Integer. The height and width of a patch in pixels.
        num_directions: Integer. The number of directions; the paper's code
            takes 4 times 128.
        min_resolution: Integer. The smallest side, in pixels, of the coarsest
            band.
        seed: Integer. Seed of the positions and the directions.

    Returns:
        A `SlicedWassersteinDistance`: the distances, multiplied by 1000 as in
        the paper, of each band and on average.

    Raises:
        ValueError: If the sets differ in number or shape, the images have
            another number of channels, are smaller than a patch, not finite,
            or outside of their range.

    Example:

    ```python
    rng = np.random.default_rng(0)
    real, fake = rng.uniform(size=(2, 20, 32, 32, 3))
    distance = sliced_wasserstein_distance(real, fake)
    distance.resolutions  # ((32, 32), (16, 16))
    ```

    Reference:

    - [Karras et al., 2018](https://arxiv.org/abs/1710.10196), section 5
    - Rabin et al., "Wasserstein Barycenter and its Application to Texture
      Mixing", 2011
    """
    real, real_range = check_images(real, value_range)
    fake, fake_range = check_images(fake, value_range)
    if real.shape != fake.shape or real.shape[-1] not in (1, 3):
        raise ValueError(
            "`real` and `fake` must have the same shape, with 1 or 3 channels. "
            f"Received: real.shape={real.shape}, fake.shape={fake.shape}."
        )
    resolutions = [real.shape[1:3]]
    while min(resolutions[-1]) // 2 >= min_resolution:
        height, width = resolutions[-1]
        resolutions.append(((height + 1) // 2, (width + 1) // 2))
    if min(resolutions[-1]) < patch_size:
        raise ValueError(
            "`patch_size` must not exceed the coarsest band. Received: "
            f"{patch_size=} for a band of {resolutions[-1]} pixels. Pass "
            "larger images or smaller patches."
        )
    bands = []
    for level in range(len(resolutions)):
        descriptors = []
        for images, limits in ((real, real_range), (fake, fake_range)):
            patches = []
            for start in range(0, len(images), _IMAGES_AT_A_TIME):
                batch = images[start : start + _IMAGES_AT_A_TIME]
                band = _band(batch, limits, level, len(resolutions))
                patches.append(
                    extract_patches(
                        band,
                        patches_per_image,
                        patch_size,
                        seed=(seed, level, start),
                    )
                )
            descriptors.append(normalize_patches(np.concatenate(patches)))
        distance = projected_wasserstein(*descriptors, num_directions, seed)
        bands.append(1e3 * distance)
    return SlicedWassersteinDistance(
        float(np.mean(bands)), tuple(bands), tuple(resolutions)
    )


def laplacian_pyramid(images: np.ndarray, num_levels: int) -> list[np.ndarray]:
    """Decomposes images into the bands of a Laplacian pyramid.

    Each band is what a halving of the size removes; the last is the smallest
    image itself. `collapse_pyramid` is the inverse.

    Args:
        images: Array of shape `(images, height, width, channels)`.
        num_levels: Integer. The number of bands, at least 1.

    Returns:
        A list of float64 arrays, the finest first.

    Raises:
        ValueError: If the array has another rank, values are not finite, or
            the images are too small for so many bands.

    Example:

    ```python
    bands = laplacian_pyramid(np.ones((1, 32, 32, 3)), 2)
    [band.shape[1] for band in bands]  # [32, 16]
    ```
    """
    axes = ("images", "height", "width", "channels")
    images = finite_array("images", images, axes)
    if num_levels < 1 or min(images.shape[1:3]) < 2 ** (num_levels - 1):
        raise ValueError(
            "`num_levels` must be at least 1, and the images 2^(num_levels - "
            f"1) pixels or more on a side. Received: {num_levels=}, "
            f"images.shape={images.shape}."
        )
    bands = []
    for _ in range(num_levels - 1):
        smaller = _smooth(images)[:, ::2, ::2]
        bands.append(images - _enlarge(smaller, images.shape))
        images = smaller
    return [*bands, images]


def collapse_pyramid(bands: list[np.ndarray]) -> np.ndarray:
    """Reconstructs images from the bands of a Laplacian pyramid.

    Args:
        bands: List of arrays. The result of `laplacian_pyramid`.

    Returns:
        float64 array of shape `(images, height, width, channels)`.

    Example:

    ```python
    images = np.random.default_rng(0).uniform(size=(2, 32, 32, 3))
    collapse_pyramid(laplacian_pyramid(images, 2))  # the images again
    ```
    """
    images = bands[-1]
    for band in reversed(bands[:-1]):
        images = band + _enlarge(images, band.shape)
    return images


def extract_patches(
    images: np.ndarray,
    patches_per_image: int,
    patch_size: int = 7,
    seed: int | tuple[int, ...] = 0,
) -> np.ndarray:
    """Extracts square patches at random positions.

    Args:
        images: Array of shape `(images, height, width, channels)`.
        patches_per_image: Integer. The number of patches from each image, at
            least 1.
        patch_size: Integer. The height and width of a patch in pixels.
        seed: Integer or tuple of integers. Seed of the positions.

    Returns:
        Array of shape `(images * patches_per_image, channels, patch_size,
        patch_size)`, image by image.

    Raises:
        ValueError: If the array has another rank, values are not finite, or
            the images are smaller than a patch.

    Example:

    ```python
    extract_patches(np.zeros((2, 16, 16, 3)), 5).shape  # (10, 3, 7, 7)
    ```
    """
    axes = ("images", "height", "width", "channels")
    images = finite_array("images", images, axes)
    height, width = images.shape[1:3]
    if (
        min(height, width) < patch_size
        or min(patch_size, patches_per_image) < 1
    ):
        raise ValueError(
            "`patch_size` must be from 1 to the size of the images, and "
            "`patches_per_image` at least 1. Received: "
            f"images.shape={images.shape}, {patch_size=}, {patches_per_image=}."
        )
    rng = np.random.default_rng(seed)
    shape = (len(images), patches_per_image)
    rows = rng.integers(height - patch_size + 1, size=shape)
    columns = rng.integers(width - patch_size + 1, size=shape)
    windows = np.lib.stride_tricks.sliding_window_view(
        images, (patch_size, patch_size), axis=(1, 2)
    )
    patches = windows[np.arange(len(images))[:, None], rows, columns]
    return patches.reshape(-1, *patches.shape[2:])


def normalize_patches(patches: np.ndarray) -> np.ndarray:
    """Normalizes each channel of a set of patches to mean 0 and deviation 1.

    Args:
        patches: Array of shape `(patches, channels, height, width)`. Mean and
            deviation are those over all patches and pixels. A constant channel
            becomes 0.

    Returns:
        float64 array of shape `(patches, channels * height * width)`.

    Raises:
        ValueError: If the array has another rank or values are not finite.

    Example:

    ```python
    normalize_patches(np.random.default_rng(0).normal(size=(10, 3, 7, 7)))
    ```
    """
    axes = ("patches", "channels", "height", "width")
    patches = finite_array("patches", patches, axes)
    centered = patches - patches.mean(axis=(0, 2, 3), keepdims=True)
    deviation = np.sqrt(np.square(centered).mean(axis=(0, 2, 3), keepdims=True))
    # Below this, a deviation is the rounding of a constant.
    floor = 1e-12 * np.abs(patches).max(axis=(0, 2, 3), keepdims=True)
    constant = deviation <= floor
    scaled = np.where(
        constant, 0.0, centered / np.where(constant, 1, deviation)
    )
    return scaled.reshape(len(patches), -1)


def projected_wasserstein(
    a: np.ndarray, b: np.ndarray, num_directions: int = 512, seed: int = 0
) -> float:
    """Mean Wasserstein-1 distance of random one-dimensional projections.

    In one dimension, the distance of two sets of equal size is the mean
    absolute difference of the sorted values. The directions are uniform on the
    unit sphere.

    Args:
        a: Array of shape `(n, dim)`.
        b: Array of the same shape.
        num_directions: Integer. The number of directions, at least 1.
        seed: Integer. Seed of the directions.

    Returns:
        Float `>= 0`. The distance, in units of the values.

    Raises:
        ValueError: If the shapes differ, there is no direction, or values are
            not finite.

    Example:

    ```python
    projected_wasserstein([[0.0], [1.0]], [[5.0], [3.0]])  # 3.5
    ```
    """
    a = finite_array("a", a, ("samples", "dim"))
    b = finite_array("b", b, ("samples", "dim"))
    if a.shape != b.shape or num_directions < 1:
        raise ValueError(
            "`a` and `b` must have the same shape, and `num_directions` be at "
            f"least 1. Received: a.shape={a.shape}, b.shape={b.shape}, "
            f"{num_directions=}."
        )
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(a.shape[1], num_directions))
    directions /= np.linalg.norm(directions, axis=0)
    total = 0.0
    for start in range(0, num_directions, _DIRECTIONS_AT_A_TIME):
        block = directions[:, start : start + _DIRECTIONS_AT_A_TIME]
        # Transposed, each projection is sorted in one run of memory.
        sorted_a, sorted_b = (np.sort((x @ block).T, axis=1) for x in (a, b))
        total += np.abs(sorted_a - sorted_b).mean(axis=1).sum()
    return float(total / num_directions)


def _band(images, value_range, level, num_levels):
    """One band of the pyramid of images that are scaled to `[0, 1]`."""
    low, high = value_range
    scaled = (images.astype(np.float64) - low) / (high - low)
    if scaled.shape[-1] == 1:
        scaled = np.repeat(scaled, 3, axis=-1)
    # Coarser bands than the one asked for are left together.
    return laplacian_pyramid(scaled, min(level + 2, num_levels))[level]


def _smooth(images):
    """Convolves with the binomial kernel; the borders are mirrored."""
    for axis in (1, 2):
        margins = [(0, 0)] * images.ndim
        margins[axis] = (2, 2)
        padded = np.moveaxis(np.pad(images, margins, mode="reflect"), axis, 0)
        length = images.shape[axis]
        images = sum(
            weight * padded[start : start + length]
            for start, weight in enumerate(_BINOMIAL)
        )
        images = np.moveaxis(images, 0, axis)
    return images


def _enlarge(images, shape):
    """Doubles the size: zeros between the pixels, then smoothed."""
    spread = np.zeros(shape)
    spread[:, ::2, ::2] = images
    return 4.0 * _smooth(spread)
