"""Where a model's random numbers come from."""

import random

import keras
import numpy as np
import pytest

import keras_gen
from keras_gen import backend
from keras_gen.backend import noise, replica, replica_mean
from keras_gen.engine import GenerativeModel
from tests.engine.toys import Solo, array

DRAWS = {
    "normal": lambda shape, seed: noise.normal(shape, seed),
    "uniform": lambda shape, seed: noise.uniform(shape, seed, -2.0, 5.0),
    "labels": lambda shape, seed: noise.labels(shape, 7, seed),
}


def states(seed, purposes=("latents", "labels")):
    model = Solo(seed=seed)
    return [
        tuple(array(model.seed_generator(purpose).state))
        for purpose in purposes
    ]


def test_seeds_differ_by_purpose_and_by_seed():
    everything = [state for seed in range(5) for state in states(seed)]
    assert len(set(everything)) == len(everything)
    assert states(3) == states(3)


def test_neighboring_seeds_share_no_draws():
    """Where a draw's number is added to the seed, 0 and 1 would overlap."""
    draws = []
    for seed in (0, 1):
        generator = Solo(seed=seed).seed_generator("latents")
        draws += [
            float(array(keras.random.normal((), seed=generator)))
            for _ in range(5)
        ]
    assert len(set(draws)) == len(draws)


def test_without_a_seed_it_follows_keras():
    def draw(seed):
        keras.utils.set_random_seed(seed)
        return states(None)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    keras.utils.set_random_seed(1)
    assert states(None) != states(None)


def test_a_model_has_its_seeds_among_its_variables():
    model = Solo(seed=0)
    assert any(v is model.noise_seed.state for v in model.variables)
    assert all(v is not model.noise_seed.state for v in model.weights)


def test_a_single_worker():
    assert replica() == (0, 1)
    x = np.arange(3.0, dtype="float32")
    np.testing.assert_array_equal(array(replica_mean(x)), x)


@pytest.mark.parametrize("name", DRAWS)
def test_noise_has_its_shape_and_follows_its_seed(name):
    draw = DRAWS[name]
    first = array(draw((1000, 2), 3))
    assert first.shape == (1000, 2)
    np.testing.assert_array_equal(first, array(draw((1000, 2), 3)))
    assert not np.array_equal(first, array(draw((1000, 2), 4)))
    generator = keras.random.SeedGenerator(0)
    assert not np.array_equal(
        array(draw((9, 2), generator)), array(draw((9, 2), generator))
    )
    # Means within four standard errors of 2000 draws.
    mean, deviation = {
        "normal": (0.0, 1.0),
        "uniform": (1.5, 7 / 12**0.5),
        "labels": (3.0, 2.0),
    }[name]
    assert abs(first.mean() - mean) < 4 * deviation / 2000**0.5
    assert abs(first.std() / deviation - 1) < 0.1
    if name == "labels":
        assert first.dtype == "int32"
        assert set(first.ravel()) == set(range(7))
    if name == "uniform":
        assert first.min() >= -2 and first.max() < 5


@pytest.mark.parametrize("name", DRAWS)
def test_workers_draw_the_rows_of_one_batch(name, monkeypatch):
    draw = DRAWS[name]
    whole = array(draw((6, 2), 3))
    rows = []
    for index in range(3):
        monkeypatch.setattr(backend, "replica", lambda index=index: (index, 3))
        rows.append(array(draw((2, 2), 3)))
    np.testing.assert_array_equal(np.concatenate(rows), whole)


class Built(GenerativeModel):
    """Builds its network itself, with random layers."""

    def __init__(self, seed=None):
        super().__init__(seed=seed)
        with self.building_scope():
            first, second = keras.layers.Dense(4), keras.layers.Dense(4)
            self.network = keras.Sequential(
                [keras.Input((4,)), first, keras.layers.Dropout(0.5), second]
            )


def test_initial_weights_and_layers_follow_from_the_seed():
    keras.utils.set_random_seed(5)
    first = [array(v) for v in Built(seed=3).variables]
    keras.utils.set_random_seed(6)
    again = [array(v) for v in Built(seed=3).variables]
    other = [array(v) for v in Built(seed=4).variables]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    kernels = [v for v in first if v.shape == (4, 4)]
    assert len(kernels) == 2
    assert not np.array_equal(*kernels)
    for mine, theirs in zip(first, other, strict=True):
        if mine.shape == (4, 4) or mine.dtype == "uint32":
            assert not np.array_equal(mine, theirs)


def test_building_leaves_pythons_random_numbers_alone():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    Built(seed=3)
    assert random.random() == expected
    keras.utils.set_random_seed(5)
    first = array(Built().network.weights[0])
    assert not np.array_equal(first, array(Built().network.weights[0]))


def test_models_built_in_threads_are_those_of_their_seed():
    from concurrent.futures import ThreadPoolExecutor

    def kernels(seed):
        model = keras_gen.VAE((6,), latent_dim=2, hidden_units=9, seed=seed)
        return [keras.ops.convert_to_numpy(v) for v in model.weights]

    alone = kernels(1)
    with ThreadPoolExecutor(4) as pool:
        for weights in pool.map(kernels, [1] * 8):
            for a, b in zip(alone, weights, strict=True):
                np.testing.assert_array_equal(a, b)
