"""A run that is killed and resumed ends as if it had not been.

What goes on from a checkpoint is tested on every backend in tests/callbacks
and tests/contract. Here it is the command line of a recipe, on TensorFlow; on
the others, whose processes start and export slowly, with `-m slow`.
"""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile

import h5py
import pytest

from tests.integration import processes

EPOCHS, STEPS = 3, 100


def command(folder, *more):
    return [
        sys.executable,
        str(processes.ROOT / "recipes" / "vae.py"),
        "--preset=smoke",
        f"--epochs={EPOCHS}",
        f"--steps-per-epoch={STEPS}",
        f"--output-dir={folder}/runs",
        f"--export-dir={folder}/saved_models",
        *more,
    ]


def environment(backend, folder):
    cache = str(folder.parent / "cache")
    return processes.environment(backend, KERAS_GEN_CACHE=cache)


def run(backend, folder, *more):
    result = subprocess.run(
        command(folder, *more),
        env=environment(backend, folder),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert result.returncode == 0, result.stderr[-4000:]


def kill_in_second_epoch(backend, folder):
    """Kills a run after its first checkpoint, before its second."""
    child = subprocess.Popen(
        command(folder),
        env=environment(backend, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = folder / "runs" / "vae" / "checkpoint.keras"
    deadline = time.monotonic() + 400
    while not checkpoint.exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL


def variables(folder):
    """All arrays of a checkpoint, read from the file itself."""
    arrays = {}
    path = folder / "runs" / "vae" / "checkpoint.keras"
    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(
            lambda name, item: (
                arrays.update({name: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return arrays


@pytest.mark.parametrize(
    "backend",
    [
        "tensorflow",
        pytest.param("jax", marks=pytest.mark.slow),
        pytest.param("torch", marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_equals_uninterrupted(tmp_path, backend):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(backend, whole)
    kill_in_second_epoch(backend, killed)
    history = killed / "runs" / "vae" / "history.csv"
    assert len(history.read_text().splitlines()) < 1 + EPOCHS
    run(backend, killed, "--resume")

    expected, actual = variables(whole), variables(killed)
    assert sorted(expected) == sorted(actual)
    for name, array in expected.items():
        if backend == "tensorflow":
            # Its threads may add in another order.
            difference = processes.largest_difference(array, actual[name])
            assert difference < 1e-6, name
        else:
            assert array.tobytes() == actual[name].tobytes(), name

    rows = history.read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2"]
    for name in (
        "config.json",
        "metrics.json",
        "samples.gif",
        "samples/epoch_0003.png",
    ):
        assert (history.parent / name).exists(), name
    assert (killed / "saved_models" / "vae" / "1" / "saved_model.pb").exists()
    assert os.listdir(killed / "saved_models" / "vae") == ["1"]
