"""Perceptual path length: the smoothness of images along latent paths.

Along a path between two latents, the images of a good generator change
gradually. The length is the perceptual distance of small steps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.checks import check_option
from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.samples.perceptual import checked_distances


class PathLength(NamedTuple):
    """Result of `perceptual_path_length`.

    Attributes:
        mean: Float. The mean of the lengths that were kept.
        std: Float. Their standard deviation (population).
        lengths: float64 array of shape `(num_samples,)`. All lengths, including
            the trimmed ones.
        num_kept: Integer. The number of lengths in the mean.
    """

    mean: float
    std: float
    lengths: np.ndarray
    num_kept: int


def perceptual_path_length(
    generator: Callable[[np.ndarray], Any],
    sample_latents: Callable[[int, int], Any],
    distance: Callable[[Any, Any], np.ndarray],
    *,
    num_samples: int = 10000,
    batch_size: int = 100,
    epsilon: float = 1e-4,
    interpolation: str = "lerp",
    keep_norms: bool = True,
    sampling: str = "full",
    trim: float = 0.01,
    seed: int = 0,
) -> PathLength:
    """Perceptual distance of images per step along paths between latents.

    The mean of `distance(G(z_t), G(z_(t + epsilon))) / epsilon^2`, where `z_t`
    is the point `t` of the path between two random latents. The paper uses
    100,000 paths with LPIPS of VGG-16, on center crops of faces resized to 256
    pixels; crop and resize in `generator`, if needed. A generator that draws
    noise must draw the same for both ends.

    Args:
        generator: Function of latents of shape `(batch, ...)` that returns
            images, in float and not rounded to integers, in inference mode.
        sample_latents: Function `(num, seed) -> latents`.
        distance: Function of two arrays of images that returns one distance per
            pair, which must be squared, as LPIPS is.
        num_samples: Integer. The number of paths.
        batch_size: Integer. The number of paths at a time.
        epsilon: Float. The length of a step. In float32 a step of 1e-4 leaves
            three digits of a latent's change, and a small distance may vanish
            in rounding: take 1e-3 to 1e-2 for small models.
        interpolation: String. `"lerp"` for a straight line, as for the
            intermediate latents of StyleGAN, or `"slerp"` for an arc, as for
            normal latents.
        keep_norms: Boolean. Whether an arc interpolates the norms of its ends,
            as plain generators need. Otherwise it is on the unit sphere, as in
            StyleGAN, whose generator normalizes its latents.
        sampling: String. `"full"` for steps anywhere on the paths, `"end"` for
            steps at their beginning.
        trim: Float in [0, 0.5). The fraction of the smallest and of the largest
            lengths that is excluded from the mean, each.
        seed: Integer. Seed of latents and positions.

    Returns:
        A `PathLength`.

    Raises:
        ValueError: If an option is unknown or out of range, latents have
            another number, or a distance is not finite.

    Example:

    ```python
    matrix = np.random.default_rng(0).normal(size=(4, 9))
    perceptual_path_length(
        lambda z: z @ matrix,
        lambda num, seed: np.random.default_rng(seed).normal(size=(num, 4)),
        squared_pixel_distance,
        num_samples=1000,
    ).mean
    ```

    Reference:

    - [Karras et al., 2019](https://arxiv.org/abs/1812.04948)
    """
    check_option("interpolation", interpolation, ("lerp", "slerp"))
    check_option("sampling", sampling, ("full", "end"))
    if min(num_samples, batch_size) < 1 or epsilon <= 0 or not 0 <= trim < 0.5:
        raise ValueError(
            "There must be `num_samples` >= 1, `batch_size` >= 1, `epsilon` > "
            f"0 and 0 <= `trim` < 0.5. Received: {num_samples=}, "
            f"{batch_size=}, {epsilon=}, {trim=}."
        )
    starts = range(0, num_samples, batch_size)
    sequence = np.random.SeedSequence(seed)
    # 31 bits: the largest seed that every backend takes.
    seeds = (sequence.generate_state(2 * len(starts)) >> 1).reshape(-1, 2)
    rng = np.random.default_rng(sequence.spawn(1)[0])
    lengths = []
    for start, pair in zip(starts, seeds, strict=True):
        count = min(batch_size, num_samples - start)
        ends = [
            _checked_latents(sample_latents, count, int(one)) for one in pair
        ]
        t = rng.uniform(size=count) if sampling == "full" else np.zeros(count)
        images = []
        for position in (t, t + epsilon):
            if interpolation == "lerp":
                latents = lerp(*ends, position)
            else:
                latents = slerp(*ends, position, keep_norms=keep_norms)
            images.append(keras.ops.convert_to_numpy(generator(latents)))
        lengths.append(
            checked_distances(distance(*images), images[0]) / epsilon**2
        )
    lengths = np.concatenate(lengths)
    low = np.quantile(lengths, trim, method="lower")
    high = np.quantile(lengths, 1.0 - trim, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    return PathLength(float(kept.mean()), float(kept.std()), lengths, len(kept))


def lerp(start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Linear interpolation of latents.

    Args:
        start: Array of shape `(batch, ...)`. The latents at `t = 0`.
        end: Array of the same shape. The latents at `t = 1`.
        t: Array of shape `(batch,)`. The positions.

    Returns:
        float64 array of the shape of the latents.

    Raises:
        ValueError: If the shapes differ or values are not finite.

    Example:

    ```python
    lerp([[0.0, 0.0]], [[2.0, 4.0]], [0.5])  # [[1.0, 2.0]]
    ```
    """
    start, end, t, shape = _flat(start, end, t)
    return (start + t * (end - start)).reshape(shape)


def slerp(
    start: np.ndarray,
    end: np.ndarray,
    t: np.ndarray,
    *,
    keep_norms: bool = True,
) -> np.ndarray:
    """Spherical linear interpolation of latents.

    Normal latents of many dimensions lie close to a sphere, which a straight
    line leaves and an arc does not.

    Args:
        start: Array of shape `(batch, ...)`. The latents at `t = 0`, not 0. All
            axes but the first form one vector, of at least 2 dimensions.
        end: Array of the same shape. The latents at `t = 1`.
        t: Array of shape `(batch,)`. The positions.
        keep_norms: Boolean. Whether the norm is interpolated linearly. If
            False, all points are on the unit sphere.

    Returns:
        float64 array of the shape of the latents.

    Raises:
        ValueError: If the shapes differ, a latent is 0, two are opposite, so
            that the arc is not unique, or values are not finite.

    Example:

    ```python
    slerp([[2.0, 0.0]], [[0.0, 2.0]], [0.5])  # [[1.414, 1.414]]
    ```

    Reference:

    - Shoemake, "Animating Rotation with Quaternion Curves", 1985
    - [White, 2016](https://arxiv.org/abs/1609.04468)
    """
    start, end, t, shape = _flat(start, end, t)
    norm_start = np.linalg.norm(start, axis=1, keepdims=True)
    norm_end = np.linalg.norm(end, axis=1, keepdims=True)
    if min(norm_start.min(), norm_end.min()) == 0.0 or start.shape[1] < 2:
        raise ValueError(
            "Latents of `slerp` must have at least 2 dimensions and not be 0. "
            f"Received: {start.shape[1]} dimensions and norms from "
            f"{min(norm_start.min(), norm_end.min()):.4g}. Use `lerp`."
        )
    start, end = start / norm_start, end / norm_end
    cosine = (start * end).sum(axis=1, keepdims=True)
    across = end - cosine * start
    sine = np.linalg.norm(across, axis=1, keepdims=True)
    if np.any((sine <= 1e-12) & (cosine < 0.0)):
        raise ValueError(
            "Latents of `slerp` must not be opposite. Received: two that are, "
            "between which no arc is the shortest. Draw other latents, or use "
            "`lerp`."
        )
    # Equal directions have no way across, and need none.
    across = np.divide(across, sine, out=np.zeros_like(across), where=sine > 0)
    # The arctangent is exact where the arc cosine loses half the digits.
    angle = t * np.arctan2(sine, cosine)
    points = np.cos(angle) * start + np.sin(angle) * across
    if keep_norms:
        points = points * (norm_start + t * (norm_end - norm_start))
    return points.reshape(shape)


def _checked_latents(sample_latents, count, seed):
    latents = keras.ops.convert_to_numpy(sample_latents(count, seed))
    if latents.ndim < 2 or len(latents) != count:
        raise ValueError(
            f"`sample_latents({count}, seed)` must return latents of shape "
            f"({count}, dim). Received: an array of shape {latents.shape}."
        )
    return latents


def _flat(start, end, t):
    start, end = np.asarray(start), np.asarray(end)
    if start.ndim < 2 or start.shape != end.shape:
        raise ValueError(
            "`start` and `end` must have the same shape (batch, dim). "
            f"Received: start.shape={start.shape}, end.shape={end.shape}."
        )
    t = finite_array("t", t, ("batch",))
    if len(t) != len(start):
        raise ValueError(
            "`t` must hold one position per pair of latents. Received: "
            f"{len(t)} positions for {len(start)} pairs."
        )
    axes = ("batch", "dim")
    flat_start = finite_array("start", start.reshape(len(start), -1), axes)
    flat_end = finite_array("end", end.reshape(len(end), -1), axes)
    return flat_start, flat_end, t[:, None], start.shape
