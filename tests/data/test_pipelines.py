import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import data, progress
from keras_gen.data import pipelines

EXAMPLES = 107


def numbered(examples=EXAMPLES):
    """Gray images whose pixels are all the index of their example."""
    images = np.arange(examples, dtype="uint8")[:, None, None, None]
    images = np.broadcast_to(images, (examples, 4, 6, 1)).copy()
    return tf.data.Dataset.from_tensor_slices(
        {
            "image": images,
            "label": np.arange(examples, dtype="int64"),
            "weight": np.linspace(0, 1, examples, dtype="float32"),
        }
    )


def take(made, batches):
    return list(itertools.islice(made.dataset.as_numpy_iterator(), batches))


@pytest.fixture(params=["memory", "lookup", "stream"])
def dataset(request, monkeypatch):
    """The three ways in which examples are visited."""
    if request.param != "memory":
        monkeypatch.setattr(pipelines, "_MEMORY", 0)
    if request.param == "lookup":
        return data.load("digits", f"test[:{EXAMPLES}]")
    return numbered()


def test_many_rendered_examples_are_not_read_beforehand(monkeypatch):
    """They are, of few; the batches are the same."""
    digits = data.load("digits", "test[:20]")
    kept = take(data.pipeline(digits, 5, image_size=12), 6)
    monkeypatch.setattr(pipelines, "_RENDERED", 19)
    monkeypatch.setattr(pipelines, "_to_memory", None)
    assert_same(kept, take(data.pipeline(digits, 5, image_size=12), 6))


@pytest.mark.parametrize("logging", [True, False])
def test_long_reading_says_how_far_it_has_come(monkeypatch, capsys, logging):
    data.pipeline(numbered(), 5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "_EVERY", -1.0)
    if not logging:
        keras.config.disable_interactive_logging()
    try:
        data.pipeline(numbered(), 5)
    finally:
        keras.config.enable_interactive_logging()
    said = capsys.readouterr().err
    assert said.endswith(f": {EXAMPLES} of {EXAMPLES}.\n") == logging
    assert logging or not said


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, a, b)


class TestTheLaw:
    """Everything is a function of (seed, epoch, position)."""

    def test_resumed_run_sees_what_the_whole_run_saw(self, dataset):
        def make(**options):
            return data.pipeline(
                dataset,
                10,
                features=("image", "label"),
                binarize="dynamic",
                seed=3,
                shuffle_buffer=40,
                drop_remainder=False,
                **options,
            )

        # Neither the seed of the process nor what was drawn before matter.
        keras.utils.set_random_seed(1)
        whole = take(make(), 33)
        keras.utils.set_random_seed(2)
        # From the start of an epoch, its middle and its last step.
        for step in (11, 15, 21):
            resumed = take(make(start_step=step), 33 - step)
            assert_same(resumed, whole[step:])
        for step in (22, 30):
            last = make(start_step=step, repeat=False)
            assert int(last.dataset.cardinality()) == 33 - step
            assert_same(list(last.dataset.as_numpy_iterator()), whole[step:])

    def test_orders_differ_between_epochs_and_seeds(self, dataset):
        def labels(**options):
            made = data.pipeline(dataset, 107, features="label", **options)
            return take(made, 2)

        first, second = labels(seed=0)
        (other, _) = labels(seed=1)
        for order in (second, other):
            assert not np.array_equal(first, order)
            np.testing.assert_array_equal(np.sort(first), np.sort(order))

    def test_binarizations_differ_between_epochs_and_seeds(self, dataset):
        def images(**options):
            made = data.pipeline(
                dataset, 107, binarize="dynamic", shuffle=False, **options
            )
            return take(made, 2)

        first, second = images(seed=0)
        (other, _) = images(seed=1)
        gray = (first != second).mean()
        # Of independent draws with mean p, the fraction 2p(1 - p) differs.
        assert gray > 0.01
        assert (first != other).mean() == pytest.approx(gray, rel=0.3)

    def test_every_example_comes_once_an_epoch(self):
        made = data.pipeline(
            numbered(), 10, features="label", drop_remainder=False
        )
        for epoch in range(3):
            batches = take(made, 11 * (epoch + 1))[-11:]
            assert [len(batch) for batch in batches] == 10 * [10] + [7]
            found = np.concatenate(batches)
            np.testing.assert_array_equal(np.sort(found), np.arange(EXAMPLES))
            assert not np.array_equal(found, np.sort(found))

    def test_every_example_comes_once_an_epoch_from_a_buffer(self, monkeypatch):
        monkeypatch.setattr(pipelines, "_MEMORY", 0)
        made = data.pipeline(
            numbered(),
            10,
            features="label",
            drop_remainder=False,
            shuffle_buffer=30,
        )
        batches = take(made, 22)
        first = np.concatenate(batches[:11])
        second = np.concatenate(batches[11:])
        for found in (first, second):
            np.testing.assert_array_equal(np.sort(found), np.arange(EXAMPLES))
        assert not np.array_equal(first, second)
        # An example leaves a buffer of 30 at most 29 places early.
        assert np.all(first - np.arange(EXAMPLES) < 30)

    def test_without_shuffling_the_order_is_kept(self, dataset):
        made = data.pipeline(dataset, 107, features="label", shuffle=False)
        expected = [row["label"] for row in dataset.as_numpy_iterator()]
        for batch in take(made, 2):
            np.testing.assert_array_equal(batch, expected)

    def test_images_stay_with_their_labels(self):
        made = data.pipeline(
            numbered(), 10, features=("image", "label"), value_range=(0, 255)
        )
        for x, y in take(made, 20):
            np.testing.assert_allclose(x[:, 3, 5, 0], y, atol=1e-4)

    def test_shards_make_up_the_single_process_batches(self, dataset):
        count = 3
        options = {
            "features": ("image", "label"),
            "binarize": "dynamic",
            "shuffle_buffer": 40,
            "seed": 5,
        }
        whole = take(data.pipeline(dataset, 21, **options), 12)
        shards = [
            take(data.pipeline(dataset, 21, shard=(i, count), **options), 12)
            for i in range(count)
        ]
        for step, (x, y) in enumerate(whole):
            parts = [shard[step] for shard in shards]
            assert all(len(part[1]) == 21 // count for part in parts)
            np.testing.assert_array_equal(
                np.concatenate([part[0] for part in parts]), x
            )
            np.testing.assert_array_equal(
                np.concatenate([part[1] for part in parts]), y
            )


class TestImages:
    def test_dynamic_binarization_is_bernoulli(self):
        # All 256 grays, each in 400 pixels a batch.
        image = np.repeat(np.arange(256, dtype="uint8"), 400)
        dataset = tf.data.Dataset.from_tensors(
            {"image": image.reshape(320, 320, 1)}
        )
        made = data.pipeline(dataset, 1, binarize="dynamic")
        draws = np.stack([x.reshape(256, 400) for x in take(made, 50)])
        assert set(np.unique(draws)) == {0.0, 1.0}
        assert np.all(draws[:, 0] == 0) and np.all(draws[:, 255] == 1)
        mean = np.arange(256) / 255
        found = draws.mean(axis=(0, 2))
        error = np.sqrt(mean * (1 - mean) / (50 * 400))
        # Of 256 means the largest deviation stays below 4.5 sigma.
        assert np.all(np.abs(found - mean) <= 4.5 * error + 1e-12)
        # Independent between epochs and between neighboring pixels.
        gray = draws[:, 128]
        assert np.abs(np.corrcoef(gray) - np.eye(50)).max() < 5 / np.sqrt(400)
        shifted = np.corrcoef(gray[:, 1:].ravel(), gray[:, :-1].ravel())[0, 1]
        assert abs(shifted) < 5 / np.sqrt(50 * 399)

    @pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (2.0, 5.0)])
    def test_value_range(self, value_range):
        low, high = value_range
        gray = np.array([0, 51, 255], "uint8").reshape(1, 1, 3, 1)
        dataset = tf.data.Dataset.from_tensor_slices({"image": gray})
        options = {"value_range": value_range}
        (x,) = take(data.pipeline(dataset, 1, **options), 1)
        assert x.dtype == np.float32
        middle = low + 0.2 * (high - low)
        np.testing.assert_allclose(x.ravel(), [low, middle, high], rtol=1e-6)
        assert (x.min(), x.max()) == (low, high)
        options["binarize"] = "threshold"
        (x,) = take(data.pipeline(dataset, 1, **options), 1)
        np.testing.assert_array_equal(x.ravel(), [low, low, high])

    def test_threshold_lies_at_one_half(self):
        gray = np.array([127, 128], "uint8").reshape(1, 1, 2, 1)
        dataset = tf.data.Dataset.from_tensor_slices({"image": gray})
        (x,) = take(data.pipeline(dataset, 1, binarize="threshold"), 1)
        np.testing.assert_array_equal(x.ravel(), [0, 1])

    def test_wide_integers_and_video(self):
        dataset = tf.data.Dataset.from_tensors(
            {
                "video": np.full((3, 4, 4, 1), 255, "uint8"),
                "depth": np.full((4, 4, 1), 65535, "uint16"),
                "sound": np.arange(5, dtype="int64"),
            }
        )
        made = data.pipeline(
            dataset, 1, features=("video", "depth", "sound"), image_size=2
        )
        (batch,) = take(made, 1)
        np.testing.assert_array_equal(batch["video"], np.ones((1, 3, 2, 2, 1)))
        np.testing.assert_array_equal(batch["depth"], np.ones((1, 2, 2, 1)))
        np.testing.assert_array_equal(batch["sound"], [np.arange(5)])

    @pytest.mark.parametrize("memory", [0, 2**29])
    def test_resizing(self, monkeypatch, memory):
        monkeypatch.setattr(pipelines, "_MEMORY", memory)
        digits = data.load("digits", "test")
        made = data.pipeline(digits, 99, image_size=14, shuffle=False)
        assert made.dataset.element_spec.shape == (99, 14, 14, 1)
        (small,) = take(made, 1)
        (large,) = take(data.pipeline(digits, 99, shuffle=False), 1)
        # Antialiasing keeps the brightness of the whole and of its halves.
        np.testing.assert_allclose(small.mean(), large.mean(), rtol=0.01)
        np.testing.assert_allclose(
            small[:, :7].mean(axis=(1, 2, 3)),
            large[:, :14].mean(axis=(1, 2, 3)),
            atol=0.02,
        )

    def test_resizing_keeps_proportions(self):
        image = np.zeros((20, 60, 3), "uint8")
        image[:, 20:40] = [10, 20, 30]
        small = data.resize_images(tf.constant(image), 10).numpy()
        np.testing.assert_array_equal(
            small, np.broadcast_to([10, 20, 30], (10, 10, 3))
        )
        wide = data.resize_images(tf.constant(image), (10, 30)).numpy()
        np.testing.assert_array_equal(wide[:, 12:18, 1], 20)
        np.testing.assert_array_equal(wide[:, :8], 0)

    def test_images_of_varying_size(self):
        def images():
            for size in (20, 30, 40):
                yield {"image": np.full((size, size, 1), size, "uint8")}

        spec = {"image": tf.TensorSpec((None, None, 1), "uint8")}
        dataset = tf.data.Dataset.from_generator(images, output_signature=spec)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(3))
        with pytest.raises(ValueError, match="Pass `image_size`"):
            data.pipeline(dataset, 3)
        made = data.pipeline(
            dataset, 3, image_size=8, shuffle=False, value_range=(0, 255)
        )
        (x,) = take(made, 1)
        np.testing.assert_allclose(x[:, 0, 0, 0], [20, 30, 40], rtol=1e-6)


class TestForm:
    def test_sizes_and_shapes(self, dataset):
        made = data.pipeline(dataset, 10)
        assert (made.steps_per_epoch, made.examples) == (10, EXAMPLES)
        assert made.dataset.cardinality() == tf.data.INFINITE_CARDINALITY
        assert made.dataset.element_spec.shape[0] == 10
        once = data.pipeline(dataset, 10, repeat=False, drop_remainder=False)
        assert int(once.dataset.cardinality()) == once.steps_per_epoch == 11
        assert once.dataset.element_spec.shape[0] is None
        shard = data.pipeline(dataset, 10, shard=(1, 2))
        assert shard.dataset.element_spec.shape[0] == 5
        assert shard.steps_per_epoch == 10

    def test_one_two_and_more_features(self):
        def spec(*features):
            made = data.pipeline(numbered(), 10, features=features)
            return made.dataset.element_spec

        assert isinstance(spec("image"), tf.TensorSpec)
        x, y = spec("image", "label")
        assert (x.dtype, y.dtype) == (tf.float32, tf.int64)
        first, second = spec("label", "image")
        assert (first.dtype, second.dtype) == (tf.int64, tf.float32)
        assert set(spec("image", "label", "weight")) == {
            "image",
            "label",
            "weight",
        }

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"features": "images"}, "name features.*image, label.*'images'"),
            ({"features": ()}, "must name features"),
            ({"features": ("image", "image")}, "name each feature once"),
            ({"batch_size": 0}, "`batch_size` must be an integer of at"),
            ({"batch_size": 108}, "must not exceed .* 107 examples"),
            ({"binarize": "stochastic"}, "'threshold' or 'dynamic'"),
            (
                {"features": "label", "binarize": "dynamic"},
                "`binarize` must be left out where no feature",
            ),
            ({"augment": ("spin",)}, "`name` must be one of .*'spin'"),
            ({"augment": (3,)}, "must hold names"),
            ({"value_range": (1, 0)}, "low < high"),
            ({"image_size": 0}, "positive integer or a pair"),
            ({"shard": (2, 2)}, "0 <= index < count"),
            ({"shard": (0, 3)}, "multiple of the number of shards"),
            ({"shard": (0, 2), "drop_remainder": False}, "must be True wi"),
            ({"start_step": -1}, "`start_step` must be"),
            ({"start_step": 0.5}, "`start_step` must be"),
            ({"seed": "x"}, "`seed` must be"),
        ],
    )
    def test_unusable_arguments_are_explained(self, options, message):
        with pytest.raises(ValueError, match=message):
            data.pipeline(numbered(), **{"batch_size": 10, **options})

    def test_unusable_data_sets_are_explained(self):
        plain = tf.data.Dataset.range(10)
        with pytest.raises(ValueError, match="dicts of features"):
            data.pipeline(plain, 2)
        with pytest.raises(ValueError, match="must be finite"):
            data.pipeline(numbered().repeat(), 2)
        unknown = numbered().filter(lambda example: example["label"] < 5)
        with pytest.raises(ValueError, match="assert_cardinality"):
            data.pipeline(unknown, 2)
        short = unknown.apply(tf.data.experimental.assert_cardinality(9))
        with pytest.raises((ValueError, tf.errors.FailedPreconditionError)):
            data.pipeline(short, 2)


def test_dequantized_images_keep_their_gray_values(dataset):
    """The noise is uniform within a step of 1/256, and new in each epoch."""
    options = {"shuffle": False, "value_range": (-1.0, 1.0)}
    gray = take(data.pipeline(dataset, 107, **options), 1)[0]
    gray = np.round((gray + 1.0) * 127.5)
    made = data.pipeline(dataset, 107, dequantize=True, seed=3, **options)
    values = [(x + 1.0) * 128.0 for x in take(made, 2)]
    for x in values:
        noise = x - gray
        assert -1e-4 < noise.min() and noise.max() < 1.0 + 1e-4
        error = 4.0 / np.sqrt(12.0 * noise.size)
        assert noise.mean() == pytest.approx(0.5, abs=error)
        assert noise.std() == pytest.approx(12.0**-0.5, rel=0.05)
    assert not np.allclose(values[0], values[1])
    again = data.pipeline(
        dataset, 107, dequantize=True, seed=3, start_step=1, **options
    )
    np.testing.assert_array_equal(take(again, 1)[0], values[1] / 128.0 - 1.0)


def test_each_shard_has_its_rows_of_the_noise():
    options = {"dequantize": True, "shuffle": False}
    whole = take(data.pipeline(numbered(), 20, **options), 1)[0]
    parts = [
        take(data.pipeline(numbered(), 20, shard=(i, 2), **options), 1)[0]
        for i in range(2)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    with pytest.raises(ValueError, match="Choose one"):
        data.pipeline(numbered(), 20, binarize="dynamic", **options)
