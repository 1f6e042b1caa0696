import numpy as np
import pytest

from keras_gen import data
from keras_gen.metrics import DigitsClassifier
from keras_gen.metrics.extractors import digits
from keras_gen.metrics.extractors.digits import build_lenet, to_network_size

EPOCHS = 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def classifier(cache):
    return DigitsClassifier.get(
        "digits", epochs=EPOCHS, cache_dir=cache, verbose=0
    )


@pytest.fixture(scope="module")
def test_set():
    batch = next(iter(data.load("digits", "test").batch(1000)))
    return batch["image"].numpy(), batch["label"].numpy()


@pytest.fixture
def untrained(monkeypatch):
    """Puts a record of calls in place of training."""
    calls = []

    def fit(network, *arguments):
        calls.append(network)

    monkeypatch.setattr(digits, "_fit", fit)
    return calls


def test_learns_digits_quickly(classifier, test_set):
    # Measured: 0.886 to 0.919 on the three backends; chance is 0.1.
    assert classifier.accuracy(*test_set) > 0.8


def test_shapes_and_name(classifier, test_set):
    images, _ = test_set
    features, logits = classifier.features_and_logits(images)
    assert features.shape == (297, 128) and logits.shape == (297, 10)
    assert features.min() == 0.0 < features.max()
    assert classifier.name.startswith("digits-classifier-digits-v1-")
    np.testing.assert_array_equal(
        classifier.classify(images), logits.argmax(axis=1)
    )


def test_input_sizes_and_ranges_agree(classifier, test_set):
    images = test_set[0][:20]
    logits = classifier.logits(images)
    bordered = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    np.testing.assert_array_equal(classifier.logits(bordered), logits)
    tanh = images.astype("float32") / 127.5 - 1.0
    np.testing.assert_allclose(
        classifier.logits(tanh, value_range=(-1, 1)), logits, atol=1e-3
    )
    # Each pixel four times: half-pixel sampling gives the original back.
    doubled = images.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(classifier.logits(doubled), logits, atol=1e-3)
    assert classifier.resizer(32, 32) == "none"
    assert classifier.resizer(28, 28) == "border of 2"
    assert "bilinear to 28x28" in classifier.resizer(56, 56)


def test_border_is_black_and_even():
    bordered = to_network_size(np.ones((1, 28, 28, 1), "float32"))
    assert bordered.sum() == 28 * 28
    assert (bordered[0, 2:30, 2:30] == 1.0).all()


def test_second_use_loads_the_cache(classifier, cache, untrained):
    again = DigitsClassifier.get("digits", epochs=EPOCHS, cache_dir=cache)
    assert not untrained
    assert again.name == classifier.name
    # Another number of epochs or another seed is another classifier.
    other = DigitsClassifier.get("digits", epochs=EPOCHS + 1, cache_dir=cache)
    seeded = DigitsClassifier.get(
        "digits", epochs=EPOCHS, seed=1, cache_dir=cache
    )
    assert len(untrained) == 2
    assert len({classifier.name, other.name, seeded.name}) == 3
    assert len(list(cache.iterdir())) == 3  # no temporary file is left


def test_cache_folder_comes_from_the_environment(
    tmp_path, monkeypatch, untrained
):
    monkeypatch.setenv("KERAS_GEN_CACHE", str(tmp_path / "deep" / "cache"))
    DigitsClassifier.get("digits", verbose=0)
    (file,) = (tmp_path / "deep" / "cache").iterdir()
    assert file.name.startswith("digits_classifier_digits_v1_")


def truncate(content):
    return content[: len(content) // 2]


def flip_a_bit(content):
    middle = len(content) // 2
    return (
        content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
    )


@pytest.mark.parametrize(
    "damage", [truncate, flip_a_bit, lambda _: b"", lambda _: b"not a model"]
)
def test_damaged_cache_is_mended(tmp_path, untrained, damage):
    def get():
        return DigitsClassifier.get("digits", cache_dir=tmp_path, verbose=0)

    first = get()
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match="cannot be read .* trained again"):
        mended = get()
    assert len(untrained) == 2 and mended.name == first.name
    assert get().name == first.name
    assert len(untrained) == 2


def test_training_again_gives_the_same_classifier(
    tmp_path, monkeypatch, test_set
):
    few = test_set[0][:64], test_set[1][:64]
    monkeypatch.setattr(digits, "_load_images", lambda *_: few)
    names = set()
    for folder in ("a", "b"):
        np.random.random()  # Global random states must not matter.
        classifier = DigitsClassifier.get(
            "digits", epochs=2, cache_dir=tmp_path / folder, verbose=0
        )
        names.add(classifier.name)
    assert len(names) == 1


def test_shifted_batches_show_every_image_once_an_epoch():
    images = np.zeros((10, 32, 32, 1), "float32")
    images[:, 16, 16, 0] = np.arange(1, 11)
    batches = digits._ShiftedBatches(images, np.arange(10), 4, 0)
    places = set()
    for _ in range(8):
        parts = [batches[index] for index in range(len(batches))]
        assert [len(labels) for _, labels in parts] == [4, 4, 2]
        shown = np.concatenate([x for x, _ in parts])
        labels = np.concatenate([y for _, y in parts])
        assert sorted(labels) == list(range(10))
        np.testing.assert_array_equal(shown.max(axis=(1, 2, 3)), labels + 1)
        places |= {tuple(place[1:3]) for place in np.argwhere(shown)}
        batches.on_epoch_end()
    # 80 draws of 25 places: all but a few come up, none outside.
    assert len(places) > 18
    assert all(14 <= down <= 18 and 14 <= right <= 18 for down, right in places)


def test_refuses_what_it_cannot_judge(classifier):
    with pytest.raises(ValueError, match=r"\['digits', 'mnist'\]"):
        DigitsClassifier.get("cifar10")
    with pytest.raises(ValueError, match="Received: images with 3 channels"):
        classifier.logits(np.zeros((1, 28, 28, 3)))
    with pytest.raises(ValueError, match="one label per image"):
        classifier.accuracy(np.zeros((2, 28, 28, 1)), [1])


def test_network_is_the_same_for_the_same_seed():
    first, same, other = (build_lenet(seed).get_weights() for seed in (0, 0, 1))
    for a, b, c in zip(first, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.ndim == 1 or not np.array_equal(a, c)
