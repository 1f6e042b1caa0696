"""A model that was saved and loaded is the model that was not."""

import inspect

import keras
import numpy as np
import pytest

from tests.contract.helpers import (
    assert_identical,
    build,
    class_of,
    compiled,
    data_of,
    fit,
    inputs_of,
    layers_of,
    plain,
    state_of,
)
from tests.contract.settings import SETTINGS


def values_in(config):
    """The arguments that are not networks, as a file holds them."""
    return {
        name: value
        for name, value in plain(config).items()
        if name == "dtype" or not isinstance(value, dict)
    }


def assert_same_optimizers(left, right):
    assert list(left.optimizer.keys()) == list(right.optimizer.keys())
    for player in left.players:
        a, b = left.optimizer[player], right.optimizer[player]
        assert type(a) is type(b)
        assert a.get_config() == b.get_config()


def assert_goes_on_alike(model, other, data):
    """Both are the same, and are still after two steps more."""
    assert_identical(state_of(model), state_of(other))
    assert fit(model, data) == fit(other, data)
    assert_identical(state_of(model), state_of(other))


@pytest.mark.parametrize("own_networks", [False, True])
def test_loading_and_going_on_is_going_on(case, own_networks, tmp_path):
    """Without a seed, so that all randomness must come from the file."""
    networks = SETTINGS[case].networks() if own_networks else {}
    model = compiled(case, build_arguments={"seed": None, **networks})
    fit(model, data_of(case))
    path = tmp_path / "model.keras"
    model.save(path)
    keras.utils.set_random_seed(99)
    loaded = keras.saving.load_model(path)
    assert type(loaded) is class_of(case)
    assert loaded.compiled and int(loaded.epochs_seen) == 1
    assert_same_optimizers(model, loaded)
    assert loaded.get_compile_config() == model.get_compile_config()
    assert_goes_on_alike(model, loaded, data_of(case, seed=2))


def test_weights_go_into_a_compiled_twin(case, tmp_path):
    model = compiled(case, build_arguments={"seed": None})
    fit(model, data_of(case))
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    twin = compiled(case, build_arguments={"seed": 31})
    fit(twin, data_of(case, steps=1, seed=5))
    twin.load_weights(path)
    assert_goes_on_alike(model, twin, data_of(case, seed=2))


def test_a_model_that_was_never_compiled_can_be_saved(case, tmp_path):
    model = build(case)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert not loaded.compiled
    inputs = inputs_of(case)
    for left, right in zip(
        keras.tree.flatten(model(inputs)),
        keras.tree.flatten(loaded(inputs)),
        strict=True,
    ):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(left), keras.ops.convert_to_numpy(right)
        )


@pytest.mark.parametrize("own_networks", [False, True])
def test_configuration_makes_the_same_model(case, own_networks):
    networks = SETTINGS[case].networks() if own_networks else {}
    model = build(case, name="a_name", **networks)
    config = model.get_config()
    clone = class_of(case).from_config(config)
    assert clone.name == "a_name"
    assert values_in(clone.get_config()) == values_in(config)
    for name, network in networks.items():
        if isinstance(network, keras.Model):
            assert getattr(model, name) is network
            assert getattr(clone, name) is not network
    for name in SETTINGS[case].arguments():
        if hasattr(model, name) and name not in networks:
            value = getattr(model, name)
            if not isinstance(value, keras.layers.Layer):
                assert getattr(clone, name) == value, name
    assert [
        (type(layer), tuple(tuple(v.shape) for v in layer.weights))
        for layer in layers_of(model)
    ] == [
        (type(layer), tuple(tuple(v.shape) for v in layer.weights))
        for layer in layers_of(clone)
    ]


def test_every_argument_is_kept(case):
    """`get_config` has each argument, as given or by default."""
    model = build(case)
    given = {"seed": 7, **SETTINGS[case].arguments()}
    config = plain(model.get_config())
    for name, parameter in inspect.signature(class_of(case)).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        expected = given.get(name, parameter.default)
        if not isinstance(expected, keras.layers.Layer):
            assert config[name] == plain(expected), name
