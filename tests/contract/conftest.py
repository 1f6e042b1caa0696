"""Each of these arguments of a test makes it run once for every such case."""

import keras

from tests.contract.case import list_cases, served_keys

BACKEND = keras.backend.backend()
collect_ignore = ["test_compiled_steps.py"] if BACKEND == "jax" else []
collect_ignore += ["test_modes.py"] if BACKEND != "torch" else []
# Derivatives know no backend, and 64 bits are TensorFlow's there.
collect_ignore += ["test_derivatives.py"] if BACKEND != "tensorflow" else []


def plain(case):
    """A system's own case, on which the whole contract is tested."""
    return not case.is_variant


def has_its_own_round(case):
    """A system, or a variant whose steps have other updates than it."""
    if case.round_size == 1:
        return False
    systems = [x for x in list_cases(plain) if x.system is case.system]
    rounds = [(x.parts, x.updates) for x in systems]
    return not case.is_variant or (case.parts, case.updates) not in rounds


def averaged(case):
    return plain(case) and "ema_decay" in case.parameters


def on_pytorch(which):
    """All such cases on PyTorch, those of a few systems on the others.

    PyTorch starts fastest. That every model trains, goes on and answers alike
    on each backend is tested by tests/integration.
    """
    every = BACKEND == "torch"
    return lambda case: (every or case.covers_bases) and which(case)


def thorough_on(backend):
    """Every system on one backend, the first of each family on the others.

    For what is done around a model, with its data, files and networks.
    """
    every = BACKEND == backend
    return lambda case: plain(case) and (every or case.is_first_of_family)


CASES = {
    "every_case": lambda case: True,
    "case": on_pytorch(lambda case: True),
    "plain_case": on_pytorch(plain),
    "class_case": on_pytorch(lambda case: case.key in served_keys()),
    "stepping_case": lambda case: plain(case) or case.is_proof,
    "sampling_case": on_pytorch(lambda case: hasattr(case.cls, "sample")),
    "generating_case": on_pytorch(lambda case: hasattr(case.cls, "generate")),
    "averaging_case": lambda case: case is list_cases(averaged)[0],
    "ranged_case": on_pytorch(
        lambda case: plain(case) and case.prototype.value_range is not None
    ),
    "game_case": on_pytorch(has_its_own_round),
    "own_case": on_pytorch(
        lambda case: plain(case) and bool(case.network_names())
    ),
    "swept_case": thorough_on("torch"),
    "swept_own_case": lambda case: (
        thorough_on("torch")(case) and bool(case.network_names())
    ),
    # TensorFlow refuses to mix types.
    "double_case": thorough_on("tensorflow"),
    "half_case": lambda case: case.is_proof or thorough_on("tensorflow")(case),
    # For what the engine does for all models.
    "first_case": lambda case: case.is_first_of_family,
}


def pytest_generate_tests(metafunc):
    for name, which in CASES.items():
        if name in metafunc.fixturenames:
            cases = list_cases(which)
            metafunc.parametrize(
                name, cases, ids=[c.key for c in cases], scope="module"
            )
    if "wrong_arguments" in metafunc.fixturenames:
        wrong = [
            (case, arguments, words)
            for case in list_cases(on_pytorch(lambda case: True))
            for arguments, words in case.wrong
        ]
        metafunc.parametrize(
            ("wrong_case", "wrong_arguments", "words"),
            wrong,
            ids=[f"{c.key}-{'-'.join(a)}" for c, a, _ in wrong],
        )
