"""Trains every system on one device or on several; writes all variables.

    distributed.py FOLDER MODE [RANK PORT]

The modes: single; mirrored (two logical CPUs, TensorFlow); data_parallel
(two virtual devices, JAX); processes (two processes, JAX); torchrun (two
processes started by it, PyTorch). All train on the same global batches.
"""

import contextlib
import os
import pathlib
import sys

import given
import keras
import numpy as np

from tests.contract.case import BATCH, all_cases, distributed_keys
from tests.quick_compilation import compile_once

STEPS = 3


def arranged(x, mode, rank, count, updates):
    """The rows that a process feeds, of the global batches of all steps.

    Replicas that split their own rows, as those of TensorFlow and PyTorch do,
    get for each update their share of the rows of that update.
    """
    if mode not in ("mirrored", "torchrun"):
        updates = 1
    shares = 2 if mode == "mirrored" else count
    rows = BATCH // (shares * updates)
    parts = x.reshape(STEPS, updates, shares, rows, *x.shape[1:])
    parts = parts.swapaxes(1, 2)
    if mode != "mirrored":
        parts = parts[:, rank]
    return parts.reshape(-1, *x.shape[1:])


def prepare(mode, arguments):
    """Returns a scope to build and train in, and this process's place."""
    scope, rank, count = contextlib.nullcontext, 0, 1
    if mode == "mirrored":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        scope = strategy.scope
    elif mode == "data_parallel":
        assert len(keras.distribution.list_devices()) == 2
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    elif mode == "processes":
        rank, count, port = int(arguments[0]), 2, arguments[1]
        address = f"127.0.0.1:{port}"
        keras.distribution.initialize(
            job_addresses=address, num_processes=count, process_id=rank
        )
        assert len(keras.distribution.list_devices()) == 2
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
    elif mode == "torchrun":
        import torch

        torch.distributed.init_process_group("gloo")
        rank = torch.distributed.get_rank()
        count = torch.distributed.get_world_size()
        assert count == 2
    return scope, rank, count


def train(case, mode, scope, rank, count):
    """The state of a model after training, and its last logs."""
    batch_size = BATCH // count
    data = keras.tree.map_structure(
        lambda x: arranged(x, mode, rank, count, case.round_size),
        case.data(steps=STEPS),
    )
    with scope():
        model = case.build(seed=1)
        model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-4))
        history = model.fit(
            *data, batch_size=batch_size, shuffle=False, verbose=0
        ).history
    logs = {f"log/{key}": value[-1] for key, value in history.items()}
    return {**given.state(model), **logs}


def main(folder, mode, *arguments):
    folder = pathlib.Path(folder)
    compile_once(folder.parent / "jax")
    scope, rank, count = prepare(mode, arguments)
    for key in distributed_keys():
        case = all_cases()[key]
        keras.utils.set_random_seed(0)
        arrays = train(case, mode, scope, rank, count)
        if rank == 0:
            np.savez(folder / f"{case.key}_{mode}.npz", **arrays)
    if mode == "torchrun":
        import torch

        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(*sys.argv[1:])
