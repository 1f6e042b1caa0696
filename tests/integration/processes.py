"""Child processes, one for each backend: a process can run only one."""

import os
import pathlib
import socket
import subprocess
import sys

import numpy as np

from tests.quick_compilation import xla_flags

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = pathlib.Path(__file__).parent / "scripts"
BACKENDS = ("tensorflow", "jax", "torch")
# The backend that writes a checkpoint, and that which reads it.
CHECKPOINTS = (("torch", "tensorflow"), ("tensorflow", "jax"), ("jax", "torch"))
# Of the largest entry of an array, after ten steps: sums in another order are
# a few units in the last place, some of which Adam and the normalization of
# batches of eight enlarge, to 1e-4 at most here.
TOLERANCE = 3e-4


def environment(backend, **extra):
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    flags = f"{xla_flags(backend)} {extra.pop('XLA_FLAGS', '')}"
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "XLA_FLAGS": flags.strip(),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        **extra,
    }


def start(script, backend, *arguments, launcher=(), **extra):
    """Starts a script of the folder `scripts` on a backend."""
    command = launcher or (sys.executable,)
    return subprocess.Popen(
        [*command, str(SCRIPTS / script), *map(str, arguments)],
        env=environment(backend, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def torchrun():
    """The launcher of two processes of PyTorch."""
    return (
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--nproc_per_node=2", f"--master_port={free_port()}"),
    )


def finish(*children, timeout=2400):
    """Waits for children, and fails with what one of them said."""
    outputs = []
    try:
        for child in children:
            output, _ = child.communicate(timeout=timeout)
            outputs.append(output)
            assert child.returncode == 0, output[-4000:]
    finally:
        for child in children:
            child.kill()
    return outputs


def run(script, backend, *arguments, **options):
    return finish(start(script, backend, *arguments, **options))[0]


def largest_difference(a, b, floor=1e-12):
    """Largest difference of two arrays, relative to the largest entry."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    assert a.shape == b.shape
    assert np.all(np.isfinite(a)) and np.all(np.isfinite(b))
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0), floor)
    return np.abs(a - b).max(initial=0.0) / scale


def differences(expected, actual):
    """The relative difference of each variable, by its name.

    Some variables stay zero but for rounding, such as a bias that the next
    batch normalization takes away: components are held against at least a
    tenth of the largest of their kind, 3e-4 of which is some hundred units of
    float32's rounding, and weights against at least 1e-2, as far as ten steps
    of these tests' optimizers go.
    """
    assert sorted(expected) == sorted(actual)

    def kind(key):
        group, *_, name = key.split("/")
        return group, name

    largest = {}
    for key in expected:
        size = np.abs(expected[key]).max(initial=0.0)
        largest[kind(key)] = max(largest.get(kind(key), 0.0), size)

    def floor(key):
        group, _ = kind(key)
        steps = 0.0 if group == "optimizer" else 1e-2
        return max(0.1 * largest[kind(key)], steps)

    return {
        key: largest_difference(expected[key], actual[key], floor(key))
        for key in expected
    }


def assert_equal(folder, first, second):
    """Compares two states that `scripts/agree.py` has written, to the bit."""
    expected, actual = (
        {
            k: v
            for k, v in np.load(folder / f"{name}.npz").items()
            if k[:4] != "log/"
        }
        for name in (first, second)
    )
    assert sorted(expected) == sorted(actual)
    for key, value in expected.items():
        np.testing.assert_array_equal(actual[key], value, err_msg=key)


def assert_close(folder, first, second, logs=True):
    """Compares two states that `scripts/agree.py` has written.

    Args:
        folder: The folder of the script.
        first: String. The name of a state.
        second: String. The name of the other.
        logs: Boolean. Whether both have the logs of the last training.
    """
    expected, actual = (
        dict(np.load(folder / f"{name}.npz")) for name in (first, second)
    )
    if not logs:
        expected = {k: v for k, v in expected.items() if k[:4] != "log/"}
    assert logs == any(key.startswith("log/") for key in expected)
    worst = differences(expected, actual)
    assert max(worst.values()) < TOLERANCE, worst
