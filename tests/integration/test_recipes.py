"""Each recipe runs from its options to its exported model, and its claim.

All run in this process: an import of Keras and TensorFlow takes longer than
most of them. A real command line is that of `test_resuming.py`.
"""

import importlib
import json
import runpy
import sys

import keras
import numpy as np
import pytest

import keras_gen
from keras_gen import callbacks, pictures
from tests.integration import processes

RECIPES = processes.ROOT / "recipes"
CLAIMS = processes.ROOT / "benchmarks" / "claims"
VARIANTS = [
    ("ae", "--pretrain-epochs=1", "--model.latent-dim=2"),
    ("dae", "--variant=stacked"),
    ("cae", "--variant=stacked"),
    ("sae", "--variant=k_sparse", "--initial-k=20"),
    ("aae", "--variant=label_prior"),
    ("aae", "--variant=supervised"),
    ("aae", "--variant=semi_supervised"),
    ("aae", "--variant=clustering"),
    ("aae", "--variant=dim_reduction"),
    ("vae", "--model.latent-dim=2", "--model.likelihood=gaussian_learned"),
]


def run_script(path, *arguments):
    """Runs a script as `python path *arguments` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(path), *arguments])
        patch.syspath_prepend(str(path.parent))
        runpy.run_path(str(path), run_name="__main__")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Runs a recipe, each command once, and returns the folder of its run."""
    base, folders = tmp_path_factory.mktemp("recipes"), {}

    def finished(name, *options):
        if (name, *options) not in folders:
            folder = base / str(len(folders))
            folders[name, *options] = folder
            run_script(
                RECIPES / f"{name}.py",
                "--preset=smoke",
                "--epochs=1",
                "--steps-per-epoch=2",
                f"--output-dir={folder}/runs",
                f"--export-dir={folder}/saved_models",
                *options,
            )
        return folders[name, *options] / "runs" / name

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_GEN_CACHE", str(base / "cache"))
        yield finished


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of several sizes, in a folder for each of two classes."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label in ("cats", "dogs"):
        for index in range(6):
            size = (20 + 3 * index, 40 - 2 * index, 3)
            picture = rng.integers(256, size=size, dtype="uint8")
            pictures.save_image(folder / label / f"{index}.png", picture)
    return folder


@pytest.mark.parametrize(
    "command",
    [*((name,) for name in keras_gen.list_models()), *VARIANTS],
    ids=" ".join,
)
def test_smoke(command, finished):
    """Two steps; the preset's own number of them is for a user to wait for."""
    folder = finished(*command)
    report = json.loads((folder / "metrics.json").read_text())
    assert report["epochs"] == 1 and report["steps_per_epoch"] == 2
    figures = [value for value in report.values() if isinstance(value, float)]
    assert len(figures) > 1 and np.all(np.isfinite(figures))
    assert len((folder / "history.csv").read_text().splitlines()) == 2
    assert list(folder.glob("**/*.png"))
    model = keras_gen.load_model(folder / "checkpoint.keras")
    assert int(model.steps_seen) == 2
    saved = folder.parents[1] / "saved_models" / command[0]
    assert (saved / "1" / "saved_model.pb").exists()


@pytest.mark.parametrize("name", keras_gen.list_models())
def test_presets_are_those_of_the_class(name):
    recipe = load(name)
    options = {"smoke", "small", "paper"}
    assert set(recipe.PRESETS) == options
    assert options <= set(keras_gen.model_class(name).presets)


# ---- Claims -----------------------------------------------------------------


@pytest.mark.parametrize(
    "command, options, figure",
    [
        (("ae",), (), "pca_squared_error"),
        (("dae",), (), "plain_denoised_squared_error"),
        (VARIANTS[1], (), "plain_classification_error"),
        (("cae",), (), "plain_jacobian_norm"),
        (("sae",), (), "dense_probe_error"),
        (("aae",), (), "plain_discrepancy"),
        (VARIANTS[7], (), "clustering_error"),
        (("dc_ign",), ("--batches=8",), "plain_light_inactive_change"),
        (("dcgan",), ("--labels=100",), "svm_error_features"),
    ],
)
def test_claims(command, options, figure, finished):
    """The control of a finished run, and the figures of both."""
    folder = finished(*command)
    before = (folder / "config.json").read_text()
    run_script(CLAIMS / f"{command[0]}.py", f"--run={folder}", *options)
    figures = json.loads((folder / "claims.json").read_text())
    assert figure in figures
    assert np.all(np.isfinite(list(figures.values())))
    assert (folder / "config.json").read_text() == before


def test_every_claim_has_a_command():
    table = (CLAIMS / "README.md").read_text()
    for script in CLAIMS.glob("[a-z]*.py"):
        assert f"`python benchmarks/claims/{script.name}" in table, script.name


def test_a_claim_needs_a_finished_run(tmp_path):
    with pytest.raises(SystemExit, match="must be the folder of a finished"):
        run_script(CLAIMS / "ae.py", f"--run={tmp_path}")


# ---- A user's own pictures and options --------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("dcgan", "--model.base-filters=4", "--image-size=16"),
        ("vae", "--channels=1"),
        ("aae", "--variant=supervised"),
    ],
    ids=" ".join,
)
def test_a_folder_of_pictures(command, finished, photos):
    given = ("--dataset=folder", f"--data-dir={photos}", "--batch-size=4")
    folder = finished(*command, *given)
    model = keras_gen.load_model(folder / "checkpoint.keras")
    assert (
        model.example_shape
        == {
            "dcgan": (16, 16, 3),
            "vae": (28, 28, 1),
            "aae": (28, 28, 3),
        }[command[0]]
    )
    config = model.get_config()
    assert config.get("base_filters", 4) == 4
    assert config.get("num_classes", 2) == 2
    assert list(folder.glob("samples/*.png"))


def test_labels_are_asked_for(photos, tmp_path):
    with pytest.raises(SystemExit, match="must have labels. Received: "):
        run_script(
            RECIPES / "aae.py",
            "--variant=supervised",
            "--dataset=folder",
            f"--data-dir={photos / 'cats'}",
            "--batch-size=4",
            f"--output-dir={tmp_path}",
        )


def test_known_factors_are_asked_for(tmp_path):
    arguments = ("--dataset=digits", f"--output-dir={tmp_path}")
    with pytest.raises(SystemExit, match="must be lit_heads"):
        run_script(RECIPES / "dc_ign.py", *arguments)
    assert not list(tmp_path.iterdir())


def test_help_has_the_model_s_arguments(capsys):
    with pytest.raises(SystemExit):
        run_script(RECIPES / "sae.py", "--variant=k_sparse", "--help")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Trains a sparse autoencoder." in said
    assert "--initial-k" in said and "--mixed-precision" in said
    assert "--model.k INT" in said and "How many units are kept" in said
    assert "--model.input-shape" not in said and "--model.seed" not in said


# ---- What is taken from an earlier run --------------------------------------


def load(name):
    """The module of a recipe, or the helper of all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(RECIPES))
        return importlib.import_module(name)


@pytest.fixture
def start(tmp_path):
    """Starts a run of the VAE, up to where training would begin."""
    recipe, vae = load("_recipe"), load("vae")

    def start(*options):
        options = ("--preset=smoke", f"--output-dir={tmp_path}/runs", *options)
        options = recipe.parse(keras_gen.VAE, vae.Options, options)
        return recipe.start("vae", options, vae.PRESETS)

    return start


def train(run):
    """What a run leaves after its first epoch."""
    model = keras_gen.VAE(run.image_shape, latent_dim=2, hidden_units=3)
    model.compile()
    model.fit(
        run.images("train", 10),
        verbose=0,
        callbacks=[
            callbacks.HistoryCSV(run.folder / "history.csv"),
            callbacks.Checkpoint(run.checkpoint),
        ],
    )
    (run.folder / "metrics.json").write_text("{}")


def test_a_new_run_takes_nothing_of_an_old_one(start):
    """It may be killed before its first checkpoint, and then resumed."""
    train(start("--seed=0"))
    assert start("--seed=0", "--resume").initial_epoch == 1
    killed = start("--seed=1")
    assert not killed.checkpoint.exists()
    assert not (killed.folder / "history.csv").exists()
    assert not (killed.folder / "metrics.json").exists()
    assert start("--seed=1", "--resume").initial_epoch == 0


def test_resuming_with_other_options(start, tmp_path):
    train(start("--seed=0"))
    with pytest.raises(SystemExit, match=r"'seed': \(0, 1\)"):
        start("--seed=1", "--resume")
    with pytest.raises(SystemExit, match="'model': .*'latent_dim': 3"):
        start("--seed=0", "--resume", "--model.latent-dim=3")
    free = ("--epochs=9", "--importance-samples=5", "--export-dir=elsewhere")
    run = start("--seed=0", "--resume", *free)
    assert run.initial_epoch == 1
    assert run.order["start_step"] == run.steps_per_epoch
    assert run.total_steps == 9 * run.steps_per_epoch
    (tmp_path / "runs" / "vae" / "config.json").unlink()
    with pytest.raises(SystemExit, match="config.json is missing"):
        start("--seed=0", "--resume")


def test_mixed_precision_and_seed_of_a_run(start):
    try:
        start("--mixed-precision=mixed_bfloat16", "--seed=3")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        first = np.random.uniform()
        start("--seed=3")
        assert keras.config.dtype_policy().name == "float32"
        assert np.random.uniform() == first
    finally:
        keras.config.set_dtype_policy("float32")
