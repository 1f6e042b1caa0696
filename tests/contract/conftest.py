"""Each of these arguments of a test makes it run once for every such case."""

import inspect

import keras_gen
from tests.contract.helpers import class_of
from tests.contract.settings import SETTINGS
from tests.quick_compilation import quick_compilation  # noqa: F401


def cases():
    registered = keras_gen.list_models()
    return [key for key in SETTINGS if key.partition("-")[0] in registered]


def has_parameter(case, name):
    return name in inspect.signature(class_of(case)).parameters


CASES = {
    "case": lambda: cases(),
    "plain_case": lambda: [case for case in cases() if "-" not in case],
    "sampling_case": lambda: [
        case for case in cases() if hasattr(class_of(case), "sample")
    ],
    "generating_case": lambda: [
        case for case in cases() if hasattr(class_of(case), "generate")
    ],
    "averaging_case": lambda: [
        case for case in cases() if has_parameter(case, "ema_decay")
    ],
    "ranged_case": lambda: [
        case for case in cases() if SETTINGS[case].data_range is not None
    ],
    "game_case": lambda: [
        case for case in cases() if SETTINGS[case].round_size > 1
    ],
}


def pytest_generate_tests(metafunc):
    for name, chosen in CASES.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, chosen(), scope="module")
    if "wrong_arguments" in metafunc.fixturenames:
        metafunc.parametrize(
            ("wrong_case", "wrong_arguments", "words"),
            [
                (case, arguments, words)
                for case in cases()
                for arguments, words in SETTINGS[case].wrong_arguments
            ],
        )
