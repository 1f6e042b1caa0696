"""What all distributions have in common."""

import keras
import numpy as np
import pytest

from keras_gen.backend import noise
from keras_gen.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    FromFunction,
    GaussianMixtureRing,
    IsotropicNormal,
    Joint,
    Normal,
    Uniform,
)
from tests.distributions.draws import PRIORS, N, drawn, many
from tests.numerics import array, double_precision, tensor

every_prior = pytest.mark.parametrize("name", PRIORS)


def flat(draws):
    """All components of an event in one vector."""
    return np.concatenate(draws, -1) if isinstance(draws, tuple) else draws


@every_prior
def test_an_integer_seed_gives_the_same_draws(name):
    prior = PRIORS[name]
    draws = drawn(prior, n=50, seed=4)
    again, other = (flat(drawn(prior, n=50, seed=s)) for s in (4, 5))
    shapes = keras.tree.map_structure(lambda x: x.shape[1:], draws)
    assert shapes == prior.event_shape
    np.testing.assert_array_equal(flat(draws), again)
    assert not np.allclose(flat(draws), other, atol=1e-3)


@pytest.mark.parametrize("name", ["ring", "roll", "joint"])
def test_draws_from_an_integer_seed_are_separate(monkeypatch, name):
    """The component and the place in it have draws of their own."""
    seeds = []
    draws = {k: getattr(noise, k) for k in ("labels", "normal", "uniform")}
    for kind in draws:

        def recording(*arguments, kind=kind):
            seeds.extend(
                a
                for a in arguments
                if isinstance(a, keras.random.SeedGenerator)
            )
            return draws[kind](*arguments)

        monkeypatch.setattr(noise, kind, recording)
    drawn(PRIORS[name], n=50, seed=4)
    assert len(seeds) == (3 if name == "joint" else 2)
    assert all(seed is seeds[0] for seed in seeds)


@every_prior
def test_the_number_of_draws_is_always_the_first_axis(name):
    prior = PRIORS[name]
    draws = flat(drawn(prior, n=1))
    assert len(draws) == 1 and draws.ndim == 2
    with pytest.raises(TypeError, match="'n'"):
        prior.sample()


def test_each_distribution_of_a_batch_is_drawn_from_n_times():
    batch = Normal(tensor(np.zeros((4, 3))), 0.0)
    assert array(batch.sample(1, seed=0)).shape == (1, 4, 3)
    assert array(batch.sample(5, seed=0)).shape == (5, 4, 3)


@every_prior
def test_a_generator_goes_on(name):
    generator = keras.random.SeedGenerator(3)
    first, second = (
        flat(drawn(PRIORS[name], n=50, seed=generator)) for _ in range(2)
    )
    assert not np.allclose(first, second, atol=1e-3)


@every_prior
def test_configuration_makes_the_same_distribution(name):
    prior = PRIORS[name]
    config = keras.saving.serialize_keras_object(prior)
    clone = keras.saving.deserialize_keras_object(config)
    assert type(clone) is type(prior)
    assert clone == prior and hash(clone) == hash(prior)
    assert clone.get_config() == prior.get_config()
    assert type(prior).from_config(prior.get_config()) == prior
    registered = keras.saving.get_registered_name(type(prior))
    assert registered == f"keras_gen>{type(prior).__name__}"
    assert clone != IsotropicNormal(3, std=2.5) and clone != Categorical(3)
    np.testing.assert_array_equal(
        flat(drawn(clone, n=50)), flat(drawn(prior, n=50))
    )


@pytest.mark.parametrize("name", ["normal", "uniform", "joint"])
def test_labels_need_components(name):
    with pytest.raises(ValueError, match="`labels` must be None.*components"):
        drawn(PRIORS[name], labels=[0, 1], n=2)


@pytest.mark.parametrize("name", ["normal", "uniform", "categorical", "joint"])
def test_the_mean_is_that_of_the_draws(name):
    prior = PRIORS[name]
    mean = flat(keras.tree.map_structure(array, prior.mean))
    # Five standard errors, of a deviation of 2 at most.
    np.testing.assert_allclose(
        flat(many(name)).mean(0), mean, atol=5 * 2 / N**0.5
    )


def test_what_is_missing_is_said():
    with pytest.raises(NotImplementedError, match="Distribution needs `draw`"):
        Distribution().sample(3)
    with pytest.raises(NotImplementedError, match="Bernoulli needs `draw`"):
        Bernoulli(tensor(np.zeros((2, 3)))).sample(3)
    with pytest.raises(NotImplementedError, match="has no density"):
        Distribution().log_prob(tensor(np.zeros((1, 2))))
    with pytest.raises(NotImplementedError, match="has no `mean`"):
        _ = GaussianMixtureRing().mean
    with pytest.raises(NotImplementedError, match="define `get_config`"):
        Distribution().get_config()


def test_distributions_without_a_configuration_are_equal_to_themselves():
    first, second = (Bernoulli(tensor(np.zeros((2, 3)))) for _ in range(2))
    assert first == first and first != second


# ---- Types ------------------------------------------------------------------

BITS = np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
PARAMETERS = np.array([[0.5, -1.5], [2.0, 0.25]])
DENSITIES = {
    "bernoulli": lambda dtype: Bernoulli(typed(PARAMETERS[0], dtype)),
    "normal": lambda dtype: Normal(*typed(PARAMETERS, dtype)),
    "one log-variance": lambda dtype: Normal(typed(PARAMETERS[0], dtype), 0.5),
    "isotropic": lambda dtype: IsotropicNormal(2, 2.0),
    "uniform": lambda dtype: Uniform(2, -0.5, 0.75),
    "categorical": lambda dtype: Categorical(2),
    "ring": lambda dtype: GaussianMixtureRing(4),
}
every_density = pytest.mark.parametrize("name", DENSITIES)
EVENT_TYPES = ("uint8", "int8", "int32", "int64", "float16", "float64")


def typed(x, dtype):
    return keras.ops.convert_to_tensor(np.asarray(x, dtype))


@every_density
def test_events_may_be_of_any_type(name):
    distribution = DENSITIES[name]("float32")
    expected = array(distribution.log_prob(typed(BITS, "float32")))
    assert np.ptp(expected) > 0.0 or name == "categorical"
    for dtype in EVENT_TYPES:
        found = array(distribution.log_prob(typed(BITS, dtype)))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_a_tuple_of_events_may_be_of_several_types():
    prior = Joint([Uniform(2, -1.0, 2.0), Categorical(2)])
    events = BITS[:2], np.eye(2)
    expected = prior.log_prob(tuple(typed(x, "float32") for x in events))
    found = prior.log_prob((typed(BITS[:2], "int64"), typed(events[1], "int8")))
    np.testing.assert_array_equal(array(found), array(expected))


@every_density
def test_densities_are_of_the_type_of_the_parameters(name):
    with double_precision():
        distribution = DENSITIES[name]("float64")
        expected = array(distribution.log_prob(typed(BITS, "float64")))
        assert expected.dtype == np.float64 or name == "uniform"
        for dtype in ("int32", "float16", "float32"):
            found = array(distribution.log_prob(typed(BITS, dtype)))
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["bernoulli", "normal", "one log-variance"])
def test_half_precision_parameters_give_float32(name):
    expected, half = DENSITIES[name]("float32"), DENSITIES[name]("float16")
    assert array(half.mean).dtype == np.float32
    for dtype in ("int32", "float16", "float32"):
        found = array(half.log_prob(typed(BITS, dtype)))
        assert found.dtype == np.float32
        # The parameters are multiples of 1/4.
        np.testing.assert_array_equal(
            found, array(expected.log_prob(typed(BITS, "float32")))
        )


def test_noise_and_the_other_distribution_may_be_of_another_type():
    q, half = (Normal(*typed(PARAMETERS, t)) for t in ("float32", "float16"))
    for dtype in ("int32", "float16", "float64"):
        np.testing.assert_array_equal(
            array(q.reparameterize(typed(BITS, dtype))),
            array(q.reparameterize(typed(BITS, "float32"))),
        )
    assert float(array(q.kl_divergence(half))) == 0.0
    prior = IsotropicNormal(2, 2.0)
    np.testing.assert_array_equal(
        array(half.kl_divergence(prior)), array(q.kl_divergence(prior))
    )
    np.testing.assert_array_equal(
        array(half.product(q).mean), array(q.product(half).mean)
    )


def test_a_function_that_draws_integers_gives_floats():
    prior = FromFunction(lambda n, labels, seed: typed(BITS, "int32"), 2)
    assert array(prior.sample(4)).dtype == np.float32
