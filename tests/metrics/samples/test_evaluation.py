import json

import numpy as np
import pytest

from keras_gen.metrics import (
    FeatureExtractor,
    PixelExtractor,
    draw_samples,
    evaluate_generator,
    evaluate_samples,
    fid_infinity,
    frechet_distance,
    kernel_distance,
    ms_ssim_diversity,
    precision_recall,
    sliced_wasserstein_distance,
)


class Bars(FeatureExtractor):
    """Recognizes which of four columns is bright."""

    def __init__(self):
        super().__init__(name="bars")

    def forward(self, images):
        columns = images.mean(axis=(1, 3))
        return columns, 50.0 * columns


def bars(labels, seed=0):
    """Images of one bright column each, with a little noise."""
    noise = np.random.default_rng(seed).uniform(size=(len(labels), 4, 4, 1))
    images = 0.1 * noise
    images[np.arange(len(labels)), :, labels] += 0.8
    return images


LABELS = np.arange(200) % 4


def test_samples_like_the_data_are_at_the_floor():
    report = evaluate_samples(bars(LABELS, 1), bars(LABELS, 0), Bars())
    assert report["inception_score"] == pytest.approx(4.0, rel=1e-3)
    assert report["inception_score_real"] == pytest.approx(4.0, rel=1e-3)
    # Equal numbers of each column here, random ones in the halves.
    assert 0 < report["frechet_distance"] < report["frechet_distance_floor"]
    assert report["frechet_distance_floor"] < 0.02
    assert report["class_shares"] == [0.25] * 4
    assert report["min_class_share"] == 0.25
    assert report["num_classes_covered"] == 4
    assert report["distance_ratio"] == pytest.approx(1.0, rel=0.01)


def test_collapse_onto_a_class_shows():
    report = evaluate_samples(bars(LABELS * 0, 1), bars(LABELS, 0), Bars())
    assert report["inception_score"] == pytest.approx(1.0, abs=1e-3)
    assert report["frechet_distance"] > 10 * report["frechet_distance_floor"]
    assert report["class_shares"] == [1.0, 0.0, 0.0, 0.0]
    assert report["num_classes_covered"] == 1
    assert report["distance_ratio"] < 0.2


def test_collapse_within_classes_shows_in_the_distance():
    real = bars(LABELS, 0) + 0.1
    real += np.random.default_rng(2).uniform(-0.1, 0.1, real.shape)
    report = evaluate_samples(bars(LABELS % 2, 0), real, PixelExtractor())
    assert report["distance_ratio"] < 0.8
    assert report["inception_score"] is None
    assert report["class_shares"] is None


def test_report_says_what_it_depends_on_and_is_json():
    report = evaluate_samples(
        bars(LABELS, 1), bars(LABELS[:100], 0), Bars(), splits=2, seed=5
    )
    assert json.loads(json.dumps(report)) == report
    assert report["num_samples"] == 200 and report["num_real"] == 100
    assert report["extractor"] == "bars" and report["resizer"] == "none"
    assert report["splits"] == 2 and report["seed"] == 5
    assert report["coverage_threshold"] == pytest.approx(0.05)
    assert set(report["versions"]) == {"keras_gen", "keras", "backend"}


def test_value_ranges_are_those_of_each_set():
    real = bars(LABELS, 0)
    expected = evaluate_samples(bars(LABELS, 1), real, Bars())
    report = evaluate_samples(
        bars(LABELS, 1) * 2.0 - 1.0, real, Bars(), value_range=(-1, 1)
    )
    assert report["distance_ratio"] == pytest.approx(
        expected["distance_ratio"], rel=1e-5
    )
    assert report["frechet_distance"] == pytest.approx(
        expected["frechet_distance"], rel=1e-3
    )


def test_distance_and_floor_are_those_of_the_features():
    samples, real = bars(LABELS[:60], 1), bars(LABELS[:100], 0)
    report = evaluate_samples(samples, real, PixelExtractor(), seed=3)
    samples, real = samples.reshape(60, 16), real.reshape(100, 16)
    assert report["frechet_distance"] == pytest.approx(
        frechet_distance(samples, real), rel=1e-4
    )
    order = np.random.default_rng(3).permutation(100)
    assert report["frechet_distance_floor"] == pytest.approx(
        frechet_distance(real[order[:50]], real[order[50:]]), rel=1e-4
    )


class Model:
    """Draws noise; remembers how it was asked."""

    def __init__(self):
        self.calls = []

    def sample(self, num, *, seed):
        self.calls.append((num, seed))
        return np.random.default_rng(seed).uniform(size=(num, 4, 4, 1))


def test_samples_are_drawn_in_batches_with_different_seeds():
    model = Model()
    samples = draw_samples(model, 10, batch_size=4, seed=7)
    assert samples.shape == (10, 4, 4, 1)
    assert [num for num, _ in model.calls] == [4, 4, 2]
    seeds = [seed for _, seed in model.calls]
    assert len(set(seeds)) == 3
    assert all(type(seed) is int and 0 <= seed < 2**31 for seed in seeds)
    np.testing.assert_array_equal(samples, draw_samples(Model(), 10, 4, 7))
    assert not np.array_equal(samples, draw_samples(Model(), 10, 4, 8))
    called = draw_samples(
        lambda num, seed: Model().sample(num, seed=seed),
        10,
        batch_size=4,
        seed=7,
    )
    np.testing.assert_array_equal(samples, called)


def test_evaluate_generator_judges_the_samples_it_draws():
    real = Model().sample(50, seed=0)
    report = evaluate_generator(
        Model(), real, PixelExtractor(), num_samples=30, batch_size=8, seed=2
    )
    samples = draw_samples(Model(), 30, batch_size=8, seed=2)
    assert report == evaluate_samples(samples, real, PixelExtractor(), seed=2)


def pixels(num, seed):
    """Multiples of 1/256, which are exact in every range below."""
    rng = np.random.default_rng(seed)
    return rng.integers(257, size=(num, 4, 4, 1)) / 256


class RangedModel:
    """Draws pixels in a range, and knows it or takes it for another."""

    def __init__(self, drawn, value_range):
        self.drawn, self.value_range = drawn, value_range

    def sample(self, num, *, seed):
        low, high = self.drawn
        return low + (high - low) * pixels(num, seed)


def evaluate_ranged(drawn, known, real, **ranges):
    return evaluate_generator(
        RangedModel(drawn, known),
        real,
        PixelExtractor(),
        num_samples=20,
        **ranges,
    )


def test_the_range_of_a_model_is_that_of_its_samples_and_of_real_images():
    real = pixels(30, seed=1)
    expected = evaluate_ranged((0, 1), (0, 1), real)
    assert evaluate_ranged((-1, 1), (-1, 1), 2 * real - 1) == expected
    assert evaluate_ranged((0, 255), [0, 255], 255 * real) == expected
    assert evaluate_ranged((0, 1), None, real) == expected
    # Integers have the range of their type.
    real = np.random.default_rng(2).integers(256, size=real.shape)
    real = real.astype("uint8")
    expected = evaluate_ranged((0, 1), None, real)
    assert evaluate_ranged((-1, 1), (-1, 1), real) == expected


def test_an_explicit_range_comes_before_that_of_the_model():
    real = pixels(30, seed=1)
    expected = evaluate_ranged((0, 1), (0, 1), real)
    ranges = {"value_range": (0, 1), "real_value_range": (0, 1)}
    assert evaluate_ranged((0, 1), (-1, 1), real, **ranges) == expected
    ranges = {"real_value_range": (0, 1)}
    assert evaluate_ranged((-1, 1), (-1, 1), real, **ranges) == expected
    ranges = {"value_range": (0, 1)}
    found = evaluate_ranged((0, 1), (-1, 1), 2 * real - 1, **ranges)
    assert found == expected


def test_refuses_what_cannot_be_compared():
    images = bars(LABELS)
    with pytest.raises(ValueError, match="Resize"):
        evaluate_samples(images[:, :2], images, Bars())
    with pytest.raises(
        ValueError, match=r"2 samples and 4 real .*=1, len\(real\)=200"
    ):
        evaluate_samples(images[:1], images, Bars())
    with pytest.raises(ValueError, match="`model` must have a method `sample`"):
        draw_samples(object(), 5)
    with pytest.raises(ValueError, match="`num_samples` must be above 0"):
        draw_samples(Model(), 0)


def test_optional_metrics_are_those_of_the_functions():
    rng = np.random.default_rng(7)
    real = rng.uniform(size=(60, 16, 16, 1))
    samples = 0.5 * rng.uniform(size=(50, 16, 16, 1))
    names = [
        "density_coverage",
        "fid_infinity",
        "kernel_distance",
        "ms_ssim",
        "precision_recall",
        "sliced_wasserstein",
    ]
    report = evaluate_samples(
        2.0 * samples - 1.0,
        real,
        PixelExtractor(),
        value_range=(-1.0, 1.0),
        optional=names,
        seed=3,
    )
    json.dumps(report)
    x, y = samples.reshape(50, -1), real.reshape(60, -1)
    kernel = kernel_distance(x, y, subset_size=50, seed=3)
    wasserstein = sliced_wasserstein_distance(
        real[:50], samples, (0.0, 1.0), seed=3
    )
    expected = {
        "kernel_distance": kernel.mean,
        "kernel_distance_subset_size": 50,
        "precision": precision_recall(y, x).precision,
        "recall": precision_recall(y, x).recall,
        "fid_infinity": fid_infinity(y, x, seed=3).distance,
        "ms_ssim": ms_ssim_diversity(samples, seed=3).mean,
        "ms_ssim_real": ms_ssim_diversity(real, seed=3).mean,
        "sliced_wasserstein": wasserstein.average,
    }
    for name, value in expected.items():
        # The images went to [-1, 1] and back in float32.
        assert report[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    assert report["num_samples"] == 50 and report["extractor"] == "pixels"
    with pytest.raises(
        ValueError, match="`optional` must be among .*fid_infinity"
    ):
        evaluate_samples(samples, real, PixelExtractor(), optional=["fid"])
