import keras
import numpy as np
import pytest

from keras_gen import layers
from tests.numerics import array, tensor

N, SHAPE = 400, (5, 4, 1)

CORRUPTIONS = {
    "exact": lambda: layers.MaskingNoise(0.25, exact=True, seed=3),
    "masking": lambda: layers.MaskingNoise(0.25, exact=False, seed=3),
    "salt": lambda: layers.SaltAndPepperNoise(0.25, seed=3),
    "gaussian": lambda: layers.AdditiveNoise(0.4, seed=3),
    "dropout": lambda: layers.DropoutNoise(0.25, seed=3),
}


def examples():
    """Numbers that no corruption would make."""
    rng = np.random.default_rng(0)
    return rng.uniform(0.3, 0.7, (N, *SHAPE)).astype("float32")


def corrupted(layer, x=None):
    x = examples() if x is None else x
    return x, *map(array, layer.corrupt(tensor(x)))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_nothing_happens_outside_of_training(name):
    layer, x = CORRUPTIONS[name](), examples()
    np.testing.assert_array_equal(array(layer(x)), x)
    np.testing.assert_array_equal(array(layer(x, training=False)), x)
    noisy = array(layer(x, training=True))
    assert np.mean(noisy != x) > 0.2
    # The noise is fresh in each call.
    assert np.any(array(layer(x, training=True)) != noisy)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_configuration_makes_the_same_noise(name):
    layer = CORRUPTIONS[name]()
    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()
    x = examples()
    np.testing.assert_array_equal(
        array(layer(x, training=True)), array(clone(x, training=True))
    )


@pytest.mark.parametrize("name", ["exact", "masking", "salt"])
def test_what_is_not_chosen_stays_as_it_was(name):
    x, noisy, chosen = corrupted(CORRUPTIONS[name]())
    assert set(np.unique(chosen)) == {0.0, 1.0}
    np.testing.assert_array_equal(noisy[chosen == 0], x[chosen == 0])
    assert np.all(noisy[chosen == 1] != x[chosen == 1])
    # 8,000 entries: a standard error of 0.005.
    assert abs(chosen.mean() - 0.25) < 0.02


def test_exact_masking_chooses_the_same_number_everywhere():
    _, noisy, chosen = corrupted(CORRUPTIONS["exact"]())
    np.testing.assert_array_equal(chosen.sum((1, 2, 3)), 5)
    np.testing.assert_array_equal(noisy[chosen == 1], 0.0)
    # Each entry in its turn: 400 draws, a standard error of 0.022.
    assert np.all(np.abs(chosen.mean(0) - 0.25) < 0.09)


def test_independent_masking_chooses_each_by_itself():
    _, noisy, chosen = corrupted(CORRUPTIONS["masking"]())
    np.testing.assert_array_equal(noisy[chosen == 1], 0.0)
    counts = chosen.sum((1, 2, 3))
    # Binomial of 20 and 1/4: variance 3.75, standard error about 0.27.
    assert abs(counts.var() - 3.75) < 1.1


def test_salt_and_pepper_are_a_fair_coin():
    layer = layers.SaltAndPepperNoise(0.5, low=-1.0, high=2.0, seed=1)
    _, noisy, chosen = corrupted(layer)
    values = noisy[chosen == 1]
    assert set(np.unique(values)) == {-1.0, 2.0}
    # 4,000 coins: a standard error of 0.008.
    assert abs(np.mean(values == 2.0) - 0.5) < 0.03


def test_additive_noise_is_normal_and_not_clipped():
    x, noisy, chosen = corrupted(CORRUPTIONS["gaussian"]())
    np.testing.assert_array_equal(chosen, 1.0)
    added = noisy - x
    # 8,000 draws: standard errors of 0.0045 and 0.0032.
    assert abs(added.mean()) < 0.018
    assert abs(added.std() - 0.4) < 0.013
    assert noisy.min() < 0.0 and noisy.max() > 1.0


def test_dropout_is_masking_rescaled():
    masking = layers.MaskingNoise(0.25, exact=False, seed=3)
    dropout = layers.DropoutNoise(0.25, seed=3)
    x, masked, chosen = corrupted(masking)
    _, dropped, chosen_too = corrupted(dropout)
    np.testing.assert_array_equal(chosen, chosen_too)
    np.testing.assert_allclose(masked, 0.75 * dropped, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["MaskingNoise", "SaltAndPepperNoise", "DropoutNoise"]
)
@pytest.mark.parametrize("level", [-0.1, 1.1])
def test_a_level_is_a_share(name, level):
    with pytest.raises(ValueError, match=f"from 0 to 1.*level={level}"):
        getattr(layers, name)(level)


def test_other_wrong_levels():
    with pytest.raises(ValueError, match="stddev=-1"):
        layers.AdditiveNoise(-1)
    with pytest.raises(ValueError, match="below 1"):
        layers.DropoutNoise(1)


def test_a_given_generator_is_used():
    generator = keras.random.SeedGenerator(8)
    layer = layers.MaskingNoise(0.5, seed=generator)
    assert layer.seed_generator is generator
    assert layer.get_config()["seed"] is None
