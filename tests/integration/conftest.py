"""What child processes of every backend make of every model, once."""

import pytest

from tests.contract.case import all_cases, distributed_keys, served_keys
from tests.integration import processes


@pytest.fixture(scope="session")
def agreement(tmp_path_factory):
    """The folder of `scripts/agree.py`, once all of its stages have run."""
    folder = tmp_path_factory.mktemp("agree")
    processes.run("agree.py", "torch", folder, "start", "train")
    # Each goes on from the checkpoint of another.
    processes.run("agree.py", "tensorflow", folder, "train", "from-torch")
    processes.run("agree.py", "jax", folder, "train", "from-tensorflow")
    processes.run("agree.py", "torch", folder, "from-jax")
    return folder


def pytest_collection_modifyitems(items):
    """Child processes of all models take minutes, on a busy machine many."""
    for item in items:
        if item.path.is_relative_to(processes.SCRIPTS.parent):
            item.add_marker(pytest.mark.timeout(2400))


def pytest_generate_tests(metafunc):
    for name, keys in (
        ("key", lambda: list(all_cases())),
        ("distributed_key", distributed_keys),
        ("served_key", served_keys),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, keys())
