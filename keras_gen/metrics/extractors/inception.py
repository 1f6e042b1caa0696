"""Inception-v3, the usual feature extractor for generated photographs.

The network is that of `keras.applications` with its weights for the 1,000
classes of ImageNet. The literature's Fréchet distances and Inception scores
come from another set of weights, a TensorFlow graph of December 2015 with
1,008 outputs, and from its own way of resizing: values of the two are not
comparable.
"""

import hashlib
import os
from pathlib import Path

import keras
import numpy as np

from keras_gen.metrics.extractors.base import resize_bilinear
from keras_gen.metrics.extractors.models import (
    FeatureMapExtractor,
    describe_resize,
    layer_outputs,
    match_channels,
    randomize_weights,
    weights_hash,
)

_SIZE = (299, 299)
_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
_FILE_MD5 = "9a0d58056eeedaa3f26cb7ebd46da564"
_MAP_LAYERS = ("mixed2", "mixed7", "mixed10")
_ADVICE = (
    f"Put the file {_FILE} of keras.applications into ~/.keras/models, or pass "
    "its path as `weights`. Digits are better evaluated by `DigitsClassifier`, "
    "which trains itself; `RandomConvExtractor` needs no weights at all."
)


class InceptionV3Extractor(FeatureMapExtractor):
    """Features (2,048) and logits (1,000) of Inception-v3, in one pass.

    Images are resized to 299x299 (bilinear, no antialiasing) and scaled to
    `[-1, 1]`; grayscale ones are replicated to 3 channels. The features are the
    global average pool of the last maps, the logits include their bias. The
    feature maps are those after the blocks 2, 7 and 10.

    The name in reports is `keras-inception-v3`, with a hash of the weights if
    they are not the published ones.

    Args:
        weights: `"imagenet"`, path or None. The published weights, downloaded
            once by Keras; a file with weights of the whole network, classes
            included; or random weights, for tests.
        seed: Integer. Seed of random weights.
        batch_size: Integer. The number of images processed at a time.

    Raises:
        FileNotFoundError: If `weights` is a path and there is no file.
        RuntimeError: If the published weights cannot be loaded.
        ValueError: If the file does not hold weights of this network.

    Example:

    ```python
    extractor = InceptionV3Extractor()
    images = np.zeros((2, 32, 32, 3), "uint8")
    features, logits = extractor.features_and_logits(images)
    features.shape, logits.shape  # ((2, 2048), (2, 1000))
    ```

    Reference:

    - [Szegedy et al., 2015](https://arxiv.org/abs/1512.00567)
    """

    def __init__(
        self,
        weights: str | os.PathLike | None = "imagenet",
        *,
        seed: int = 0,
        batch_size: int = 32,
    ):
        super().__init__(name="keras-inception-v3", batch_size=batch_size)
        classifier = _build(weights)
        if weights is None:
            randomize_weights(classifier, seed)
        if weights is None or not _is_published(weights):
            self.name += f"-{weights_hash(classifier)}"
        pool = classifier.get_layer("avg_pool")
        self.network = keras.Model(
            classifier.input, [pool.output, classifier.output]
        )
        self._maps = layer_outputs(classifier, _MAP_LAYERS)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        images = resize_bilinear(match_channels(images, 3), _SIZE)
        return images * np.float32(2.0) - np.float32(1.0)

    def forward(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        features, logits = self.network.predict_on_batch(images)
        return features, logits

    def forward_maps(self, images: np.ndarray) -> list[np.ndarray]:
        return self._maps.predict_on_batch(images)

    def resizer(self, height: int, width: int) -> str:
        return describe_resize((height, width), _SIZE)


def _build(weights: str | os.PathLike | None) -> keras.Model:
    options = {"include_top": True, "classifier_activation": None}
    if weights is None:
        return keras.applications.InceptionV3(weights=None, **options)
    if weights == "imagenet":
        try:
            return keras.applications.InceptionV3(weights="imagenet", **options)
        # Keras raises a bare Exception where a download fails.
        except Exception as error:
            raise RuntimeError(
                "The weights of Inception-v3 must be in Keras' cache, or be "
                f"downloaded. Received: {type(error).__name__}: {error}. "
                f"{_ADVICE}"
            ) from error
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"`weights` must be the path of a file. Received: weights={path}. "
            f"{_ADVICE}"
        )
    network = keras.applications.InceptionV3(weights=None, **options)
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            "`weights` must hold the whole Inception-v3, classes included, "
            f"unlike files named `_notop`. Received: weights={path}, with "
            f"{str(error).splitlines()[0]} {_ADVICE}"
        ) from error
    return network


def _is_published(weights: str | os.PathLike) -> bool:
    if weights == "imagenet":
        return True
    with open(weights, "rb") as file:
        digest = hashlib.file_digest(
            file, lambda: hashlib.md5(usedforsecurity=False)
        )
    return digest.hexdigest() == _FILE_MD5
