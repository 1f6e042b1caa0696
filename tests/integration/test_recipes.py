"""Each recipe runs from its options to its exported model."""

import importlib
import json
import subprocess
import sys

import pytest

from tests.integration import processes

RECIPES = processes.ROOT / "recipes"
NAMES = sorted(
    path.stem
    for path in RECIPES.glob("*.py")
    if "\nPRESETS = {" in path.read_text()
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("name", NAMES)
def test_smoke(name, cache, tmp_path):
    """Two steps; the preset's own number of them is for a user to wait for."""
    result = subprocess.run(
        [
            sys.executable,
            str(RECIPES / f"{name}.py"),
            "--preset=smoke",
            "--epochs=1",
            "--steps-per-epoch=2",
            f"--output-dir={tmp_path}/runs",
            f"--export-dir={tmp_path}/saved_models",
        ],
        env=processes.environment("tensorflow", KERAS_GEN_CACHE=cache),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    folder = tmp_path / "runs" / name
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["epochs"] == 1 and numbers["steps_per_epoch"] == 2
    assert len((folder / "history.csv").read_text().splitlines()) == 2
    assert (folder / "checkpoint.keras").exists()
    assert list(folder.glob("**/*.png"))
    assert (tmp_path / "saved_models" / name / "1" / "saved_model.pb").exists()


# ---- What is taken from an earlier run --------------------------------------


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Starts a run of the VAE, up to where training would begin."""
    monkeypatch.syspath_prepend(str(RECIPES))
    common, vae = map(importlib.import_module, ("common", "vae"))

    def start(**options):
        options = {
            "preset": "smoke",
            "output_dir": str(tmp_path / "runs"),
            **options,
        }
        return common.Run("vae", vae.Options(**options), vae.PRESETS)

    return start


def train(run):
    """What a run leaves after its first epoch."""
    from keras_gen import VAE, callbacks

    model = VAE(run.image_shape, latent_dim=2, hidden_units=3)
    model.compile()
    model.fit(
        run.images("train", 10),
        verbose=0,
        callbacks=[
            callbacks.HistoryCSV(run.folder / "history.csv"),
            callbacks.Checkpoint(run.checkpoint),
        ],
    )


def test_a_new_run_takes_nothing_of_an_old_one(start):
    """It may be killed before its first checkpoint, and then resumed."""
    train(start(seed=0))
    assert start(seed=0, resume=True).initial_epoch == 1
    killed = start(seed=1)
    assert not killed.checkpoint.exists()
    assert not (killed.folder / "history.csv").exists()
    assert start(seed=1, resume=True).initial_epoch == 0


def test_resuming_with_other_options(start, tmp_path):
    train(start(seed=0))
    with pytest.raises(SystemExit, match=r"'seed': \(0, 1\)"):
        start(seed=1, resume=True)
    free = {"epochs": 9, "importance_samples": 5, "export_dir": "elsewhere"}
    assert start(seed=0, resume=True, **free).initial_epoch == 1
    (tmp_path / "runs" / "vae" / "config.json").unlink()
    with pytest.raises(SystemExit, match="config.json is missing"):
        start(seed=0, resume=True)
