"""Perceptual distance of images (LPIPS), and the diversity of outputs.

The distance compares the feature maps of a network, layer by layer: the
features of every pixel are normalized to unit length, their squared
differences are summed over the channels (with weights, where these were
learned), averaged over the pixels and summed over the layers. The diversity of
an image-to-image translation is the mean distance of two outputs for one
input.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.metrics.checks import finite_array

_MAP_AXES = ("images", "height", "width", "channels")


class PairwiseDiversity(NamedTuple):
    """Result of `pairwise_diversity`.

    Attributes:
        mean: Float. The mean distance over all pairs; 0 if all outputs are
            equal.
        standard_error: Float. The standard error of this mean, over the inputs.
        per_input: float64 array of shape `(inputs,)`. The mean distance of each
            input.
    """

    mean: float
    standard_error: float
    per_input: np.ndarray


def perceptual_distance(
    maps_a: Sequence[np.ndarray],
    maps_b: Sequence[np.ndarray],
    weights: Sequence[np.ndarray] | None = None,
    epsilon: float = 1e-10,
) -> np.ndarray:
    """Perceptual distance of pairs of images, from their feature maps.

    Args:
        maps_a: List of arrays of shape `(images, height, width, channels)`, one
            per layer; the sizes may differ between layers.
        maps_b: List of arrays of the same shapes. The maps of the other images.
        weights: List of arrays of shape `(channels,)`, one per layer, with
            values `>= 0`. Defaults to 1.
        epsilon: Float. The constant added to the norm that features are divided
            by.

    Returns:
        float64 array of shape `(images,)` of distances `>= 0`.

    Raises:
        ValueError: If layers, shapes or weights do not fit, a weight is below
            0, or values are not finite.

    Example:

    ```python
    a = [np.ones((2, 4, 4, 3)), np.ones((2, 2, 2, 8))]
    b = [2.0 * layer for layer in a]
    perceptual_distance(a, b)  # [0.0, 0.0]: a scale does not matter
    ```

    Reference:

    - [Zhang et al., 2018](https://arxiv.org/abs/1801.03924)
    """
    if len(maps_a) != len(maps_b) or not len(maps_a):
        raise ValueError(
            "`maps_a` and `maps_b` must be of the same layers, at least one. "
            f"Received: {len(maps_a)} and {len(maps_b)} layers."
        )
    if weights is not None and len(weights) != len(maps_a):
        raise ValueError(
            "`weights` must be those of the layers of the maps. Received: "
            f"weights for {len(weights)} layers, maps of {len(maps_a)}."
        )
    total = 0.0
    for layer, (a, b) in enumerate(zip(maps_a, maps_b, strict=True)):
        a = finite_array(f"maps_a[{layer}]", a, _MAP_AXES)
        b = finite_array(f"maps_b[{layer}]", b, _MAP_AXES)
        if a.shape != b.shape:
            raise ValueError(
                f"The maps of layer {layer} must have the same shape. "
                f"Received: {a.shape} and {b.shape}. Pass as many images, of "
                "one size, for both."
            )
        squared = np.square(_unit(a, epsilon) - _unit(b, epsilon))
        if weights is not None:
            squared = squared * _checked_weights(weights, layer, a.shape[-1])
        total = total + squared.sum(axis=3).mean(axis=(1, 2))
    return total


def load_linear_weights(path: str | os.PathLike) -> list[np.ndarray]:
    """Loads the learned weights of a perceptual distance.

    Args:
        path: Path. A file of `numpy.savez` with one array per layer, named
            `layer_0`, `layer_1`, ...; axes of length 1, such as those of 1x1
            convolutions, are dropped.

    Returns:
        List of float64 arrays of shape `(channels,)`, one per layer.

    Raises:
        ValueError: If the names are others, or a weight is below 0 or not
            finite.

    Example:

    ```python
    np.savez("weights.npz", layer_0=np.ones(64), layer_1=np.ones(128))
    weights = load_linear_weights("weights.npz")
    ```
    """
    with np.load(path, allow_pickle=False) as file:
        names = [f"layer_{index}" for index in range(len(file.files))]
        if not names or set(names) != set(file.files):
            raise ValueError(
                "`path` must hold the arrays layer_0, layer_1, ... Received: "
                f"{sorted(file.files)} in {path}. Write it by `np.savez(path, "
                "layer_0=..., layer_1=...)`."
            )
        weights = [np.atleast_1d(np.squeeze(file[name])) for name in names]
    return [
        _checked_weights(weights, layer, values.size)
        for layer, values in enumerate(weights)
    ]


class PerceptualDistance:
    """Perceptual distance of images under an extractor.

    The values depend on the extractor and are relative, unless network and
    weights are those of a published metric.

    Args:
        extractor: `FeatureMapExtractor`, such as `RandomConvExtractor` or
            `ModelExtractor` with `layers`.
        weights: List of arrays of shape `(channels,)`, one per layer, as
            `load_linear_weights` returns. Defaults to 1.
        value_range: Tuple of floats. The values of black and white. Defaults to
            `(0, 255)` for uint8 and to `(0, 1)` for floating point images.

    Example:

    ```python
    distance = PerceptualDistance(RandomConvExtractor())
    images = np.random.default_rng(0).uniform(size=(2, 32, 32, 3))
    distance(images, images)  # [0.0, 0.0]
    ```
    """

    def __init__(
        self,
        extractor: Any,
        weights: Sequence[np.ndarray] | None = None,
        value_range: tuple[float, float] | None = None,
    ):
        if not hasattr(extractor, "feature_maps"):
            raise ValueError(
                "`extractor` must have feature maps. Received: "
                f"{type(extractor).__name__}, without `feature_maps`. Use one "
                "such as `RandomConvExtractor`."
            )
        self.extractor = extractor
        self.weights = weights
        self.value_range = value_range

    def __call__(self, images_a: Any, images_b: Any) -> np.ndarray:
        """Distances of pairs of images.

        Args:
            images_a: Array or tensor of shape
                `(pairs, height, width[, channels])`.
            images_b: Array or tensor of the same shape.

        Returns:
            float64 array of shape `(pairs,)`.
        """
        return perceptual_distance(
            self.extractor.feature_maps(images_a, self.value_range),
            self.extractor.feature_maps(images_b, self.value_range),
            self.weights,
        )


def squared_pixel_distance(images_a: Any, images_b: Any) -> np.ndarray:
    """Squared Euclidean distance of pairs of images, summed over the pixels.

    Args:
        images_a: Array of shape `(pairs, ...)`.
        images_b: Array of the same shape.

    Returns:
        float64 array of shape `(pairs,)`.

    Raises:
        ValueError: If the shapes differ.

    Example:

    ```python
    squared_pixel_distance(np.zeros((1, 2, 2)), np.ones((1, 2, 2)))  # [4.0]
    ```
    """
    a, b = np.asarray(images_a, np.float64), np.asarray(images_b, np.float64)
    if a.shape != b.shape:
        raise ValueError(
            "`images_a` and `images_b` must have the same shape. Received: "
            f"{a.shape} and {b.shape}."
        )
    return np.square(a - b).reshape(len(a), -1).sum(axis=1)


def pairwise_diversity(
    samples: np.ndarray, distance: Callable[[Any, Any], np.ndarray]
) -> PairwiseDiversity:
    """Mean distance of consecutive outputs for the same input.

    The paper compares 20 outputs of each of 100 inputs: 1,900 pairs.

    Args:
        samples: Array of shape `(inputs, outputs, height, width[, channels])`
            with at least 2 outputs per input.
        distance: Function of two arrays of images that returns one distance per
            pair, such as a `PerceptualDistance`.

    Returns:
        A `PairwiseDiversity`. The standard error is NaN for a single input.

    Raises:
        ValueError: If there are fewer than 2 outputs, or a distance is not
            finite.

    Example:

    ```python
    samples = np.random.default_rng(0).uniform(size=(5, 4, 8, 8, 1))
    pairwise_diversity(samples, squared_pixel_distance).per_input.shape  # (5,)
    ```

    Reference:

    - [Zhu et al., 2017](https://arxiv.org/abs/1711.11586)
    """
    if not isinstance(samples, np.ndarray):
        samples = keras.ops.convert_to_numpy(samples)
    if samples.ndim < 3 or samples.shape[1] < 2 or not len(samples):
        raise ValueError(
            "`samples` must have the shape (inputs, outputs, height, width, "
            "channels), with at least 2 outputs per input. Received: "
            f"samples.shape={samples.shape}."
        )
    per_input = np.array(
        [
            checked_distances(distance(outputs[:-1], outputs[1:]), outputs[1:])
            for outputs in samples
        ]
    ).mean(axis=1)
    error = np.nan
    if len(samples) > 1:
        error = per_input.std(ddof=1) / np.sqrt(len(samples))
    return PairwiseDiversity(float(per_input.mean()), float(error), per_input)


def _unit(maps: np.ndarray, epsilon: float) -> np.ndarray:
    length = np.sqrt(np.square(maps).sum(axis=-1, keepdims=True))
    return maps / (length + epsilon)


def _checked_weights(
    weights: Sequence[np.ndarray], layer: int, channels: int
) -> np.ndarray:
    name = f"weights[{layer}]"
    values = finite_array(name, weights[layer], ("channels",))
    if values.min() < 0.0 or len(values) != channels:
        raise ValueError(
            f"`{name}` must be >= 0, one per channel. Received: {len(values)} "
            f"weights from {values.min():.4g}, for {channels} channels."
        )
    return values


def checked_distances(distances: Any, images: np.ndarray) -> np.ndarray:
    """Checks the result of a distance function.

    Args:
        distances: Array. The result of a distance function.
        images: Array. One of its two arguments.

    Returns:
        float64 array of shape `(pairs,)`.

    Raises:
        ValueError: If it is not one finite value per pair.
    """
    distances = finite_array("distances", distances, ("pairs",))
    if len(distances) != len(images):
        raise ValueError(
            "`distance` must return one value per pair of images. Received: "
            f"{len(distances)} values for {len(images)} pairs."
        )
    return distances
