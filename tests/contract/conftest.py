"""Each of these arguments of a test makes it run once for every such case."""

import inspect

import keras
import pytest

import keras_gen
from tests.contract.helpers import class_of
from tests.contract.settings import SETTINGS


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
    "averaging_case": lambda: [
        case for case in cases() if has_parameter(case, "ema_decay")
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


@pytest.fixture(scope="package", autouse=True)
def quick_compilation(tmp_path_factory):
    """On JAX: tiny programs, compiled without optimisation and only once.

    The tests build the same model many times. Each is a new program to JAX,
    but one that a cache on disk knows.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    options = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("jax")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
