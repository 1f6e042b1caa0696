"""Extractors from a given network or function, and from random weights.

`ModelExtractor` wraps any network; `RandomConvExtractor` needs no weights.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.checks import check_option
from keras_gen.metrics.extractors.base import (
    FeatureExtractor,
    check_images,
    resize_bilinear,
    to_unit,
)


class FeatureMapExtractor(FeatureExtractor):
    """Base class of extractors that also have feature maps.

    A subclass computes them in `forward_maps`.

    Args:
        name: String. The name in reports.
        batch_size: Integer. The number of images processed at a time.

    Example:

    ```python
    RandomConvExtractor().feature_maps(np.zeros((2, 32, 32, 3)))[0].shape
    # (2, 32, 32, 32)
    ```
    """

    def forward_maps(self, images: np.ndarray) -> Sequence[Any]:
        """Computes the feature maps of one prepared batch.

        Args:
            images: Array. The output of `prepare`.

        Returns:
            List of arrays of shape `(batch, height, width, channels)`, one per
            layer.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define `forward_maps(images)`, "
            "returning a list of arrays (batch, height, width, channels)."
        )

    def feature_maps(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> list[np.ndarray]:
        """Feature maps of images, the input of perceptual distances.

        Args:
            images: Array or tensor. As for `features_and_logits`.
            value_range: Tuple of floats. As for `features_and_logits`.

        Returns:
            List of float32 arrays of shape
            `(samples, height, width, channels)`, one per layer.

        Raises:
            ValueError: As for `features_and_logits`.
        """
        images, value_range = check_images(images, value_range)
        batches = []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            maps = self.forward_maps(self.prepare(to_unit(batch, value_range)))
            batches.append([_to_numpy(layer) for layer in maps])
        return [np.concatenate(layer) for layer in zip(*batches, strict=True)]


class ModelExtractor(FeatureMapExtractor):
    """Features from a Keras model or a function.

    Args:
        model: `keras.Model`, called in inference mode, or function of a float32
            array of shape `(batch, height, width, channels)`. It returns
            features of shape `(batch, ...)`, which are flattened, or
            `(features, logits)`.
        name: String. The name in reports. Defaults to the model's own with a
            hash of its weights; a function needs one.
        image_size: Tuple of integers. The height and width that images are
            resized to (bilinear, no antialiasing). Defaults to no resizing.
        channels: Integer, 1 or 3. The number of channels that the model takes:
            grayscale images are replicated to 3, colors are never averaged.
            Defaults to those of the images.
        value_range: Tuple of floats. The values of black and white that the
            model takes.
        layers: Sequence of strings. The names of the layers whose outputs are
            the feature maps; without, there are none.
        batch_size: Integer. The number of images processed at a time.

    Raises:
        ValueError: If a function has no name, or is given layers.

    Example:

    ```python
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    extractor = ModelExtractor(network, image_size=(8, 8), channels=3)
    extractor.features(np.zeros((2, 28, 28, 1))).shape  # (2, 192)
    ```
    """

    def __init__(
        self,
        model: keras.Model | Callable[[np.ndarray], Any],
        name: str | None = None,
        *,
        image_size: tuple[int, int] | None = None,
        channels: int | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        layers: Sequence[str] = (),
        batch_size: int = 500,
    ):
        is_model = isinstance(model, keras.Model)
        if not is_model and (name is None or layers):
            raise ValueError(
                "A function must have a `name` and no `layers`. Received: "
                f"{name=}, {layers=}."
            )
        check_option("channels", channels, (None, 1, 3))
        if name is None:
            name = f"{model.name}-{weights_hash(model)}"
        super().__init__(name=name, batch_size=batch_size)
        self.model = model
        self.image_size = image_size
        self.channels = channels
        self.value_range = value_range
        self._call = model.predict_on_batch if is_model else model
        self._maps = layer_outputs(model, layers) if layers else None

    def prepare(self, images: np.ndarray) -> np.ndarray:
        if self.channels is not None:
            images = match_channels(images, self.channels)
        if self.image_size is not None:
            images = resize_bilinear(images, self.image_size)
        low, high = self.value_range
        return images * np.float32(high - low) + np.float32(low)

    def forward(
        self, images: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        outputs = self._call(images)
        if not isinstance(outputs, list | tuple):
            outputs = (outputs, None)
        if len(outputs) != 2:
            raise ValueError(
                "`model` must return features, or features and logits. "
                f"Received: {len(outputs)} outputs of '{self.name}'."
            )
        features, logits = outputs
        features = _to_numpy(features).reshape(len(images), -1)
        return features, None if logits is None else _to_numpy(logits)

    def forward_maps(self, images: np.ndarray) -> list[np.ndarray]:
        if self._maps is None:
            raise ValueError(
                "`layers` must name the layers of the feature maps. Received: "
                f"the extractor '{self.name}' without `layers`."
            )
        return self._maps.predict_on_batch(images)

    def resizer(self, height: int, width: int) -> str:
        return describe_resize((height, width), self.image_size)


class RandomConvExtractor(FeatureMapExtractor):
    """Features of a small convolutional network with random weights.

    Three layers of 3x3 convolutions with 32, 64 and 128 filters and ReLU, the
    second and third with a stride of 2. The weights depend on the seed alone
    and are the same on every backend. It needs no data and no download: for
    tests, and for relative comparisons where there is no trained network.

    Args:
        seed: Integer. Seed of the weights.
        batch_size: Integer. The number of images processed at a time.

    Example:

    ```python
    extractor = RandomConvExtractor()
    images = np.random.default_rng(0).uniform(size=(2, 32, 32, 3))
    extractor.features(images).shape  # (2, 128)
    [maps.shape[-1] for maps in extractor.feature_maps(images)]  # [32, 64, 128]
    ```
    """

    def __init__(self, seed: int = 0, batch_size: int = 100):
        super().__init__(name=f"random-conv-seed{seed}", batch_size=batch_size)
        x = inputs = keras.Input((None, None, 3))
        maps = []
        for filters, strides in ((32, 1), (64, 2), (128, 2)):
            x = keras.layers.Conv2D(
                filters,
                3,
                strides,
                padding="same",
                activation="relu",
                data_format="channels_last",
                dtype="float32",
            )(x)
            maps.append(x)
        self.network = keras.Model(inputs, maps, name="random_conv")
        randomize_weights(self.network, seed)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        # Black and white at -1 and 1: with 0 for black, the filters, which
        # have no bias, would see nothing in it.
        return match_channels(images, 3) * np.float32(2.0) - np.float32(1.0)

    def forward(self, images: np.ndarray) -> tuple[np.ndarray, None]:
        last = _to_numpy(self.forward_maps(images)[-1])
        return last.mean(axis=(1, 2), dtype=np.float64), None

    def forward_maps(self, images: np.ndarray) -> list[np.ndarray]:
        return self.network.predict_on_batch(images)


def match_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Replicates grayscale images to the channels of a network.

    Args:
        images: Array of shape `(batch, height, width, 1 or channels)`.
        channels: Integer. The number of channels of the result.

    Returns:
        Array of shape `(batch, height, width, channels)`.

    Raises:
        ValueError: If the images have another number of channels.

    Example:

    ```python
    match_channels(np.zeros((2, 8, 8, 1)), 3).shape  # (2, 8, 8, 3)
    ```
    """
    if images.shape[-1] == channels:
        return images
    if images.shape[-1] == 1:
        return np.repeat(images, channels, axis=-1)
    raise ValueError(
        f"`images` must have {channels} channels, or 1. Received: "
        f"images.shape={images.shape}. Convert them first."
    )


def describe_resize(
    size: tuple[int, int], target: tuple[int, int] | None
) -> str:
    """Describes how images of a size are resized to another.

    Args:
        size: Tuple of integers. The height and width of the images.
        target: Tuple of integers. The height and width that the network takes;
            None for any.

    Returns:
        String. A short description for reports.

    Example:

    ```python
    describe_resize((32, 32), (299, 299))
    # 'bilinear to 299x299 without antialiasing'
    ```
    """
    if target is None or tuple(size) == tuple(target):
        return "none"
    return f"bilinear to {target[0]}x{target[1]} without antialiasing"


def layer_outputs(model: keras.Model, layers: Sequence[str]) -> keras.Model:
    """A model with the same layers that returns the outputs of some of them.

    Args:
        model: `keras.Model`, functional or sequential.
        layers: Sequence of strings. The names of its layers.

    Returns:
        A `keras.Model` with a list of outputs, sharing the weights.

    Raises:
        ValueError: If there is no layer of such a name.

    Example:

    ```python
    network = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="first")]
    )
    layer_outputs(network, ["first"])
    ```
    """
    known = [layer.name for layer in model.layers]
    missing = [name for name in layers if name not in known]
    if missing:
        raise ValueError(
            f"`layers` must be among {known}. Received: {missing}, which "
            f"'{model.name}' does not have."
        )
    return keras.Model(
        model.input, [model.get_layer(name).output for name in layers]
    )


def randomize_weights(model: keras.Model, seed: int) -> None:
    """Initializes the kernels of a model He-normally, by NumPy.

    The same seed gives the same weights on every backend. Vectors, such as
    biases and the statistics of normalization, are unchanged.

    Args:
        model: `keras.Model`, built.
        seed: Integer. Seed of the weights.

    Example:

    ```python
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    randomize_weights(network, seed=0)
    ```
    """
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            fan_in = np.prod(variable.shape[:-1])
            values = rng.standard_normal(variable.shape, dtype=np.float32)
            variable.assign(values * np.float32(np.sqrt(2.0 / fan_in)))


def weights_hash(model: keras.Model) -> str:
    """A short hash of a model's weights, for names in reports.

    Args:
        model: `keras.Model`, built.

    Returns:
        String of 8 hexadecimal digits.

    Example:

    ```python
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    len(weights_hash(network))  # 8
    ```
    """
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:8]


def _to_numpy(values: Any) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return values
    return keras.ops.convert_to_numpy(values)
