"""One word, one meaning: public methods of one name take the same arguments."""

import inspect

import keras

from tests.contract.case import list_cases

# What Keras itself defines is not ours to name.
INHERITED = set(dir(keras.Model))


def public_methods(cls):
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
        and name not in INHERITED
        and not name.endswith(("_step", "_loss"))
    }


def test_methods_of_one_name_take_the_same_arguments():
    seen = {}
    for case in list_cases():
        for name, signature in public_methods(case.cls).items():
            parameters = [
                (p.name, p.kind, p.default)
                for p in signature.parameters.values()
            ]
            owner, expected = seen.setdefault(
                name, (case.cls.__name__, parameters)
            )
            assert parameters == expected, (name, owner, case.cls.__name__)
    assert {"sample", "encode", "decode", "generate"} <= set(seen)


def test_losses_take_a_batch_and_the_mode():
    for case in list_cases():
        for player in case.prototype.players:
            loss = getattr(case.cls, f"{player}_loss")
            names = list(inspect.signature(loss).parameters)
            assert names == ["self", "batch", "training"], (case.key, player)


def test_inference_takes_options_by_name():
    """What follows the data is keyword-only, apart from `traverse`."""
    for case in list_cases():
        for name, signature in public_methods(case.cls).items():
            if "batch_size" in signature.parameters:
                parameter = signature.parameters["batch_size"]
                assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, name
