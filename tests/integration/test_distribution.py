"""Training on several devices equals training on one.

The global batch, the noise and the seeds are the same; batch normalization
takes its statistics over the global batch.
"""

import socket
import sys

import numpy as np
import pytest

from tests.integration import processes

# Sums over a batch are split differently: a few units in the last place, some
# of which Adam enlarges.
TOLERANCE = 1e-4
SCRIPT = "distributed.py"
MODES = {
    "mirrored": "tensorflow",
    "data_parallel": "jax",
    "processes": "jax",
    "torchrun": "torch",
}


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def train(folder, mode):
    """Runs one training, in as many processes as its mode needs."""
    options = {}
    if mode == "processes":
        port = free_port()
        processes.finish(
            *(
                processes.start(SCRIPT, "jax", folder, mode, rank, port)
                for rank in (0, 1)
            )
        )
        return
    if mode == "data_parallel":
        options["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    if mode == "torchrun":
        options["launcher"] = (
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc_per_node=2",
            f"--master_port={free_port()}",
        )
    processes.run(SCRIPT, MODES[mode], folder, mode, **options)


@pytest.fixture(scope="module", params=MODES)
def trained(request, tmp_path_factory):
    """A mode, and the folder of what it and a single device have made."""
    mode = request.param
    backend = MODES[mode]
    single = tmp_path_factory.getbasetemp() / f"single_{backend}"
    if not single.exists():
        single.mkdir()
        processes.run(SCRIPT, backend, single, "single")
    train(single, mode)
    return mode, single


def test_equals_a_single_device(trained, distributed_key):
    mode, folder = trained
    single = dict(np.load(folder / f"{distributed_key}_single.npz"))
    several = dict(np.load(folder / f"{distributed_key}_{mode}.npz"))
    if MODES[mode] != "jax":
        # A worker's logs are those of its own rows, except on JAX.
        single, several = (
            {k: v for k, v in arrays.items() if not k.startswith("log/")}
            for arrays in (single, several)
        )
    worst = processes.differences(single, several)
    assert max(worst.values()) < TOLERANCE, worst
