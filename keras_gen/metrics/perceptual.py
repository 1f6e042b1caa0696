"""Perceptual distance of images, and the diversity of outputs it shows.

The distance compares the feature maps of a network, layer by layer: every
pixel's features are brought to unit length, their squared differences are
added over the channels (with weights, where these were learned), averaged
over the pixels and added over the layers (LPIPS: Zhang et al., "The
Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018,
https://arxiv.org/abs/1801.03924). The diversity of a translation is the mean
distance of two outputs for one input (Zhu et al., "Toward Multimodal
Image-to-Image Translation", 2017, https://arxiv.org/abs/1711.11586).
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.metrics.checks import finite_array

_MAP_AXES = ("images", "height", "width", "channels")


class PairwiseDiversity(NamedTuple):
    """What `pairwise_diversity` returns.

    Attributes:
        mean: Mean distance over all pairs; 0 if all outputs are alike.
        standard_error: Standard error of this mean, over the inputs.
        per_input: Mean distance of each input, float64 `(inputs,)`.
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
        maps_a: For each layer, an array `(images, height, width, channels)`;
            the sizes may differ from layer to layer.
        maps_b: The same for the other images, of the same shapes.
        weights: For each layer, weights `(channels,)` that are `>= 0`. By
            default all are 1.
        epsilon: What is added to the length that features are divided by.

    Returns:
        Float64 array `(images,)` of distances `>= 0`.

    Raises:
        ValueError: If layers, shapes or weights do not fit, a weight is below
            0, or values are not finite.

    Example:

    ```python
    a = [np.ones((2, 4, 4, 3)), np.ones((2, 2, 2, 8))]
    b = [2.0 * layer for layer in a]
    perceptual_distance(a, b)  # [0.0, 0.0]: a scale does not matter
    ```
    """
    if len(maps_a) != len(maps_b) or not len(maps_a):
        raise ValueError(
            "Expected the maps of the same layers, at least one, for both; "
            f"received {len(maps_a)} and {len(maps_b)} layers."
        )
    if weights is not None and len(weights) != len(maps_a):
        raise ValueError(
            f"Received weights for {len(weights)} layers, but the maps of "
            f"{len(maps_a)}. Use the layers that the weights were learned for."
        )
    total = 0.0
    for layer, (a, b) in enumerate(zip(maps_a, maps_b, strict=True)):
        a = finite_array(f"The maps of layer {layer}", a, _MAP_AXES)
        b = finite_array(f"The maps of layer {layer}", b, _MAP_AXES)
        if a.shape != b.shape:
            raise ValueError(
                f"The maps of layer {layer} have the shapes {a.shape} and "
                f"{b.shape}. Pass as many images, of one size, for both."
            )
        squared = np.square(_unit(a, epsilon) - _unit(b, epsilon))
        if weights is not None:
            squared = squared * _checked_weights(weights, layer, a.shape[-1])
        total = total + squared.sum(axis=3).mean(axis=(1, 2))
    return total


def load_linear_weights(path: str | os.PathLike) -> list[np.ndarray]:
    """Loads the learned weights of a perceptual distance.

    Args:
        path: A file of `numpy.savez` with one array per layer, named
            `layer_0`, `layer_1`, ...; axes of length 1, such as those of the
            1x1 convolutions that the weights come from, are dropped.

    Returns:
        A list of float64 arrays `(channels,)`, one per layer.

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
                f"Expected arrays named layer_0, layer_1, ... in {path}, "
                f"found {sorted(file.files)}. Write the file by "
                "`np.savez(path, layer_0=..., layer_1=...)`."
            )
        weights = [np.atleast_1d(np.squeeze(file[name])) for name in names]
    return [
        _checked_weights(weights, layer, values.size)
        for layer, values in enumerate(weights)
    ]


class PerceptualDistance:
    """Perceptual distance of images under an extractor.

    The values depend on the extractor and have a meaning relative to each
    other only, unless network and weights are those of a published metric.

    Args:
        extractor: An extractor with `feature_maps(images, value_range)`, such
            as `RandomConvExtractor` or `ModelExtractor` with `layers`.
        weights: For each layer, weights `(channels,)`, `>= 0`, as
            `load_linear_weights` returns; by default all are 1.
        value_range: Values of black and white. Defaults to `(0, 255)` for
            uint8 and to `(0, 1)` for floating point images.

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
                f"{type(extractor).__name__} has no `feature_maps`. Use an "
                "extractor that has, such as `RandomConvExtractor`."
            )
        self.extractor = extractor
        self.weights = weights
        self.value_range = value_range

    def __call__(self, images_a: Any, images_b: Any) -> np.ndarray:
        """Distances of pairs of images.

        Args:
            images_a: Images `(pairs, height, width[, channels])`.
            images_b: Images of the same shape.

        Returns:
            Float64 array `(pairs,)`.
        """
        return perceptual_distance(
            self.extractor.feature_maps(images_a, self.value_range),
            self.extractor.feature_maps(images_b, self.value_range),
            self.weights,
        )


def squared_pixel_distance(images_a: Any, images_b: Any) -> np.ndarray:
    """Squared Euclidean distance of pairs of images, added over the pixels.

    Args:
        images_a: Array `(pairs, ...)`.
        images_b: Array of the same shape.

    Returns:
        Float64 array `(pairs,)`.

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
            f"Images of shape {a.shape} cannot be compared with images of "
            f"shape {b.shape}."
        )
    return np.square(a - b).reshape(len(a), -1).sum(axis=1)


def pairwise_diversity(
    samples: np.ndarray, distance: Callable[[Any, Any], np.ndarray]
) -> PairwiseDiversity:
    """Mean distance of consecutive outputs for the same input.

    The paper compares 20 outputs of each of 100 inputs: 1,900 pairs.

    Args:
        samples: Array `(inputs, outputs, height, width[, channels])` with at
            least 2 outputs of each input.
        distance: Takes two arrays of images and returns one distance per
            pair, such as a `PerceptualDistance`.

    Returns:
        A `PairwiseDiversity` with the mean and its standard error, which is
        NaN for a single input.

    Raises:
        ValueError: If there are fewer than 2 outputs, or a distance is not
            finite.

    Example:

    ```python
    samples = np.random.default_rng(0).uniform(size=(5, 4, 8, 8, 1))
    pairwise_diversity(samples, squared_pixel_distance).per_input.shape  # (5,)
    ```
    """
    if not isinstance(samples, np.ndarray):
        samples = keras.ops.convert_to_numpy(samples)
    if samples.ndim < 3 or samples.shape[1] < 2 or not len(samples):
        raise ValueError(
            "Expected samples of shape (inputs, outputs, height, width, "
            "channels) with at least 2 outputs of each input, received "
            f"{samples.shape}."
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
    name = f"The weights of layer {layer}"
    values = finite_array(name, weights[layer], ("channels",))
    if values.min() < 0.0 or len(values) != channels:
        raise ValueError(
            f"{name} must be >= 0, one for each of the {channels} channels; "
            f"received {len(values)}, the smallest {values.min():.4g}."
        )
    return values


def checked_distances(distances: Any, images: np.ndarray) -> np.ndarray:
    """Checks what a distance function returned.

    Args:
        distances: What it returned.
        images: One of the two arrays of images it was given.

    Returns:
        Float64 array `(pairs,)`.

    Raises:
        ValueError: If it is not one finite number per pair.
    """
    distances = finite_array("The distances", distances, ("pairs",))
    if len(distances) != len(images):
        raise ValueError(
            f"`distance` returned {len(distances)} values for {len(images)} "
            "pairs of images. It must return one per pair."
        )
    return distances
