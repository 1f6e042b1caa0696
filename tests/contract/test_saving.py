"""A model that was saved and loaded is the model that was not."""

import inspect

import keras
import numpy as np

from keras_gen import load_model
from keras_gen.engine.freezing import trainable_by_nature
from tests.contract.helpers import (
    arrays,
    assert_finite,
    assert_identical,
    fit,
    layers_of,
    plain,
    state_of,
    trained,
)


def assert_same_optimizers(left, right):
    assert list(left.optimizer.keys()) == list(right.optimizer.keys())
    for player in left.players:
        a, b = left.optimizer[player], right.optimizer[player]
        assert type(a) is type(b)
        assert a.get_config() == b.get_config()


def assert_goes_on_alike(model, other, data):
    """Both are the same, and are still after one step more."""
    assert_identical(state_of(model), state_of(other))
    assert fit(model, data) == fit(other, data)
    assert_identical(state_of(model), state_of(other))


def test_loading_and_going_on_is_going_on(plain_case, tmp_path):
    """Without a seed, so that all randomness must come from the file."""
    model = plain_case.compiled(build={"seed": None})
    fit(model, plain_case.data())
    model.save(tmp_path / "model.keras")
    keras.utils.set_random_seed(99)
    loaded = load_model(tmp_path / "model.keras")
    assert type(loaded) is plain_case.cls
    assert loaded.compiled and int(loaded.epochs_seen) == 1
    assert_same_optimizers(model, loaded)
    assert loaded.get_compile_config() == model.get_compile_config()
    assert_goes_on_alike(model, loaded, data=plain_case.data(steps=1, seed=2))


def test_weights_are_all_that_a_twin_needs(first_case, tmp_path):
    """One of another past: its seeds and optimizers are replaced too."""
    model = first_case.compiled()
    fit(model, first_case.data())
    model.save_weights(tmp_path / "model.weights.h5")
    twin = first_case.compiled(build={"seed": 31})
    fit(twin, first_case.data(steps=1, seed=2))
    twin.load_weights(tmp_path / "model.weights.h5")
    assert_goes_on_alike(model, twin, data=first_case.data(steps=1, seed=2))


def test_own_networks_follow_the_seed_and_go_on(swept_own_case, tmp_path):
    """With a dropout in each, which has no seed of its own."""
    data = swept_own_case.data(steps=1)

    def build(seed):
        networks = swept_own_case.own_networks()
        return swept_own_case.compiled(build={"seed": seed, **networks})

    def seeds(model):
        return arrays(
            v for v in model.variables if "seed_generator_state" in v.path
        )

    model, again, other = build(7), build(7), build(8)
    assert_identical(seeds(model), seeds(again))
    same = map(np.array_equal, seeds(model), seeds(other))
    # Layers of the user's, which have seeds of their own.
    given = swept_own_case.own().values()
    assert sum(same) == sum(isinstance(x, keras.Layer) for x in given)
    fit(model, data)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert_goes_on_alike(
        model, loaded, data=swept_own_case.data(steps=1, seed=2)
    )


def test_frozen_layers_stay_through_files(swept_case, tmp_path):
    """Those of the first network, a part of a player or all of it."""
    path = tmp_path / "model.keras"
    trained(swept_case)[0].save(path)
    model = load_model(path)
    first_network(model).trainable = False
    model.save(path)
    loaded = load_model(path)
    flags = [layer.trainable for layer in layers_of(model)]
    assert [layer.trainable for layer in layers_of(loaded)] == flags
    assert_identical(state_of(model), state_of(loaded))
    frozen = trainable_by_nature(first_network(loaded))
    before = arrays(frozen), arrays(loaded.trainable_variables)
    history = fit(loaded, swept_case.data(steps=2, seed=2))
    assert_finite(history.values())
    assert_identical(arrays(frozen), before[0])
    assert any(
        map(
            np.any,
            map(np.subtract, before[1], arrays(loaded.trainable_variables)),
        )
    )
    # What is trained again goes on with its moments.
    first_network(loaded).trainable = True
    fit(loaded, swept_case.data(steps=2, seed=2))
    assert not all(map(np.array_equal, arrays(frozen), before[0]))


def first_network(model):
    """The first network of the first player."""
    names = next(iter(model.players.values()))
    return keras.tree.flatten(getattr(model, names[0]))[0]


def test_a_model_that_was_never_compiled_can_be_saved(plain_case, tmp_path):
    model = plain_case.prototype
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = load_model(path)
    assert not loaded.compiled
    inputs = plain_case.inputs()
    for left, right in zip(
        keras.tree.flatten(model(inputs)),
        keras.tree.flatten(loaded(inputs)),
        strict=True,
    ):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(left), keras.ops.convert_to_numpy(right)
        )


def assert_same_architecture(model, clone):
    left, right = (
        [
            (type(layer), tuple(tuple(v.shape) for v in layer.weights))
            for layer in layers_of(m)
        ]
        for m in (model, clone)
    )
    assert left == right


def test_configuration_makes_the_same_model(case):
    model = case.build(name="a_name")
    config = model.get_config()
    clone = case.cls.from_config(config)
    assert clone.name == "a_name"
    assert plain(clone.get_config()) == plain(config) or case.given()
    for name in case.plain_arguments:
        if hasattr(model, name):
            assert getattr(clone, name) == getattr(model, name), name
    assert_same_architecture(model, clone)


def test_own_networks_are_part_of_the_configuration(own_case):
    networks = own_case.own_networks()
    model = own_case.build(**networks)
    clone = own_case.cls.from_config(model.get_config())
    for name, network in networks.items():
        if isinstance(network, keras.Model):
            assert getattr(model, name) is network
            assert getattr(clone, name) is not network
    assert_same_architecture(model, clone)


def test_every_argument_is_kept(case):
    """`get_config` has each argument, as given or by default."""
    given = {"seed": 7, **case.arguments()}
    config = plain(case.prototype.get_config())
    for name, parameter in inspect.signature(case.cls).parameters.items():
        expected = given.get(name, parameter.default)
        if name in ("name", "dtype") or isinstance(expected, keras.Layer):
            continue
        expected = keras.saving.serialize_keras_object(expected)
        assert config[name] == plain(expected), name
