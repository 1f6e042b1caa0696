"""A small classifier of handwritten digits, for experiments on MNIST.

It takes the place of Inception-v3: its classes give the MNIST score and the
coverage, its last hidden layer the features of a Fréchet distance. The network
resembles LeNet-5 (LeCun et al., "Gradient-Based Learning Applied to Document
Recognition", 1998). It is trained on first use, in a minute or two, and
cached.
"""

import os
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.checks import check_option
from keras_gen.metrics.extractors.base import FeatureExtractor, resize_bilinear
from keras_gen.metrics.extractors.cache import trained_once
from keras_gen.metrics.extractors.models import weights_hash

# Part of the name of a cache file: raise it when network or training change.
ARCHITECTURE_VERSION = 1


class _Training(NamedTuple):
    epochs: int
    batch_size: int


_TRAINING = {
    "mnist": _Training(epochs=4, batch_size=128),
    "digits": _Training(epochs=40, batch_size=32),
}


class DigitsClassifier(FeatureExtractor):
    """Features and classes of handwritten digits.

    Made by `DigitsClassifier.get`, which trains or loads the network. Digits
    should be white on black, as in MNIST. Images of 28x28 are padded by 2 black
    pixels, images of 32x32 are unchanged, others are resized to 28x28
    (bilinear, no antialiasing) and padded.

    Args:
        network: `keras.Model` from images of shape `(batch, 32, 32, 1)` in
            `[0, 1]` to features of shape `(batch, 128)` and logits of shape
            `(batch, 10)`.
        dataset: String. The name of the data set that it was trained on.
        batch_size: Integer. The number of images processed at a time.

    Example:

    ```python
    classifier = DigitsClassifier.get("digits")
    images = np.zeros((3, 28, 28, 1), "uint8")
    classifier.features(images).shape  # (3, 128)
    classifier.classify(images).shape  # (3,)
    ```
    """

    def __init__(
        self, network: keras.Model, dataset: str, batch_size: int = 500
    ):
        super().__init__(
            name=(
                f"digits-classifier-{dataset}-v{ARCHITECTURE_VERSION}-"
                f"{weights_hash(network)}"
            ),
            batch_size=batch_size,
        )
        self.network = network

    @classmethod
    def get(
        cls,
        dataset: str = "mnist",
        data_dir: str | os.PathLike | None = None,
        *,
        epochs: int | None = None,
        seed: int = 0,
        batch_size: int = 500,
        cache_dir: str | os.PathLike | None = None,
        verbose: int = 1,
    ) -> "DigitsClassifier":
        """Loads the classifier from the cache, or trains and caches it.

        Args:
            dataset: String. `"mnist"`, or `"digits"` for scikit-learn's digits,
                which need no download.
            data_dir: Path. Where TensorFlow Datasets finds or puts `"mnist"`;
                only used for training.
            epochs: Integer. The number of epochs; the default reaches 99 % on
                MNIST's test set. Other numbers are cached separately.
            seed: Integer. Seed of the weights and the order of the data.
            batch_size: Integer. The number of images that the extractor
                processes at a time.
            cache_dir: Path. The folder of the cache. Defaults to the
                environment variable `KERAS_GEN_CACHE`, then to
                `~/.cache/keras_gen`.
            verbose: Integer. 0 trains silently, 1 shows a progress bar, 2 a
                line per epoch.

        Returns:
            A `DigitsClassifier`.

        Raises:
            ValueError: If the data set is another.
        """
        check_option("dataset", dataset, sorted(_TRAINING))
        training = _TRAINING[dataset]
        if epochs is not None:
            training = training._replace(epochs=epochs)

        def train(network):
            images = _load_images(dataset, "train", data_dir)
            _fit(network, *images, training, seed, verbose)
            if verbose:
                classifier = cls(network, dataset, batch_size)
                test = _load_images(dataset, "test", data_dir)
                print(f"Test accuracy: {classifier.accuracy(*test):.4f}")

        network = trained_once(
            f"digits_classifier_{dataset}_v{ARCHITECTURE_VERSION}_"
            f"epochs{training.epochs}_seed{seed}",
            lambda: build_lenet(seed=seed),
            train,
            what=f"{dataset} classifier",
            cache_dir=cache_dir,
            verbose=verbose,
        )
        return cls(network, dataset, batch_size)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        if images.shape[-1] != 1:
            raise ValueError(
                "`images` must be grayscale, with 1 channel. Received: images "
                f"with {images.shape[-1]} channels. Average them: "
                "`images.mean(axis=-1, keepdims=True)`."
            )
        return to_network_size(images)

    def forward(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, logits = self.network.predict_on_batch(images)
        return features, logits

    def resizer(self, height: int, width: int) -> str:
        if (height, width) == (32, 32):
            return "none"
        if (height, width) == (28, 28):
            return "border of 2"
        return "bilinear to 28x28 without antialiasing, border of 2"

    def classify(
        self,
        images: Any,
        value_range: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Predicts the digits in images.

        Args:
            images: Array or tensor. As for `features_and_logits`.
            value_range: Tuple of floats. As for `features_and_logits`.

        Returns:
            Integer array of shape `(samples,)`.
        """
        return self.logits(images, value_range).argmax(axis=1)

    def accuracy(
        self,
        images: Any,
        labels: np.ndarray,
        value_range: tuple[float, float] | None = None,
    ) -> float:
        """Fraction of images classified as their label.

        On real data it evaluates the classifier, on samples of a conditional
        model their agreement with the condition.

        Args:
            images: Array or tensor. As for `features_and_logits`.
            labels: Integer array of shape `(samples,)`.
            value_range: Tuple of floats. As for `features_and_logits`.

        Returns:
            Float in `[0, 1]`. The accuracy.

        Raises:
            ValueError: If there is not one label per image.
        """
        predicted = self.classify(images, value_range)
        labels = np.asarray(labels)
        if labels.shape != predicted.shape:
            raise ValueError(
                "`labels` must hold one label per image. Received: "
                f"labels.shape={labels.shape} for {len(predicted)} images."
            )
        return float((predicted == labels).mean())


def build_lenet(seed: int = 0) -> keras.Model:
    """The network: conv 32, pool, conv 64, pool, dense 128, dense 10.

    Args:
        seed: Integer. Seed of the initial weights.

    Returns:
        `keras.Model` from images of shape `(batch, 32, 32, 1)` in `[0, 1]` to
        features of shape `(batch, 128)` and logits of shape `(batch, 10)`.

    Example:

    ```python
    features, logits = build_lenet()(np.zeros((1, 32, 32, 1)))
    ```
    """
    seeds = iter(range(4 * seed, 4 * seed + 4))

    def options(activation):
        return {
            "activation": activation,
            "dtype": "float32",
            "kernel_initializer": keras.initializers.HeNormal(next(seeds)),
        }

    channels_last = {"data_format": "channels_last"}
    inputs = keras.Input((32, 32, 1))
    x = inputs
    for filters in (32, 64):
        x = keras.layers.Conv2D(filters, 5, **channels_last, **options("relu"))(
            x
        )
        x = keras.layers.MaxPooling2D(2, **channels_last, dtype="float32")(x)
    x = keras.layers.Flatten(**channels_last, dtype="float32")(x)
    features = keras.layers.Dense(128, **options("relu"), name="features")(x)
    logits = keras.layers.Dense(10, **options(None), name="logits")(features)
    return keras.Model(inputs, [features, logits], name="digits_classifier")


def to_network_size(images: np.ndarray) -> np.ndarray:
    """Pads or resizes images to 32x32, as `DigitsClassifier` describes.

    Args:
        images: Float array of shape `(batch, height, width, 1)`, in `[0, 1]`.

    Returns:
        Array of shape `(batch, 32, 32, 1)`.

    Example:

    ```python
    to_network_size(np.ones((1, 28, 28, 1), "float32")).shape
    ```
    """
    if images.shape[1:3] == (32, 32):
        return images
    images = resize_bilinear(images, (28, 28))
    return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))


class _ShiftedBatches(keras.utils.PyDataset):
    """Shuffled batches of images, randomly shifted by up to 2 pixels.

    The order and the shifts depend on seed and epoch alone; global random
    states are unchanged.
    """

    def __init__(self, images, labels, batch_size, seed):
        super().__init__()
        padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
        # (samples, 5, 5, 1, 32, 32): all shifts of each image, as views.
        self._shifts = np.lib.stride_tricks.sliding_window_view(
            padded, images.shape[1:3], axis=(1, 2)
        )
        self._labels = labels
        self._batch_size = batch_size
        self._rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self._labels) // self._batch_size)

    def on_epoch_end(self):
        count = len(self._labels)
        self._order = self._rng.permutation(count)
        self._positions = self._rng.integers(0, 5, size=(2, count))

    def __getitem__(self, index):
        block = slice(index * self._batch_size, (index + 1) * self._batch_size)
        rows = self._order[block]
        down, right = self._positions[:, block]
        images = self._shifts[rows, down, right]
        return np.moveaxis(images, 1, -1), self._labels[rows]


def _fit(network, images, labels, training, seed, verbose):
    images = to_network_size(images.astype(np.float32) / 255.0)
    batches = _ShiftedBatches(images, labels, training.batch_size, seed)
    # A wrapper around the same layers, so that no optimizer is saved.
    trainer = keras.Model(network.inputs, network.outputs[1])
    trainer.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                1e-3, training.epochs * len(batches)
            )
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    trainer.fit(batches, epochs=training.epochs, shuffle=False, verbose=verbose)


def _load_images(dataset, split, data_dir):
    from keras_gen.data import load

    if data_dir is not None:
        data_dir = os.fspath(data_dir)
    batches = load(dataset, split, data_dir=data_dir).batch(1000)
    images, labels = [], []
    for batch in batches.as_numpy_iterator():
        images.append(batch["image"])
        labels.append(batch["label"])
    return np.concatenate(images), np.concatenate(labels).astype(np.int32)
