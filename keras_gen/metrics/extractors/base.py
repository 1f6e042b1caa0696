"""Feature extractors: from images to features and logits.

Values of different extractors cannot be compared, so every extractor has a
name that is part of each report and preprocesses images in one documented way.
"""

from typing import Any

import keras
import numpy as np

from keras_gen.checks import check_positive
from keras_gen.progress import reported


class FeatureExtractor:
    """Base class of feature extractors.

    A subclass preprocesses a batch in `prepare` and computes its features in
    `forward`; this class checks the images, batches them and concatenates the
    results.

    Args:
        name: String. The name in reports. If the weights can vary, it should
            include a hash of them.
        batch_size: Integer. The number of images processed at a time.

    Example:

    ```python
    class MeanColor(FeatureExtractor):
        def forward(self, images):
            return images.mean(axis=(1, 2)), None

    extractor = MeanColor(name="mean-color")
    extractor.features(np.zeros((5, 8, 8, 3))).shape  # (5, 3)
    ```
    """

    def __init__(self, name: str, batch_size: int = 500):
        check_positive(batch_size=batch_size)
        self.name = name
        self.batch_size = batch_size

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Preprocesses images for `forward`.

        Args:
            images: float32 array of shape `(batch, height, width, channels)`,
                in `[0, 1]`.

        Returns:
            Array. The input of `forward`; here the images unchanged.
        """
        return images

    def forward(
        self, images: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Computes features and logits of one prepared batch.

        Args:
            images: Array. The output of `prepare`.

        Returns:
            Features of shape `(batch, dim)` and logits of shape
            `(batch, classes)`, or None in place of the logits for an extractor
            that does not classify.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `forward(images)`, returning "
            "features and logits (or None)."
        )

    def resizer(self, height: int, width: int) -> str:
        """Describes how images of a size are resized to the input size.

        Args:
            height: Integer. The height of the images in pixels.
            width: Integer. The width of the images in pixels.

        Returns:
            String. A short description for reports.
        """
        return "none"

    def features_and_logits(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Features and logits of images, in one pass.

        Args:
            images: Array or tensor of shape
                `(samples, height, width, channels)`, or without channels for
                grayscale images.
            value_range: Tuple of floats. The values of black and white.
                Defaults to `(0, 255)` for uint8 and to `(0, 1)` for floating
                point images.

        Returns:
            float64 features of shape `(samples, dim)` and float64 logits of
            shape `(samples, classes)`, or None in place of the latter.

        Raises:
            ValueError: If the images have another rank, are none, are not
                finite, or lie far outside of `value_range`.
        """
        images, value_range = check_images(images, value_range)
        features, logits = [], []
        starts = range(0, len(images), self.batch_size)
        batches = (images[i : i + self.batch_size] for i in starts)
        for batch in reported(batches, len(images), "Features"):
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
        """Features of images, float64 of shape `(samples, dim)`.

        Args:
            images: Array or tensor. As for `features_and_logits`.
            value_range: Tuple of floats. As for `features_and_logits`.

        Returns:
            Array.
        """
        return self.features_and_logits(images, value_range)[0]

    def logits(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Logits of images, float64 of shape `(samples, classes)`.

        Args:
            images: Array or tensor. As for `features_and_logits`.
            value_range: Tuple of floats. As for `features_and_logits`.

        Returns:
            Array.

        Raises:
            ValueError: If the extractor does not classify.
        """
        logits = self.features_and_logits(images, value_range)[1]
        if logits is None:
            raise ValueError(
                "`extractor` must have classes to compute logits. Received: "
                f"'{self.name}'. Use one that classifies, such as "
                "`DigitsClassifier`."
            )
        return logits


class PixelExtractor(FeatureExtractor):
    """The pixels themselves as features, scaled to `[0, 1]`.

    Needs no training: for tests and for data that no network was trained on.

    Args:
        batch_size: Integer. The number of images processed at a time.

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
    """Checks images and returns them with their value range.

    Args:
        images: Array or tensor of shape `(samples, height, width[, channels])`.
        value_range: Tuple of floats. The values of black and white; None as in
            `FeatureExtractor.features_and_logits`.

    Returns:
        The images as an array of shape `(samples, height, width, channels)` of
        unchanged values, and their value range.

    Raises:
        ValueError: If the images have another rank, are none, are not finite,
            or lie outside of the range by more than half its width.

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
            "`images` must be at least one image, of shape (samples, height, "
            f"width, channels). Received: images.shape={images.shape}. Add an "
            "axis to a single image: `image[None]`."
        )
    if value_range is None:
        value_range = (0, 255) if images.dtype == np.uint8 else (0, 1)
    low, high = (float(value) for value in value_range)
    if not low < high:
        raise ValueError(
            f"`value_range` must be (low, high). Received: {value_range=}."
        )
    smallest, largest = float(images.min()), float(images.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise ValueError(
            "`images` must be finite. Received: NaN or infinity. Check the "
            "training for divergence."
        )
    slack = (high - low) / 2.0
    if smallest < low - slack or largest > high + slack:
        raise ValueError(
            f"`images` must lie in value_range=({low:g}, {high:g}). Received: "
            f"values from {smallest:.4g} to {largest:.4g}. Pass their range, "
            "such as `value_range=(-1, 1)` for a tanh output."
        )
    return images, (low, high)


def to_unit(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Maps images from `value_range` to `[0, 1]`, clipping what lies outside.

    Args:
        images: Array of any shape.
        value_range: Tuple of floats. The values that become 0 and 1.

    Returns:
        float32 array of the same shape.

    Example:

    ```python
    to_unit(np.array([-1.0, 0.0, 1.0]), (-1, 1))  # [0.0, 0.5, 1.0]
    ```
    """
    low, high = value_range
    scaled = (images.astype(np.float32) - low) / (high - low)
    return np.clip(scaled, 0.0, 1.0)


def resize_bilinear(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes images bilinearly, with half-pixel centers, no antialiasing.

    Args:
        images: Float array of shape `(batch, height, width, channels)`.
        size: Tuple of integers. The height and width of the result.

    Returns:
        Array of shape `(batch, *size, channels)`; unchanged if it has this size
        already.

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
