import keras
import numpy as np
import pytest

from keras_gen.metrics.extractors.models import (
    FeatureMapExtractor,
    ModelExtractor,
    RandomConvExtractor,
    weights_hash,
)


def small_network():
    inputs = keras.Input((4, 4, 3))
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(inputs)
    features = keras.layers.Flatten(name="flat")(maps)
    logits = keras.layers.Dense(5, use_bias=False, name="dense")(features)
    model = keras.Model(inputs, [features, logits], name="small")
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def test_model():
    model = small_network()
    extractor = ModelExtractor(model, layers=["maps", "dense"], batch_size=3)
    assert extractor.name == f"small-{weights_hash(model)}"
    images = np.random.default_rng(1).uniform(size=(7, 4, 4, 3))
    features, logits = extractor.features_and_logits(images)
    kernel, dense = (
        weights.astype("float64") for weights in model.get_weights()
    )
    maps = images @ kernel[0, 0]
    np.testing.assert_allclose(
        features, maps.reshape(7, -1), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        logits, maps.reshape(7, -1) @ dense, rtol=1e-4, atol=1e-5
    )
    found = extractor.feature_maps(images)
    assert [layer.shape for layer in found] == [(7, 4, 4, 2), (7, 5)]
    np.testing.assert_allclose(found[0], maps, rtol=1e-5, atol=1e-6)


def test_images_are_brought_to_what_the_model_takes():
    seen = []

    def function(images):
        seen.append(images)
        return images[:, :2, :2]

    extractor = ModelExtractor(
        function, "f", image_size=(4, 4), channels=3, value_range=(-1, 1)
    )
    images = np.full((2, 8, 8), 51, "uint8")
    features = extractor.features(images)
    assert seen[0].shape == (2, 4, 4, 3) and seen[0].dtype == np.float32
    np.testing.assert_allclose(seen[0], -0.6, atol=1e-6)
    # Whatever the features' shape, there is one vector per image.
    assert features.shape == (2, 12)
    assert extractor.resizer(8, 8) == "bilinear to 4x4 without antialiasing"
    assert extractor.resizer(4, 4) == "none"
    with pytest.raises(ValueError, match="must have classes .*'f'"):
        extractor.logits(images)


def test_dropout_is_off():
    layers = [keras.Input((4, 4, 1)), keras.layers.Flatten()]
    network = keras.Sequential([*layers, keras.layers.Dropout(0.5, seed=0)])
    images = np.ones((3, 4, 4, 1))
    features = ModelExtractor(network).features(images)
    np.testing.assert_array_equal(features, np.ones((3, 16)))


def test_function_with_logits_and_tensors():
    def function(images):
        flat = keras.ops.reshape(images, (-1, 16))
        return flat, 2.0 * flat

    extractor = ModelExtractor(function, "f")
    images = np.random.default_rng(2).uniform(size=(3, 4, 4, 1))
    features, logits = extractor.features_and_logits(images)
    np.testing.assert_allclose(features, images.reshape(3, 16), rtol=1e-6)
    np.testing.assert_allclose(logits, 2 * features)


def test_random_convolutions():
    images = np.random.default_rng(3).uniform(size=(5, 12, 10, 3))
    extractor = RandomConvExtractor(batch_size=2)
    assert extractor.name == "random-conv-seed0"
    features = extractor.features(images)
    maps = extractor.feature_maps(images)
    assert [layer.shape for layer in maps] == [
        (5, 12, 10, 32),
        (5, 6, 5, 64),
        (5, 3, 3, 128),
    ]
    np.testing.assert_allclose(features, maps[-1].mean((1, 2)), rtol=1e-5)
    # The weights are NumPy's, the same on every backend: He-normal.
    kernel = np.random.default_rng(0).standard_normal((3, 3, 3, 32), "float32")
    padded = np.pad(2 * images - 1, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    first = np.einsum("nhwcij,ijck->nhwk", windows, kernel * np.sqrt(2 / 27))
    np.testing.assert_allclose(maps[0], np.maximum(first, 0), atol=1e-5)
    again = RandomConvExtractor().features(images)
    np.testing.assert_allclose(again, features, rtol=1e-5, atol=1e-6)
    other = RandomConvExtractor(seed=1).features(images)
    assert np.abs(other - features).max() > 0.1
    # Gray counts as three equal channels.
    gray = images[..., :1]
    np.testing.assert_array_equal(
        extractor.features(gray), extractor.features(gray.repeat(3, -1))
    )


def test_refuses_what_is_no_extractor():
    images = np.zeros((2, 4, 4, 3))
    with pytest.raises(
        ValueError, match="A function must have a `name`.*name=None"
    ):
        ModelExtractor(lambda images: images)
    with pytest.raises(ValueError, match="no `layers`"):
        ModelExtractor(lambda images: images, "f", layers=["maps"])
    with pytest.raises(
        ValueError, match="`layers` must be among .*maps.*Received: .'other'"
    ):
        ModelExtractor(small_network(), layers=["other"])
    with pytest.raises(
        ValueError, match="`channels` must be one of .*channels=2"
    ):
        ModelExtractor(small_network(), channels=2)
    with pytest.raises(ValueError, match="`layers` must name the layers"):
        ModelExtractor(small_network()).feature_maps(images)
    with pytest.raises(ValueError, match=r"must have 3 channels.*4, 2\)"):
        RandomConvExtractor().features(images[..., :2])
    with pytest.raises(ValueError, match="Received: 3 outputs of 'f'"):
        ModelExtractor(lambda images: (images,) * 3, "f").features(images)
    with pytest.raises(ValueError, match="NaN"):
        RandomConvExtractor().feature_maps(np.full_like(images, np.nan))
    with pytest.raises(NotImplementedError, match="`forward_maps"):
        FeatureMapExtractor("f").feature_maps(images)
