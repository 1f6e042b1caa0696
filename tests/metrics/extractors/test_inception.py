import keras
import numpy as np
import pytest

from keras_gen.metrics.extractors import inception
from keras_gen.metrics.extractors.inception import InceptionV3Extractor
from keras_gen.metrics.extractors.models import weights_hash


class Recorder:
    """A network in place of the large one, which remembers its images."""

    def __init__(self):
        self.images = []

    def predict_on_batch(self, images):
        self.images.append(images)
        return np.zeros((len(images), 2048)), np.zeros((len(images), 1000))


@pytest.fixture(scope="module", autouse=True)
def quick_initial_weights():
    # The weights are replaced as soon as the network is built, and drawing
    # them first takes longer than all else.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            keras.initializers.VarianceScaling,
            "__call__",
            lambda self, shape, **options: np.zeros(shape, "float32"),
        )
        yield


@pytest.fixture(scope="module")
def extractor():
    return InceptionV3Extractor(weights=None, batch_size=1)


def test_one_network_for_features_and_logits(extractor):
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), "uint8")
    features, logits = extractor.features_and_logits(images)
    assert features.shape == (2, 2048) and logits.shape == (2, 1000)
    assert features.dtype == logits.dtype == np.float64
    # The logits are a linear function of the features: no softmax.
    kernel, bias = extractor.network.get_layer("predictions").get_weights()
    np.testing.assert_allclose(
        logits, features @ kernel + bias, rtol=1e-3, atol=1e-4
    )
    assert np.abs(logits.sum(axis=1) - 1).min() > 1e-3
    # The images are not all alike to it.
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_images_are_prepared(extractor, monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(extractor, "network", recorder)
    images = np.random.default_rng(1).uniform(size=(1, 150, 150, 1))
    extractor.features(images)
    extractor.features(np.full((1, 32, 32), 51, "uint8"))
    resized, gray = recorder.images
    assert resized.shape == gray.shape == (1, 299, 299, 3)
    assert resized.dtype == np.float32
    # Black and white at -1 and 1; all channels alike.
    np.testing.assert_allclose(gray, -0.6, atol=1e-6)
    np.testing.assert_allclose(resized[..., 0], resized[..., 2], atol=1e-6)
    # Bilinear with half-pixel centers: the middle pixel, 149, has its center
    # on the border of two pixels of each side.
    middle = 2 * images[0, 74:76, 74:76].mean() - 1
    assert resized[0, 149, 149, 0] == pytest.approx(middle, abs=1e-5)
    resizer = "bilinear to 299x299 without antialiasing"
    assert extractor.resizer(32, 32) == resizer
    assert extractor.resizer(299, 299) == "none"


def test_layers_of_the_feature_maps(extractor):
    shapes = [tuple(maps.shape[1:]) for maps in extractor._maps.outputs]
    assert shapes == [(35, 35, 288), (17, 17, 768), (8, 8, 2048)]
    # The same network, not a second one.
    shared = {id(v) for v in extractor.network.variables}
    assert all(id(v) in shared for v in extractor._maps.variables)


def test_names_tell_the_weights(extractor, tmp_path, monkeypatch):
    digits = weights_hash(extractor.network)
    assert extractor.name == f"keras-inception-v3-{digits}"
    path = tmp_path / "inception.weights.h5"
    extractor.network.save_weights(path)
    loaded = InceptionV3Extractor(path)
    assert loaded.name == extractor.name
    for own, other in zip(
        loaded.network.get_weights(),
        extractor.network.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(own, other)
    # The published file is known by its checksum.
    content = path.read_bytes()
    digest = inception.hashlib.md5(content).hexdigest()
    monkeypatch.setattr(inception, "_FILE_MD5", digest)
    assert inception._is_published(path)
    path.write_bytes(content[:-1] + b"x")
    assert not inception._is_published(path)


def test_weights_that_cannot_be_had(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match="the path of a file.*keras/models"
    ):
        InceptionV3Extractor(tmp_path / "missing.h5")

    def refuse(**options):
        assert options["weights"] == "imagenet"
        assert options["classifier_activation"] is None
        raise Exception("URL fetch failure on https://example.org")

    monkeypatch.setattr(keras.applications, "InceptionV3", refuse)
    with pytest.raises(RuntimeError, match="URL fetch") as caught:
        InceptionV3Extractor()
    for advice in ("`weights`", "~/.keras/models", "DigitsClassifier"):
        assert advice in str(caught.value)


def test_weights_of_another_network(tmp_path, monkeypatch):
    def network(units):
        layers = [keras.Input((4,)), keras.layers.Dense(units, name="dense")]
        return keras.Sequential(layers)

    path = tmp_path / "other.weights.h5"
    network(2).save_weights(path)
    monkeypatch.setattr(
        keras.applications, "InceptionV3", lambda **options: network(3)
    )
    with pytest.raises(ValueError, match="must hold the whole .*_notop"):
        InceptionV3Extractor(path)
