"""Same seed, same samples; no seed, new ones."""

import inspect

import numpy as np
import pytest

from tests.contract.helpers import (
    arrays,
    assert_finite,
    assert_identical,
    build,
    class_of,
)
from tests.contract.settings import SETTINGS


@pytest.fixture(scope="module")
def model(sampling_case):
    return build(sampling_case)


def test_sample_is_an_array_of_finite_examples(sampling_case, model):
    samples = model.sample(5, seed=0)
    assert isinstance(samples, np.ndarray)
    assert samples.dtype == "float32"
    data = SETTINGS[sampling_case].make_batch(np.random.default_rng(0), 5)
    assert samples.shape == data[0].shape
    assert_finite([samples])
    limits = SETTINGS[sampling_case].value_range
    if limits is not None:
        assert limits[0] <= samples.min() and samples.max() <= limits[1]


def test_a_seed_gives_the_same_samples_and_leaves_the_models_alone(model):
    before = arrays(model.variables)
    first = model.sample(5, seed=4)
    again = model.sample(5, seed=4)
    other = model.sample(5, seed=5)
    assert_identical(before, arrays(model.variables))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, rtol=0, atol=1e-5)


def test_without_a_seed_samples_are_new_each_time(model):
    weights = arrays(model.weights)
    before = arrays(model.variables)
    first, second = model.sample(5), model.sample(5)
    assert not np.allclose(first, second, rtol=0, atol=1e-5)
    assert_identical(weights, arrays(model.weights))
    moved = sum(
        not np.array_equal(a, b)
        for a, b in zip(before, arrays(model.variables), strict=True)
    )
    assert moved == 1


def test_models_of_one_seed_draw_the_same_sequence(sampling_case):
    first, second = build(sampling_case), build(sampling_case)
    np.testing.assert_array_equal(first.sample(3), second.sample(3))
    np.testing.assert_array_equal(first.sample(3), second.sample(3))


def test_samples_do_not_depend_on_the_batch_size(sampling_case, model):
    parameters = inspect.signature(class_of(sampling_case).sample).parameters
    assert "batch_size" in parameters
    np.testing.assert_allclose(
        model.sample(5, seed=1, batch_size=2),
        model.sample(5, seed=1),
        rtol=1e-5,
        atol=1e-6,
    )


def test_lines_between_latents_end_at_them(generating_case):
    """Where there are classes, each line has its own."""
    model = build(generating_case)
    z = np.random.default_rng(0).normal(size=(6, model.latent_dim))
    a, b = z[:3], z[3:]
    lines = model.interpolate(a, b, steps=4)
    assert lines.shape == (3, 4, *model.image_shape)
    for images, latents in ((lines[:, 0], a), (lines[:, -1], b)):
        np.testing.assert_allclose(images, model.generate(latents), atol=1e-5)
    middle = model.generate(a + (b - a) / 3.0)
    np.testing.assert_allclose(lines[:, 1], middle, atol=1e-5)
    with pytest.raises(ValueError, match=f"{model.latent_dim}"):
        model.generate(z[:, 1:])
