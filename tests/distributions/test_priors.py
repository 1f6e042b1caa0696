"""What the `prior` argument of a model may be."""

import keras
import numpy as np
import pytest

from keras_gen.distributions import (
    FromFunction,
    IsotropicNormal,
    Joint,
    SwissRoll,
    Uniform,
    resolve_prior,
)
from tests.numerics import array


def test_names():
    assert resolve_prior("normal", 4, 5.0).get_config() == {
        "latent_dim": 4,
        "std": 5.0,
    }
    assert resolve_prior("normal", 4).std == 1.0
    assert resolve_prior("uniform", 3).get_config() == {
        "latent_dim": 3,
        "low": -1.0,
        "high": 1.0,
    }
    r = 3.0**0.5
    for name, low, high in (
        ("uniform_unit_variance", -r, r),
        ("uniform_unit_interval", 0.0, 1.0),
    ):
        config = resolve_prior(name, 3).get_config()
        assert (config["low"], config["high"]) == pytest.approx((low, high))
    assert resolve_prior("mixture", 2, num_components=7).get_config() == {
        "num_components": 7,
        "shift": 1.4,
        "radial_std": 0.5,
        "tangential_std": 0.05,
    }
    assert resolve_prior("swiss_roll", 2).get_config() == {
        "num_components": 10,
        "radius": 3.0,
        "turns": 2.0,
    }


def test_distributions_are_taken_as_they_are():
    for own, size in (
        (IsotropicNormal(4), 4),
        (SwissRoll(3), 2),
        (Joint([Uniform(3), Uniform(2)]), None),
    ):
        assert resolve_prior(own, size) is own
    assert resolve_prior(SwissRoll(3), 2, num_components=3).num_components == 3


@keras.saving.register_keras_serializable("keras_gen_tests")
def twos(n, labels=None, seed=None):
    twos.seen.append((n, labels, seed))
    return np.full((n, 3), 2)


def test_a_function_of_ones_own():
    twos.seen = []
    made = resolve_prior(twos, 3, num_components=5)
    assert isinstance(made, FromFunction) and made.latent_dim == 3
    generator = keras.random.SeedGenerator(1)
    z = made.sample(4, labels=[0, -1, 2, 3], seed=generator)
    np.testing.assert_array_equal(array(z), np.full((4, 3), 2.0))
    assert keras.backend.standardize_dtype(z.dtype) == "float32"
    assert twos.seen == [(4, [0, -1, 2, 3], generator)]
    made.sample(4, seed=7)
    assert isinstance(twos.seen[-1][-1], keras.random.SeedGenerator)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(4, 3\)"):
        resolve_prior(twos, 2).sample(4)
    config = keras.saving.serialize_keras_object(made)
    clone = keras.saving.deserialize_keras_object(config)
    assert clone.function is twos and clone == made
    assert FromFunction.from_config(made.get_config()) == made
    registered = keras.saving.get_registered_name(FromFunction)
    assert registered == "keras_gen>FromFunction"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"prior": "cauchy"}, ("'cauchy'", "'swiss_roll'")),
        ({"prior": 3.0}, ("prior=3.0", "a function")),
        ({"prior": "mixture", "latent_dim": 8}, ("size 2", "latent_dim=2")),
        (
            {"prior": "normal", "num_components": 3},
            ("3 components", "no components", "'mixture'"),
        ),
        (
            {"prior": SwissRoll(4), "latent_dim": 2, "num_components": 3},
            ("3 components", "4 components"),
        ),
    ],
)
def test_wrong_priors(arguments, words):
    with pytest.raises(ValueError) as error:
        resolve_prior(**{"latent_dim": 3, **arguments})
    for word in words:
        assert word in str(error.value)


def test_a_standard_deviation_is_positive():
    with pytest.raises(ValueError, match="above 0.*std=0.0"):
        IsotropicNormal(3, std=0.0)
