import keras
import numpy as np
import pytest

from keras_gen.metrics import FeatureExtractor, PixelExtractor
from keras_gen.metrics.extractors.base import (
    check_images,
    resize_bilinear,
    to_unit,
)


class Recorder(FeatureExtractor):
    """Remembers its batches; two features, three classes."""

    def __init__(self, batch_size=500):
        super().__init__(name="recorder", batch_size=batch_size)
        self.batches = []

    def prepare(self, images):
        return images[..., :1]

    def forward(self, images):
        self.batches.append(images)
        mean = images.mean(axis=(1, 2, 3))
        return np.stack([mean, -mean], 1), np.stack([mean, mean, 1 - mean], 1)


def test_batches_cover_all_images_in_order():
    images = np.random.default_rng(0).uniform(size=(10, 4, 5, 3))
    extractor = Recorder(batch_size=4)
    features, logits = extractor.features_and_logits(images)
    assert [len(batch) for batch in extractor.batches] == [4, 4, 2]
    assert extractor.batches[0].shape == (4, 4, 5, 1)
    mean = images[..., 0].mean(axis=(1, 2))
    np.testing.assert_allclose(features[:, 0], mean, rtol=1e-6)
    np.testing.assert_allclose(logits[:, 2], 1 - mean, rtol=1e-6)
    assert features.dtype == logits.dtype == np.float64
    np.testing.assert_array_equal(extractor.features(images), features)
    np.testing.assert_array_equal(extractor.logits(images), logits)


@pytest.mark.parametrize(
    ("images", "value_range"),
    [
        (np.array([0, 51, 255], "uint8"), None),
        (np.array([0.0, 0.2, 1.0]), None),
        (np.array([-1.0, -0.6, 1.0]), (-1, 1)),
        (np.array([0.0, 51.0, 255.0], "float32"), (0, 255)),
    ],
)
def test_value_range(images, value_range):
    images = images.reshape(3, 1, 1, 1)
    features = PixelExtractor().features(images, value_range)
    np.testing.assert_allclose(features, [[0.0], [0.2], [1.0]], atol=1e-6)


def test_accepts_tensors_and_images_without_channels():
    images = np.random.default_rng(1).uniform(size=(2, 4, 4)).astype("float32")
    tensor = keras.ops.convert_to_tensor(images)
    np.testing.assert_array_equal(
        PixelExtractor().features(tensor), images.reshape(2, 16)
    )


def test_slight_excess_is_clipped_and_another_range_refused():
    images = np.array([-0.2, 1.3]).reshape(2, 1, 1, 1)
    features = PixelExtractor().features(images)
    np.testing.assert_array_equal(features, [[0.0], [1.0]])
    with pytest.raises(ValueError, match=r"must lie in value_range=\(0, 1"):
        PixelExtractor().features(np.array([-1.0, 1.0]).reshape(2, 1, 1, 1))
    with pytest.raises(ValueError, match="from 0 to 255"):
        PixelExtractor().features(np.array([0.0, 255.0]).reshape(2, 1, 1, 1))


def test_refuses_what_are_no_images():
    with pytest.raises(ValueError, match=r"image\[None\]"):
        check_images(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="at least one image"):
        check_images(np.zeros((0, 4, 4, 1)))
    with pytest.raises(ValueError, match="NaN"):
        check_images(np.full((1, 4, 4, 1), np.nan))
    with pytest.raises(ValueError, match=r"\(low, high\)"):
        check_images(np.zeros((1, 4, 4, 1)), (1, -1))
    with pytest.raises(ValueError, match="must have classes .*'pixels'"):
        PixelExtractor().logits(np.zeros((1, 4, 4, 1)))
    with pytest.raises(ValueError, match="batch_size"):
        PixelExtractor(batch_size=0)


def test_to_unit_clips():
    scaled = to_unit(np.array([-3.0, -1.0, 0.5, 1.0, 2.0]), (-1, 1))
    np.testing.assert_allclose(scaled, [0.0, 0.0, 0.75, 1.0, 1.0])
    assert scaled.dtype == np.float32


def test_resize_is_bilinear_without_antialiasing():
    # Pixel centers of a 4-wide row in an 8-wide ramp lie between two pixels.
    ramp = np.arange(8.0, dtype="float32").reshape(1, 8, 1, 1)
    half = resize_bilinear(ramp, (4, 1))
    np.testing.assert_allclose(half[0, :, 0, 0], [0.5, 2.5, 4.5, 6.5])
    # A lone bright pixel between the points looked at leaves no trace; an
    # antialiasing filter would smear it.
    point = np.zeros((1, 16, 16, 1), "float32")
    point[0, 0, 0] = 1.0
    assert resize_bilinear(point, (4, 4)).max() == 0.0
    assert resize_bilinear(point, (16, 16)) is point
