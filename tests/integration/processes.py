"""Child processes, one for each backend: a process can run only one."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = pathlib.Path(__file__).parent / "scripts"
BACKENDS = ("tensorflow", "jax", "torch")


def environment(backend, **extra):
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
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


def finish(*children, timeout=500):
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
    import numpy as np

    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    assert a.shape == b.shape
    assert np.all(np.isfinite(a)) and np.all(np.isfinite(b))
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0), floor)
    return np.abs(a - b).max(initial=0.0) / scale
