"""Several devices, as each framework has them, and what each of them is fed."""

import contextlib
import os

import keras

from tests.contract.case import BATCH

# Two replicas on logical CPUs (TensorFlow); two virtual devices of a process
# and two processes (JAX); two processes started by torchrun (PyTorch).
KINDS = {
    "mirrored": "tensorflow",
    "data_parallel": "jax",
    "processes": "jax",
    "torchrun": "torch",
}


def make(kind):
    """What must come before a framework's first operation."""
    if kind == "mirrored":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )


def use(kind, rank=0, port=None):
    """Returns a scope to build and train in, the process and their number."""
    scope, rank, count = contextlib.nullcontext, int(rank), 1
    if kind == "mirrored":
        import tensorflow as tf

        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        scope = strategy.scope
    elif kind == "data_parallel":
        assert len(keras.distribution.list_devices()) == 2
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    elif kind == "processes":
        count = 2
        keras.distribution.initialize(
            job_addresses=f"127.0.0.1:{port}",
            num_processes=count,
            process_id=rank,
        )
        assert len(keras.distribution.list_devices()) == 2
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
    elif kind == "torchrun":
        import torch

        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        torch.distributed.init_process_group("gloo")
        rank = torch.distributed.get_rank()
        count = torch.distributed.get_world_size()
        assert count == 2
    return scope, rank, count


def leave(kind):
    if kind == "torchrun":
        import torch

        torch.distributed.destroy_process_group()


def share(data, kind, rank, count, updates):
    """The rows that a process feeds, of the global batches of all steps.

    Replicas that split their own rows, as those of TensorFlow and PyTorch do,
    get for each update their share of the rows of that update.
    """
    if kind not in ("mirrored", "torchrun"):
        updates = 1
    shares = 2 if kind == "mirrored" else count

    def of_array(x):
        rows = BATCH // (shares * updates)
        parts = x.reshape(-1, updates, shares, rows, *x.shape[1:])
        parts = parts.swapaxes(1, 2)
        if kind != "mirrored":
            parts = parts[:, rank]
        return parts.reshape(-1, *x.shape[1:])

    return keras.tree.map_structure(of_array, data)
