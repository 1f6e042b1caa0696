"""Same seed, same samples; no seed, new ones."""

import re

import numpy as np
import pytest
from keras import ops

from tests.contract.helpers import (
    arrays,
    assert_finite,
    assert_identical,
)
from tests.numerics import run_as_programs


@pytest.fixture
def build(monkeypatch):
    """Builds a case, with its inference compiled as a whole on JAX."""

    def build(case):
        model = case.build()
        run_as_programs(monkeypatch, model)
        return model

    return build


@pytest.fixture(scope="module")
def model(sampling_case):
    with pytest.MonkeyPatch.context() as patch:
        model = sampling_case.build()
        run_as_programs(patch, model)
        yield model


def parts_of(samples, model, *axes):
    """The arrays of samples: one, or a tuple of one for each domain."""
    shapes = model.example_shape
    parts = samples if isinstance(shapes[0], tuple) else (samples,)
    shapes = shapes if isinstance(shapes[0], tuple) else (shapes,)
    assert isinstance(parts, tuple)
    for part, shape in zip(parts, shapes, strict=True):
        assert isinstance(part, np.ndarray)
        assert part.shape == (*axes, *shape)
    return parts


def test_sample_is_an_array_of_finite_examples(sampling_case, model):
    samples = model.sample(5, seed=0, **sampling_case.labels())
    for part in parts_of(samples, model, 5):
        assert part.dtype == "float32"
        assert_finite([part])
        if model.value_range is not None:
            low, high = model.value_range
            assert low <= part.min() and part.max() <= high


def test_a_seed_gives_the_same_samples_and_leaves_the_models_alone(
    sampling_case, model
):
    before, labels = arrays(model.variables), sampling_case.labels()
    first, again, other = (
        parts_of(model.sample(5, seed=seed, **labels), model, 5)
        for seed in (4, 4, 5)
    )
    assert_identical(before, arrays(model.variables))
    assert_identical(first, again)
    assert not any(map(np.array_equal, first, other))


def test_without_a_seed_samples_are_new_each_time(sampling_case, model, build):
    """And two models of one seed draw the same sequence."""
    before, weights = arrays(model.variables), arrays(model.weights)
    labels = sampling_case.labels()
    first, second = (
        parts_of(model.sample(5, **labels), model, 5) for _ in range(2)
    )
    assert not any(map(np.array_equal, first, second))
    assert_identical(weights, arrays(model.weights))
    moved = sum(
        not np.array_equal(a, b)
        for a, b in zip(before, arrays(model.variables), strict=True)
    )
    assert moved >= 1
    twin = build(sampling_case)
    for expected in (first, second):
        found = parts_of(twin.sample(5, **labels), model, 5)
        assert_identical(found, expected)


def test_samples_do_not_depend_on_the_batch_size(sampling_case, model):
    labels = sampling_case.labels()
    few, all_at_once = (
        parts_of(model.sample(5, seed=1, **size, **labels), model, 5)
        for size in ({"batch_size": 2}, {})
    )
    for left, right in zip(few, all_at_once, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_labels_are_for_conditional_models(sampling_case, build):
    model = build(sampling_case)
    # Conditional batch normalization starts the same for all classes.
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        step = rng.normal(0.0, 0.2, variable.shape)
        variable.assign(ops.convert_to_numpy(variable) + step)
    state = arrays(model.variables)
    with pytest.raises(ValueError, match="`labels`|4 integers from 0 to"):
        model.sample(4, labels=99)
    assert_identical(state, arrays(model.variables))
    # Two classes, or whatever else it is conditioned on.
    (a, b), several = (1, 0), [1, 1, 1, 1]
    if given := sampling_case.labels(2):
        a, b = given["labels"]
        several = np.stack([a] * 4)
    try:
        one = model.sample(4, labels=a, seed=0)
    except ValueError as error:
        # Some priors have a component for each class.
        assert model.condition is None
        assert re.search("`labels` .* must be None", str(error))
        return
    np.testing.assert_array_equal(one, model.sample(4, labels=several, seed=0))
    assert not np.allclose(one, model.sample(4, labels=b, seed=0))


def test_lines_between_latents_end_at_them(generating_case, build):
    """Where there are classes, each line has its own."""
    model = build(generating_case)
    z = np.random.default_rng(0).normal(size=(6, model.latent_dim))
    a, b, labels = z[:3], z[3:], generating_case.labels(3)
    specs = getattr(model, "latent_specs", dict)().values()
    places = np.cumsum([spec.size for spec in specs])[:-1]

    def latents(z):
        """The parts of a structured prior, or one array."""
        return tuple(np.split(z, places, axis=1)) if len(places) else z

    lines = model.interpolate_latents(latents(a), latents(b), steps=4, **labels)
    lines = parts_of(lines, model, 3, 4)
    for place, at in ((0, a), (-1, b), (1, a + (b - a) / 3.0)):
        expected = parts_of(model.generate(latents(at), **labels), model, 3)
        for line, images in zip(lines, expected, strict=True):
            np.testing.assert_allclose(line[:, place], images, atol=1e-5)
    with pytest.raises(ValueError, match="`z.*` .*must be"):
        model.generate(latents(z[:, 1:] if not len(places) else z)[:-1])
