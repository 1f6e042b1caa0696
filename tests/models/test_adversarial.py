"""What all generative adversarial networks do with latents."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.distributions import (
    Categorical,
    IsotropicNormal,
    Joint,
    Uniform,
)
from keras_gen.engine import Labels, Vector
from keras_gen.models.adversarial import AdversarialModel
from tests.numerics import array, tensor


class Points(AdversarialModel):
    """A generator of points, and the distance from the origin as scores."""

    image_shape = (3,)
    value_range = (-1.0, 1.0)

    def __init__(self, condition=None, generator=None, **kwargs):
        super().__init__(seed=0, **kwargs)
        self.condition = condition
        self.generator = self.network_of(
            "generator", generator, lambda: linear(self.latent_dim)
        )

    def discriminate_step(self, x, condition=None, training=False):
        scores = ops.sum(ops.square(x), axis=-1, keepdims=True)
        if condition is not None:
            scores = scores + ops.cast(condition, scores.dtype)[:, None]
        return self.scalar_outputs(scores)


def linear(*sizes):
    """From one or several vectors, side by side, to points."""
    inputs = [keras.Input((size,)) for size in sizes]
    z = layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    points = layers.Dense(3)(z)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], points)


def expected(model, z):
    kernel, bias = map(array, model.generator.layers[-1].weights)
    return np.concatenate(z, axis=-1) @ kernel + bias


STRUCTURED = Joint([IsotropicNormal(2), Categorical(4), Uniform(1)])


@pytest.fixture(scope="module")
def structured():
    return Points(prior=STRUCTURED, generator=linear(2, 4, 1))


@pytest.fixture(scope="module")
def plain():
    return Points(latent_dim=2)


# ---- The prior --------------------------------------------------------------


def test_a_name_is_the_prior_of_so_many_latents():
    assert Points(latent_dim=2).prior == IsotropicNormal(2)
    assert Points(latent_dim=2, prior="uniform").prior == Uniform(2, -1.0, 1.0)


def test_a_distribution_sets_the_number_of_latents(structured):
    model = Points(prior=Uniform(2, 0.0, 1.0))
    assert model.latent_dim == 2
    assert structured.latent_dim == 2 + 4 + 1
    z = array(model.draw_latents(1000))
    assert 0.0 <= z.min() < 0.05 and 0.95 < z.max() <= 1.0


@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_latents_are_new_draws_each_time(prior):
    model = Points(latent_dim=2, prior=prior)
    first, second = (array(model.draw_latents(4000)) for _ in range(2))
    assert first.shape == (4000, 2)
    assert np.abs(first - second).max() > 0.1
    # 8,000 draws: 0.8 % standard error of the deviation.
    deviation = 3**-0.5 if prior == "uniform" else 1.0
    assert first.std() == pytest.approx(deviation, rel=0.04)
    assert abs(first.mean()) < 0.06
    assert (np.abs(first).max() <= 1.0) == (prior == "uniform")


@pytest.mark.parametrize("latent_dim", [0, -1])
def test_the_number_of_latents_is_positive(latent_dim):
    with pytest.raises(ValueError, match="`latent_dim` must be above 0"):
        Points(latent_dim=latent_dim)


# ---- Structured latents -----------------------------------------------------


def test_structured_latents_are_the_inputs_of_the_generator(structured):
    z = [array(part) for part in STRUCTURED.sample(5, seed=3)]
    for given in (tuple(z), z):
        found = structured.generate(given)
        np.testing.assert_allclose(found, expected(structured, z), rtol=1e-5)
    draws = structured.draw_latents(5, seed=3)
    for part, other in zip(draws, z, strict=True):
        np.testing.assert_array_equal(array(part), other)
    step = array(structured.generate_step(draws))
    np.testing.assert_allclose(step, expected(structured, z), rtol=1e-5)
    np.testing.assert_allclose(
        structured.sample(5, seed=3), expected(structured, z), rtol=1e-5
    )
    assert structured.sample(4).shape == (4, 3)


def test_lines_between_structured_latents(structured):
    a, b = (
        [array(part) for part in STRUCTURED.sample(5, seed=seed)]
        for seed in (1, 2)
    )
    lines = structured.interpolate_latents(a, b, steps=3)
    middle = [(x + y) / 2 for x, y in zip(a, b, strict=True)]
    for i, z in enumerate((a, middle, b)):
        np.testing.assert_allclose(
            lines[:, i], expected(structured, z), rtol=1e-4, atol=1e-5
        )


def test_structured_latents_are_served_by_name(structured):
    signature = structured.signatures()["serving_default"]
    sizes = {name: spec.size for name, spec in signature.inputs.items()}
    assert sizes == {"z_0": 2, "z_1": 4, "z_2": 1}
    z = [array(part) for part in STRUCTURED.sample(5, seed=3)]
    found = array(signature.fn(*map(tensor, z)))
    np.testing.assert_allclose(found, expected(structured, z), rtol=1e-5)


def test_structured_latents_may_have_one_part():
    prior = Joint([Uniform(2)])
    model = Points(prior=prior, generator=linear(2))
    z = array(prior.sample(5, seed=3)[0])
    for found in (model.generate((z,)), model.sample(5, seed=3)):
        np.testing.assert_allclose(found, expected(model, [z]), rtol=1e-5)
    lines = model.interpolate_latents((z,), (z,), steps=2)
    np.testing.assert_allclose(lines[:, 1], found, rtol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([2, 4], r"`z` must be a tuple of the parts \[0, 1, 2\]"),
        ([2, 4, 2], r"`z\[2\]` of Points .*\(None, 1\), as `prior` sets"),
    ],
)
def test_structured_latents_have_all_their_parts(structured, sizes, words):
    with pytest.raises(ValueError, match=words):
        structured.generate([np.zeros((5, size)) for size in sizes])


# ---- Use --------------------------------------------------------------------


def test_latents_are_checked(plain):
    assert plain.signatures()["serving_default"].inputs == {
        "z": Vector(2, "latent_dim")
    }
    for z in (np.zeros((5, 3)), np.zeros(2)):
        with pytest.raises(ValueError, match=r"`z` of Points .*\(None, 2\)"):
            plain.generate(z)


def test_scores_of_examples(plain):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    for size in (2, 256):
        found = plain.discriminate(x, batch_size=size)
        np.testing.assert_allclose(found, (x**2).sum(-1), rtol=1e-5)
    with pytest.raises(ValueError, match=r"`x` of Points .*\(None, 3\)"):
        plain.discriminate(np.zeros((5, 4)))
    with pytest.raises(ValueError, match="`labels` of Points must be None"):
        plain.discriminate(x, labels=1)


def test_a_discriminator_may_be_conditioned_on_classes():
    z, label = keras.Input((2,)), keras.Input((), dtype="int32")
    generator = keras.Model([z, label], layers.Dense(3)(z))
    model = Points(Labels(3), latent_dim=2, generator=generator)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    squares = (x**2).sum(-1)
    np.testing.assert_allclose(model.discriminate(x), squares, rtol=1e-5)
    found = model.discriminate(x, labels=[2, 0, 1, 1, 0])
    np.testing.assert_allclose(found, squares + [2, 0, 1, 1, 0], rtol=1e-5)


def test_wrong_labels_do_not_move_the_seed():
    first, second = Points(latent_dim=2), Points(latent_dim=2)
    with pytest.raises(ValueError, match="must be None"):
        first.sample(3, labels=1)
    np.testing.assert_array_equal(
        array(first.draw_latents(5)), array(second.draw_latents(5))
    )


def test_a_generator_takes_latents_and_conditions():
    for wrong in (linear(3), linear(2, 1)):
        with pytest.raises(ValueError, match=r"`generator`.*\(None, 2\)"):
            Points(latent_dim=2, generator=wrong)
    with pytest.raises(ValueError, match=r"\(None, 2\), \(None,\)\."):
        Points(Labels(3), latent_dim=2, generator=linear(2))
    with pytest.raises(ValueError, match=r"\(None, 2\), \(None, 4\), "):
        Points(prior=STRUCTURED, generator=linear(2, 4))


def test_the_range_of_a_users_generator_is_not_known():
    assert Points(latent_dim=2).value_range == (-1.0, 1.0)
    assert Points(latent_dim=2, generator=linear(2)).value_range is None


# ---- The average of the weights ---------------------------------------------


@pytest.mark.parametrize(
    ("ema_warmup", "decays"),
    [(True, [1 / 10, 2 / 11, 1 / 4, 0.3, 0.3]), (False, [0.3] * 5)],
)
def test_the_decay_of_the_average(ema_warmup, decays):
    model = Points(latent_dim=2, ema_decay=0.3, ema_warmup=ema_warmup)
    kernel, average = (
        network.layers[-1].kernel
        for network in (model.generator, model.ema_generator)
    )
    expected = array(average)
    for step, decay in enumerate(decays):
        kernel.assign(np.full(kernel.shape, step, "float32"))
        model.steps_seen.assign(step)
        model.after_update("discriminator")
        np.testing.assert_array_equal(array(average), expected)
        model.after_update("generator")
        expected = decay * expected + (1 - decay) * step
        np.testing.assert_allclose(array(average), expected, rtol=1e-6)
        expected = array(average)
