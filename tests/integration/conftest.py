"""What child processes of every backend make of every model, once."""

import pytest

from tests.contract.case import (
    agreeing_keys,
    continued_keys,
    distributed_keys,
    served_keys,
)
from tests.integration import processes
from tests.integration.scripts.devices import KINDS


@pytest.fixture(scope="session")
def agreement(tmp_path_factory):
    """The folder of `scripts/agree.py`, once all of its stages have run.

    Each backend goes on from the checkpoint of another. Several devices that
    need no processes of their own are used by the process that has trained on
    a single one.
    """
    folder = tmp_path_factory.mktemp("agree")

    def start(backend, *stages, **options):
        return processes.start("agree.py", backend, folder, *stages, **options)

    def run(*stages, **options):
        processes.finish(start(*stages, **options))

    two_devices = "--xla_force_host_platform_device_count=2"
    run("torch", "start", "train")
    run("tensorflow", "train", "from-torch", "mirrored")
    run(
        "jax",
        "train",
        "from-tensorflow",
        "data_parallel",
        XLA_FLAGS=two_devices,
    )
    run("torch", "from-jax")
    run("torch", "torchrun", launcher=processes.torchrun())
    port = processes.free_port()
    processes.finish(
        *(start("jax", "processes", rank, port) for rank in (0, 1))
    )
    return folder


def pytest_collection_modifyitems(items):
    """Child processes of all models take minutes, on a busy machine many."""
    for item in items:
        if item.path.is_relative_to(processes.SCRIPTS.parent):
            item.add_marker(pytest.mark.timeout(2400))


def pytest_generate_tests(metafunc):
    if "served_key" in metafunc.fixturenames:
        metafunc.parametrize("served_key", served_keys())
    if "continued_key" in metafunc.fixturenames:
        metafunc.parametrize(
            "writer, reader, continued_key",
            [
                (writer, reader, key)
                for writer, reader in processes.CHECKPOINTS
                for key in continued_keys(reader)
            ],
        )
    for names, keys, of in (
        (("other", "key"), agreeing_keys, ("tensorflow", "jax")),
        (("kind", "distributed_key"), distributed_keys, KINDS),
    ):
        if names[1] in metafunc.fixturenames:
            pairs = [(each, key) for each in of for key in keys(each)]
            metafunc.parametrize(
                names, pairs, ids=["-".join(pair) for pair in pairs]
            )
