"""Every model is in the table, describes itself, and is built at once."""

import inspect

import keras
import numpy as np
import pytest

import keras_gen
from tests.contract.helpers import (
    QUICK,
    build,
    class_of,
    compiled,
    data_of,
    fit,
    inputs_of,
    layers_of,
)
from tests.contract.settings import SETTINGS


def test_every_registered_model_has_settings():
    missing = sorted(set(keras_gen.list_models()) - set(SETTINGS))
    assert not missing, (
        f"No tiny settings for {missing}. Add an entry `{missing[0]!r}: "
        "Settings(...)` to SETTINGS in tests/contract/settings.py: the "
        "constructor's arguments, what `fit` and `call` take, and networks "
        "of the user's own. Every test of tests/contract/ then runs on it."
    )


def test_every_entry_of_the_table_is_a_registered_model():
    names = {key.partition("-")[0] for key in SETTINGS}
    unknown = sorted(names - set(keras_gen.list_models()))
    assert not unknown, (
        f"tests/contract/settings.py has {unknown}, which "
        f"`keras_gen.list_models()` does not: {keras_gen.list_models()}."
    )


def test_arguments_have_defaults_types_and_descriptions(plain_case):
    cls = class_of(plain_case)
    documentation = inspect.getdoc(cls)
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        assert parameter.default is not inspect.Parameter.empty, name
        assert parameter.annotation is not inspect.Parameter.empty, name
        assert f"\n    {name}: " in documentation, name
    assert "seed" in inspect.signature(cls).parameters


def test_card_names_the_paper_and_the_arguments(plain_case):
    card = keras_gen.card(plain_case)
    assert class_of(plain_case).__name__ in card
    assert "https://" in card
    assert "Args:" in card and "Example:" in card


def test_model_is_built_by_its_constructor(case):
    model = build(case)
    assert model.built
    variables = {id(variable) for variable in model.variables}
    for layer in layers_of(model):
        assert layer.built, layer.name
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert f'"{model.name}"' in text
    assert f"{model.count_params():,}" in text
    # Neither a call nor a step makes new state.
    model(inputs_of(case))
    model.compile(**QUICK)
    fit(model, data_of(case, steps=1))
    assert {id(variable) for variable in model.variables} == variables


def test_every_trainable_variable_has_a_player(case):
    model = build(case)
    owned = {
        id(variable)
        for player in model.players
        for variable in model.player_variables(player)
    }
    assert owned == {id(variable) for variable in model.trainable_variables}
    for player in model.players:
        mine = [id(v) for v in model.player_variables(player)]
        assert mine and len(mine) == len(set(mine)), player


def test_same_seed_same_model(case):
    """The numbers drawn follow from `seed`, and differ with it."""
    data = data_of(case)
    first, again, other = (
        fit(compiled(case, build_arguments={"seed": seed}), data)
        for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_seed_generators_differ(case):
    """No two seed generators of a model begin with the same state."""
    model = build(case)
    states = [
        tuple(keras.ops.convert_to_numpy(variable).tolist())
        for variable in model.variables
        if "seed_generator_state" in variable.path
    ]
    assert len(states) == len(set(states))


def test_unknown_keyword_is_an_error_that_names_it(case):
    with pytest.raises((TypeError, ValueError), match="latent_size"):
        build(case, latent_size=3)


def test_wrong_argument_is_an_error_that_helps(
    wrong_case, wrong_arguments, words
):
    with pytest.raises(ValueError) as error:
        build(wrong_case, **wrong_arguments)
    for word in words:
        assert word in str(error.value)


def test_call_gives_one_result_for_each_example(case):
    model = build(case)
    inputs = inputs_of(case, n=5)
    outputs = keras.tree.flatten(model(inputs))
    for output in outputs:
        assert output.shape[0] == 5
        assert keras.backend.standardize_dtype(output.dtype) == "float32"
    # In inference the examples do not meet.
    part = keras.tree.map_structure(lambda x: x[:2], inputs)
    for whole, few in zip(
        outputs, keras.tree.flatten(model(part)), strict=True
    ):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(whole)[:2],
            keras.ops.convert_to_numpy(few),
            rtol=1e-5,
            atol=1e-6,
        )
