"""Trains on one device or on several; writes all variables.

    distributed.py FILE MODEL MODE [RANK PORT]

The modes: single; mirrored (two logical CPUs, TensorFlow); data_parallel
(two virtual devices, JAX); processes (two processes, JAX); torchrun (two
processes started by it, PyTorch). All train on the same global batches.
"""

import contextlib
import os
import sys

import keras
import numpy as np
import tiny

BATCH, STEPS = 16, 3


def rows_of(x, rank, count):
    """The rows of each global batch that one of several processes feeds."""
    batches = x.reshape(STEPS, count, BATCH // count, *x.shape[1:])
    return batches[:, rank].reshape(-1, *x.shape[1:])


def prepare(mode, arguments):
    """Returns a scope to build and train in, and this process's place."""
    scope, rank, count = contextlib.nullcontext(), 0, 1
    if mode == "mirrored":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        scope = strategy.scope()
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


def main(path, name, mode, *arguments):
    scope, rank, count = prepare(mode, arguments)
    keras.utils.set_random_seed(0)
    with scope:
        model = tiny.build(name)
        model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-4))
        x = tiny.images(name, BATCH * STEPS)
        history = model.fit(
            rows_of(x, rank, count),
            batch_size=BATCH // count,
            shuffle=False,
            verbose=0,
        ).history
    if rank == 0:
        losses = {f"log/{key}": value[-1] for key, value in history.items()}
        np.savez(path, **tiny.state(model), **losses)
    if mode == "torchrun":
        import torch

        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(*sys.argv[1:])
