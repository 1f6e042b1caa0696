"""What turns images into features for a metric.

Numbers from different extractors cannot be compared, so every extractor has a
name that goes into each report and treats images in one documented way.
"""

from typing import Any

import keras
import numpy as np


class FeatureExtractor:
    """Base class of feature extractors.

    A subclass sets `name`, prepares a batch in `prepare` and computes in
    `forward`; this class checks the images, batches and collects.

    Args:
        name: Name in reports. If the extractor has weights that can vary, a
            hash of them belongs into it.
        batch_size: Number of images processed at a time.

    Example:

    ```python
    class MeanColour(FeatureExtractor):
        def forward(self, images):
            return images.mean(axis=(1, 2)), None

    extractor = MeanColour(name="mean-colour")
    extractor.features(np.zeros((5, 8, 8, 3))).shape  # (5, 3)
    ```
    """

    def __init__(self, name: str, batch_size: int = 500):
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1, received {batch_size}."
            )
        self.name = name
        self.batch_size = batch_size

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Brings images to the form that `forward` takes.

        Args:
            images: Float32 `(batch, height, width, channels)` in `[0, 1]`.

        Returns:
            The array given to `forward`; here the images as they are.
        """
        return images

    def forward(
        self, images: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Computes features and logits of one prepared batch.

        Args:
            images: What `prepare` returned.

        Returns:
            Features `(batch, dim)` and logits `(batch, classes)`, or None in
            place of the logits for an extractor that does not classify.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `forward(images)`, returning "
            "features and logits (or None)."
        )

    def resizer(self, height: int, width: int) -> str:
        """Says in words how images of a size are brought to the input size.

        Args:
            height: Height of the images in pixels.
            width: Width of the images in pixels.

        Returns:
            A short description for reports.
        """
        return "none"

    def features_and_logits(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Features and logits of images, in one pass.

        Args:
            images: Array or tensor `(samples, height, width, channels)`, or
                without channels for grey images.
            value_range: Values of black and white. Defaults to `(0, 255)` for
                uint8 and to `(0, 1)` for floating point images.

        Returns:
            Float64 features `(samples, dim)` and float64 logits
            `(samples, classes)`, or None in place of the latter.

        Raises:
            ValueError: If the images have another rank, are none, are not
                finite, or lie far outside of `value_range`.
        """
        images, value_range = check_images(images, value_range)
        features, logits = [], []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            outputs = self.forward(self.prepare(to_unit(batch, value_range)))
            features.append(np.asarray(outputs[0], dtype=np.float64))
            if outputs[1] is not None:
                logits.append(np.asarray(outputs[1], dtype=np.float64))
        return (
            np.concatenate(features),
            np.concatenate(logits) if logits else None,
        )

    def features(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Features of images, float64 `(samples, dim)`.

        Args:
            images: As for `features_and_logits`.
            value_range: As for `features_and_logits`.

        Returns:
            The features.
        """
        return self.features_and_logits(images, value_range)[0]

    def logits(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Logits of images, float64 `(samples, classes)`.

        Args:
            images: As for `features_and_logits`.
            value_range: As for `features_and_logits`.

        Returns:
            The logits.

        Raises:
            ValueError: If the extractor does not classify.
        """
        logits = self.features_and_logits(images, value_range)[1]
        if logits is None:
            raise ValueError(
                f"The extractor '{self.name}' has no classes, so there are no "
                "logits. Use one that classifies, such as `DigitsClassifier`."
            )
        return logits


class PixelExtractor(FeatureExtractor):
    """The pixels themselves as features, scaled to `[0, 1]`.

    Needs no training: for tests and for data that no network was trained on.

    Args:
        batch_size: Number of images processed at a time.

    Example:

    ```python
    PixelExtractor().features(np.ones((2, 4, 4, 1))).shape  # (2, 16)
    ```
    """

    def __init__(self, batch_size: int = 500):
        super().__init__(name="pixels", batch_size=batch_size)

    def forward(self, images: np.ndarray) -> tuple[np.ndarray, None]:
        return images.reshape(len(images), -1), None


def check_images(
    images: Any, value_range: tuple[float, float] | None = None
) -> tuple[np.ndarray, tuple[float, float]]:
    """Checks images and says what their value range is.

    Args:
        images: Array or tensor `(samples, height, width[, channels])`.
        value_range: Values of black and white; None as in
            `FeatureExtractor.features_and_logits`.

    Returns:
        The images as an array `(samples, height, width, channels)` of
        unchanged values, and their value range.

    Raises:
        ValueError: If the images have another rank, are none, are not
            finite, or lie further outside of the range than half its span.

    Example:

    ```python
    images, value_range = check_images(np.zeros((2, 4, 4), "uint8"))
    images.shape, value_range  # ((2, 4, 4, 1), (0.0, 255.0))
    ```
    """
    if not isinstance(images, np.ndarray):
        images = keras.ops.convert_to_numpy(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.size == 0:
        raise ValueError(
            "Expected at least one image, as (samples, height, width, "
            f"channels); received shape {images.shape}. For a single image, "
            "add an axis: `image[None]`."
        )
    if value_range is None:
        value_range = (0, 255) if images.dtype == np.uint8 else (0, 1)
    low, high = (float(value) for value in value_range)
    if not low < high:
        raise ValueError(
            f"`value_range` must be (low, high), received {value_range}."
        )
    smallest, largest = float(images.min()), float(images.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise ValueError(
            "The images contain NaN or infinity. Did the training diverge?"
        )
    slack = (high - low) / 2.0
    if smallest < low - slack or largest > high + slack:
        raise ValueError(
            f"The images have values from {smallest:.4g} to {largest:.4g}, "
            f"far outside of value_range=({low:g}, {high:g}). Pass the range "
            "they are in, such as `value_range=(-1, 1)` for a tanh output."
        )
    return images, (low, high)


def to_unit(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Maps images from `value_range` to `[0, 1]`, clipping what lies outside.

    Args:
        images: Array of any shape.
        value_range: Values that become 0 and 1.

    Returns:
        Float32 array of the same shape.

    Example:

    ```python
    to_unit(np.array([-1.0, 0.0, 1.0]), (-1, 1))  # [0.0, 0.5, 1.0]
    ```
    """
    low, high = value_range
    scaled = (images.astype(np.float32) - low) / (high - low)
    return np.clip(scaled, 0.0, 1.0)


def resize_bilinear(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes images bilinearly, with half-pixel centres, no antialiasing.

    Args:
        images: Float array `(batch, height, width, channels)`.
        size: Height and width of the result in pixels.

    Returns:
        Array `(batch, *size, channels)`; unchanged if the size fits already.

    Example:

    ```python
    resize_bilinear(np.zeros((2, 64, 64, 1), "float32"), (28, 28)).shape
    ```
    """
    if images.shape[1:3] == tuple(size):
        return images
    resized = keras.ops.image.resize(
        images,
        size,
        interpolation="bilinear",
        antialias=False,
        data_format="channels_last",
    )
    return keras.ops.convert_to_numpy(resized)
