"""One definition, one result: the same training on every backend."""

import numpy as np
import pytest

from tests.integration import processes

MODELS = ("vae", "ladder_vae", "dcgan", "wgan_gp")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agree")
    processes.run("agree.py", "jax", folder, "start")
    # Each goes on from the checkpoint of another; JAX also from its own.
    processes.run("agree.py", "torch", folder, "train")
    processes.run("agree.py", "jax", folder, "train", "jax", "torch")
    processes.run("agree.py", "tensorflow", folder, "train", "jax")
    processes.run("agree.py", "torch", folder, "train", "tensorflow")
    return folder


def differences(expected, actual):
    """The relative difference of each variable.

    Some variables stay zero but for rounding, such as an offset that the next
    batch normalization takes away: entries are held against at least 1e-3 of
    the largest of their kind, 1e-4 of which is float32's rounding error.
    """
    assert sorted(expected) == sorted(actual)

    def kind(key):
        group, _, name = key.split("/")
        return group, name

    largest = {}
    for key in expected:
        size = np.abs(expected[key]).max(initial=0.0)
        largest[kind(key)] = max(largest.get(kind(key), 0.0), size)
    return {
        key: processes.largest_difference(
            expected[key], actual[key], floor=1e-3 * largest[kind(key)]
        )
        for key in expected
    }


@pytest.mark.parametrize("other", ["tensorflow", "torch"])
@pytest.mark.parametrize("name", MODELS)
def test_ten_steps_agree(folder, name, other):
    expected = np.load(folder / f"{name}_jax.npz")
    actual = np.load(folder / f"{name}_{other}.npz")
    worst = differences(expected, actual)
    assert max(worst.values()) < TOLERANCE, worst


@pytest.mark.parametrize(
    "writer, reader",
    [("jax", "tensorflow"), ("tensorflow", "torch"), ("torch", "jax")],
)
@pytest.mark.parametrize("name", MODELS)
def test_a_checkpoint_goes_on_elsewhere(folder, name, writer, reader):
    expected = np.load(folder / f"{name}_{writer}.npz")
    actual = np.load(folder / f"{name}_{reader}_from_{writer}.npz")
    worst = differences(expected, actual)
    assert max(worst.values()) < TOLERANCE, worst


@pytest.mark.parametrize("name", MODELS)
def test_saving_half_way_changes_nothing(folder, name):
    whole = dict(np.load(folder / f"{name}_jax.npz"))
    halves = dict(np.load(folder / f"{name}_jax_from_jax.npz"))
    assert any(
        np.abs(whole[key]).max() > 0 for key in whole if "momentum" in key
    )
    for key in whole:
        np.testing.assert_array_equal(whole[key], halves[key], key)
