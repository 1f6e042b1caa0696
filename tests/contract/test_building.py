"""Every model is in the table, describes itself, and is built at once."""

import inspect

import keras
import numpy as np
import pytest

import keras_gen
from keras_gen.registry import SYSTEMS
from tests.contract.case import (
    QUICK,
    Unbuilt,
    all_cases,
    shapes_of,
    stand_in,
)
from tests.contract.helpers import arrays, fit, layers_of, rows, trained


def test_every_class_has_a_case():
    covered = {case.cls.__name__ for case in all_cases().values()}
    missing = [
        name
        for system in SYSTEMS
        for name in system.classes
        if name not in covered
    ]
    assert not missing, (
        f"No tiny settings for {missing}. Add a line to `CONTRACT` in the "
        "test file of the model, such as `'dcgan': Case(image_shape=(8, 8, "
        "1), latent_dim=3)`. Every test of tests/contract/ then runs on it."
    )
    assert {case.key for case in all_cases().values()} >= set(
        keras_gen.list_models()
    )


def test_arguments_have_defaults_types_and_descriptions(plain_case):
    cls = plain_case.cls
    documentation = inspect.getdoc(cls)
    for name, parameter in inspect.signature(cls).parameters.items():
        assert parameter.default is not inspect.Parameter.empty, name
        assert parameter.annotation is not inspect.Parameter.empty, name
        assert f"\n    {name}: " in documentation, name
    assert "seed" in inspect.signature(cls).parameters
    assert list(inspect.signature(cls).parameters)[0].endswith("_shape")


def test_card_names_the_paper_and_the_arguments(plain_case):
    card = keras_gen.card(plain_case.key)
    assert plain_case.cls.__name__ in card
    assert plain_case.system.url in card
    assert "Args:" in card and "Example:" in card


def test_a_model_sets_and_defines_what_its_bases_ask_for(case):
    model = case.prototype
    for base in type(model).__mro__:
        for name in vars(base).get("must_set", ()):
            assert getattr(model, name, None) is not None, name
        for name in vars(base).get("must_define", ()):
            assert getattr(type(model), name) is not getattr(
                base, name, None
            ), f"{type(model).__name__} does not define {name}"
    for player in model.players:
        assert callable(getattr(model, f"{player}_loss"))


def test_presets_build(case):
    assert "paper" in case.cls.presets
    parameters = inspect.signature(case.cls).parameters
    for arguments in case.cls.presets.values():
        assert set(arguments) <= set(parameters)
    last = list(case.cls.presets)[-1]
    model = case.cls.from_preset(last, **case.arguments())
    assert type(model) is case.cls
    with pytest.raises(ValueError, match="preset='nonesuch'"):
        case.cls.from_preset("nonesuch")


def test_model_is_built_by_its_constructor(plain_case):
    model, _, _ = trained(plain_case)
    assert model.built
    for layer in layers_of(model):
        assert layer.built, layer.name
    fresh, lines = plain_case.prototype, []
    fresh.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    assert f'"{fresh.name}"' in text
    assert f"{fresh.count_params():,}" in text
    # Neither a call nor a step makes new state.
    variables = len(fresh.variables)
    fresh(plain_case.inputs())
    assert len(fresh.variables) == variables
    assert len(fresh.weights) == len(model.weights)


def test_every_trainable_variable_has_a_player(case):
    model = case.prototype
    owned = {
        id(variable)
        for player in model.players
        for variable in model.player_variables(player)
    }
    assert owned == {id(variable) for variable in model.trainable_variables}
    for player in model.players:
        mine = [id(v) for v in model.player_variables(player)]
        assert mine and len(mine) == len(set(mine)), player


def test_seed_generators_differ_and_follow_the_seed(case):
    """No two seed generators of a model begin with the same state."""

    def states(model):
        return [
            tuple(state.tolist())
            for variable, state in zip(
                model.variables, arrays(model.variables), strict=True
            )
            if "seed_generator_state" in variable.path
        ]

    first, other = states(case.prototype), states(case.build(seed=8))
    assert len(first) == len(set(first))
    assert states(case.build()) == first
    assert not set(first) & set(other)


def test_unknown_keyword_is_an_error_that_names_the_right_one(plain_case):
    with pytest.raises(TypeError, match="sede.*Did you mean `seed`"):
        plain_case.build(sede=3)


def test_wrong_argument_is_an_error_that_helps(
    wrong_case, wrong_arguments, words
):
    if callable(wrong_arguments):
        wrong_arguments = wrong_arguments()
    with pytest.raises(ValueError) as error:
        wrong_case.build(**wrong_arguments)
    for word in words:
        assert word in str(error.value)


def test_networks_of_other_shapes_are_refused_by_name(swept_own_case):
    """Each network with one more component of its output or its input."""
    for name in swept_own_case.network_names():
        network = stand_in(getattr(swept_own_case.prototype, name))
        (output, *rest) = keras.tree.flatten(network.output)
        more_out = keras.layers.Dense(output.shape[-1] + 1)(output)
        (first, *others) = network.inputs
        more_in = keras.Input((*first.shape[1:-1], first.shape[-1] + 1))
        narrowed = more_in[..., 1:]
        for wrong in (
            keras.Model(network.inputs, [more_out, *rest]),
            keras.Model([more_in, *others], network([narrowed, *others])),
        ):
            networks = {**swept_own_case.own_networks(), name: wrong}
            with pytest.raises(ValueError, match=f"`{name}`|`prior`|`decoder`"):
                swept_own_case.build(**networks)


def test_networks_that_are_not_built_are_built(swept_own_case):
    """A player never trains nothing, whatever its networks are."""
    for name in swept_own_case.network_names():
        shapes = [
            t.shape[1:]
            for t in shapes_of(swept_own_case.own_networks()[name], "outputs")
        ]
        network = Unbuilt(shapes, swept_own_case.activations.get(name))
        networks = {**swept_own_case.own_networks(), name: network}
        model = swept_own_case.build(**networks)
        trained_by_players = {
            id(variable)
            for player in model.players
            for variable in model.player_variables(player)
        }
        assert len(network.trainable_variables) == 2 + 2 * len(shapes)
        assert {id(v) for v in network.variables} <= trained_by_players
        if len(shapes) > 1:
            continue
        with pytest.raises(ValueError, match=f"`{name}`|`decoder`"):
            swept_own_case.build(
                **{**networks, name: Unbuilt([(*shapes[0], 1)])}
            )


def test_networks_that_end_in_a_sigmoid_where_logits_are_meant(swept_own_case):
    """They would train, and could not learn."""
    for name in swept_own_case.network_names():
        network = stand_in(
            getattr(swept_own_case.prototype, name),
            swept_own_case.activations.get(name),
        )
        first, *rest = keras.tree.flatten(network.output)
        first = keras.layers.Activation("sigmoid")(first)
        first = keras.layers.Reshape(first.shape[1:])(first)
        wrong = keras.Model(network.inputs, [first, *rest] if rest else first)
        networks = {**swept_own_case.own_networks(), name: wrong}
        words = ("discriminator", "critic", *swept_own_case.logits)
        if any(name.endswith(word) for word in words):
            with pytest.raises(ValueError, match=f"`{name}`.* logits"):
                swept_own_case.build(**networks)
        else:
            swept_own_case.build(**networks)


def test_call_gives_one_result_for_each_example(plain_case):
    model, inputs = plain_case.prototype, plain_case.inputs(n=5)
    outputs = keras.tree.flatten(model(inputs))
    for output in outputs:
        assert output.shape[0] == 5
        assert keras.backend.standardize_dtype(output.dtype) == "float32"
    # In inference the examples are not coupled.
    few = keras.tree.flatten(model(rows(inputs, 0, 2)))
    for whole, part in zip(outputs, few, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(whole)[:2],
            keras.ops.convert_to_numpy(part),
            rtol=1e-5,
            atol=1e-6,
        )


def test_policy_of_one_model(plain_case):
    """`dtype=` sets the policy of a model and of no other."""
    model = plain_case.build(dtype="mixed_bfloat16")
    policies = [layer.dtype_policy.name for layer in layers_of(model)]
    assert model.compute_dtype == "bfloat16"
    assert "mixed_bfloat16" in policies
    assert keras.config.dtype_policy().name == "float32"
    assert {
        layer.dtype_policy.name for layer in layers_of(plain_case.prototype)
    } == {"float32"}


def test_a_users_subclass_saves_and_loads(first_case, tmp_path):
    """With `*args, **kwargs`, and an argument of its own."""
    parent = first_case.cls
    name = f"Users{parent.__name__}"

    def __init__(self, *args, extra: float = 1.0, **kwargs):
        parent.__init__(self, *args, **kwargs)
        self.extra = extra

    subclass = keras.saving.register_keras_serializable("keras_gen_tests")(
        type(parent)(name, (parent,), {"__init__": __init__})
    )
    parameters = inspect.signature(subclass).parameters
    assert set(parameters) == {*inspect.signature(parent).parameters, "extra"}
    first = next(iter(parameters))
    arguments = first_case.arguments()
    model = subclass(arguments.pop(first), extra=2.5, **arguments)
    model.compile(**QUICK)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is subclass and loaded.extra == 2.5
    assert len(loaded.variables) == len(model.variables)


def test_same_seed_same_training(plain_case):
    """And what is logged is the mean over the steps of an epoch.

    The same data, one step at a time: the mean of what each step logs is what
    the shared model has logged for both together.
    """
    _, history, _ = trained(plain_case)
    data, model, single = plain_case.data(), plain_case.compiled(), []
    for start in (0, 8):
        single.append(fit(model, rows(data, start, start + 8)))
        # A schedule over the epochs would otherwise move on.
        model.epochs_seen.assign(0)
    for name in single[0]:
        expected = (single[0][name][0] + single[1][name][0]) / 2
        np.testing.assert_allclose(
            history[name][0], expected, rtol=1e-5, atol=1e-6
        )
