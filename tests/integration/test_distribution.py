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


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def train(path, name, mode):
    """Runs one training, in as many processes as its mode needs."""
    script = "distributed.py"
    if mode == "mirrored":
        processes.run(script, "tensorflow", path, name, mode)
    elif mode == "data_parallel":
        flags = "--xla_force_host_platform_device_count=2"
        processes.run(script, "jax", path, name, mode, XLA_FLAGS=flags)
    elif mode == "processes":
        port = free_port()
        processes.finish(
            *(
                processes.start(script, "jax", path, name, mode, rank, port)
                for rank in (0, 1)
            )
        )
    elif mode == "torchrun":
        launcher = (
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc_per_node=2",
            f"--master_port={free_port()}",
        )
        processes.run(script, "torch", path, name, mode, launcher=launcher)
    else:
        processes.run(script, mode.split("_")[1], path, name, "single")
    return dict(np.load(path))


@pytest.mark.parametrize("name", ["vae", "dcgan"])
@pytest.mark.parametrize(
    "backend, modes",
    [
        ("tensorflow", ["mirrored"]),
        ("jax", ["data_parallel", "processes"]),
        ("torch", ["torchrun"]),
    ],
)
def test_equals_a_single_device(tmp_path, backend, modes, name):
    single = train(tmp_path / "single.npz", name, f"single_{backend}")
    for mode in modes:
        several = train(tmp_path / f"{mode}.npz", name, mode)
        assert sorted(single) == sorted(several)
        # A worker's logs are its own share's, except on JAX.
        compared = [
            key
            for key in single
            if backend == "jax" or not key.startswith("log/")
        ]
        worst = {
            key: processes.largest_difference(single[key], several[key])
            for key in compared
        }
        assert max(worst.values()) < TOLERANCE, (mode, worst)
