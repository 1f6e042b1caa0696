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
from keras_gen import callbacks, data, pictures
from tests.integration import processes

RECIPES = processes.ROOT / "recipes"
CLAIMS = processes.ROOT / "benchmarks" / "claims"
RATE = 1e-4
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
    ("catgan", "--num-labels=100", "--labeled-only"),
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
                f"--learning-rate={RATE}",
                f"--output-dir={folder}/runs",
                f"--export-dir={folder}/saved_models",
                *options,
            )
        (folder,) = (folders[name, *options] / "runs").iterdir()
        return folder

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
    for player in model.players:
        rate = model.optimizer[player].get_config()["learning_rate"]
        if isinstance(rate, dict):
            rate = rate["config"]["initial_learning_rate"]
        assert rate == pytest.approx(RATE)
    saved = folder.parents[1] / "saved_models" / folder.name
    assert (saved / "1" / "saved_model.pb").exists()
    # Each variant has a name of its own, the first the recipe's.
    variants = vars(load(command[0])).get("VARIANTS", {None: None})
    given = [option for option in command if "--variant" in option]
    variant = given[0].partition("=")[2] if given else next(iter(variants))
    usual = variant == next(iter(variants))
    assert folder.name == command[0] + ("" if usual else f"_{variant}")


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
        (("simgan",), ("--limit=100", "--epochs=1"), "pixel_error_refined"),
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


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Pictures of two domains, of one name each, and recordings likewise."""
    folder, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for index in range(8):
        name = f"größe {index}.png"
        for domain, channels in (("A", 1), ("B", 3)):
            size = (24 + index, 30, channels)
            picture = rng.integers(256, size=size, dtype="uint8")
            pictures.save_image(folder / domain / name, picture)
        for kind in ("noisy", "clean"):
            (folder / kind).mkdir(exist_ok=True)
            signal = rng.uniform(-0.5, 0.5, 1500)
            data.write_wav(folder / kind / f"{index}.wav", signal)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("pix2pix", "--dataset=folder"),
        ("bicyclegan", "--dataset=folder", "--reverse"),
        ("cyclegan", "--dataset=folder"),
        ("discogan", "--dataset=folder"),
        ("simgan", "--dataset=folder"),
        ("segan", "--dataset=recordings"),
    ],
    ids=" ".join,
)
def test_folders_of_two_domains_and_what_is_made_of_them(
    command, finished, pairs, tmp_path
):
    """Training on them, then `--apply`, of a folder and of one file."""
    part = pairs
    if command[0] == "segan":
        source, name, ending = pairs / "noisy", "3.wav", ".wav"
    else:
        source, name, ending = pairs / "B", "größe 3.png", ".png"
        part = tmp_path / "pictures"
        part.mkdir()
        for domain in "AB":
            (part / domain).symlink_to(pairs / domain)
    folder = finished(*command, f"--data-dir={part}", "--batch-size=6")
    run = [f"--output-dir={folder.parent}"]
    if command[0] in ("cyclegan", "discogan"):
        run.append("--direction=ba")
    script = RECIPES / f"{command[0]}.py"
    made = tmp_path / "made"
    run_script(script, *run, f"--apply={source}", f"--to={made}")
    found = sorted(path.name for path in made.iterdir())
    assert found == sorted(path.name for path in source.iterdir())
    one = tmp_path / f"one{ending}"
    run_script(script, *run, f"--apply={source / name}", f"--to={one}")
    if ending == ".wav":
        enhanced = data.read_wav(one)
        assert enhanced.shape == (1500,) and enhanced.std() > 0.0
        np.testing.assert_array_equal(enhanced, data.read_wav(made / name))
    else:
        assert one.read_bytes() == (made / name).read_bytes()


def test_what_apply_needs(finished, photos, tmp_path):
    folder = finished("context_encoder")
    script = RECIPES / "context_encoder.py"
    run, cats = f"--output-dir={folder.parent}", photos / "cats"
    run_script(script, run, f"--apply={cats}", f"--to={tmp_path / 'made'}")
    assert len(list((tmp_path / "made").glob("*.png"))) == 6
    empty = tmp_path / "empty"
    empty.mkdir()
    for options, words in (
        ([run, f"--apply={cats}"], "`--to` must say"),
        ([run, "--apply=nowhere.png", "--to=a.png"], "is not there"),
        ([run, f"--apply={empty}", "--to=a"], "which holds none"),
        (
            [f"--output-dir={empty}", f"--apply={cats}", "--to=a"],
            "needs the checkpoint",
        ),
    ):
        with pytest.raises(SystemExit, match=words):
            run_script(script, *options)


def test_apply_replaces_nothing_that_it_reads(tmp_path):
    apply, inner = load("_apply"), tmp_path / "made"
    inner.mkdir()
    for name in ("one.png", "two.jpg", "made/one.png"):
        (tmp_path / name).touch()

    def places(source, to):
        options = apply.Options(apply=str(source), to=str(to))
        return apply.places(options, (".png", ".jpg"), ".png")

    found = {(a.name, b) for a, b in places(tmp_path, inner)}
    assert found == {
        ("one.png", inner / "one.png"),
        ("two.jpg", inner / "two.png"),
    }
    for source, to in ((tmp_path, tmp_path), (tmp_path / "one.png", tmp_path)):
        with pytest.raises(SystemExit, match="`--to` must leave the files"):
            places(source, to)


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
    """Starts a run, of the VAE unless told, up to where training begins."""
    recipe = load("_recipe")

    def start(*options, name="vae"):
        module, cls = load(name), keras_gen.model_class(name)
        shared = vars(module).get("_variational", module)
        kind = vars(shared).get("Options", recipe.Options)
        options = (
            "--preset=smoke",
            f"--output-dir={tmp_path}/runs",
            f"--export-dir={tmp_path}/saved_models",
            *options,
        )
        options = recipe.parse(vars(module).get("VARIANTS", cls), kind, options)
        return recipe.start(name, options, module.PRESETS)

    return start


def train(run):
    """What a run leaves after its first epoch."""
    model = keras_gen.VAE(run.image_shape, latent_dim=2, hidden_units=3)
    model.compile()
    images = run.images("train", 10)
    model.fit(images, verbose=0, callbacks=run.callbacks())
    (run.folder / "metrics.json").write_text("{}")


def test_a_new_run_takes_nothing_of_an_old_one(start):
    """It may be killed before its first checkpoint, and then resumed."""
    train(start("--seed=0", "--tensorboard"))
    assert start("--seed=0", "--resume").initial_epoch == 1
    killed = start("--seed=1", "--overwrite")
    old = list((killed.folder / "tensorboard").glob("**/*.*"))
    before = set(killed.folder.rglob("*"))
    killed.callbacks()[0].on_train_begin()
    gone = {killed.checkpoint, *old}
    gone |= {killed.folder / name for name in ("history.csv", "metrics.json")}
    assert old and before - set(killed.folder.rglob("*")) == gone
    assert start("--seed=1", "--resume").initial_epoch == 0


def contents(folder):
    """All files of a folder, by their paths."""
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_start_takes_nothing_away(start, tmp_path):
    """It may fail, or training may not begin."""
    train(start())
    before = contents(tmp_path)
    file = tmp_path / "runs" / "vae" / "config.json"
    for options in (
        (),
        ("--overwrite", "--dataset=folder"),
        ("--overwrite", "--epochs=0"),
        ("--overwrite", "--evaluate-every=1", "--dataset=sprites"),
        ("--overwrite", "--resume"),
        ("--overwrite", f"--export-dir={file}"),
        ("--overwrite", "--run-name=../vae"),
    ):
        with pytest.raises((SystemExit, ValueError)):
            start(*options)
        assert contents(tmp_path) == before, options
    start("--overwrite")
    assert contents(tmp_path) == before


def test_a_run_is_kept_unless_told(start, tmp_path):
    folder = tmp_path / "runs" / "vae"
    folder.mkdir(parents=True)
    for name in ("checkpoint.keras", "history.csv", "metrics.json"):
        (folder / name).write_text("")
        with pytest.raises(SystemExit) as refusal:
            start()
        said = str(refusal.value)
        assert str(folder) in said and name in said
        for option in ("--resume", "--overwrite", "--run-name"):
            assert f"`{option}" in said
        (folder / name).unlink()
    for name, text in (
        ("metrics.json", "{}"),
        ("history.csv", "epoch\n0\n1\n"),
    ):
        (folder / name).write_text(text)
        with pytest.raises(SystemExit, match="needs .*checkpoint.keras, which"):
            start("--resume")
        (folder / name).unlink()
    (folder / "history.csv").write_text("epoch\n0\n")
    assert start("--resume").initial_epoch == 0
    beside = start("--run-name=wide")
    assert beside.folder == tmp_path / "runs" / "wide"
    assert beside.export_folder == tmp_path / "saved_models" / "wide"


def test_names_tell_variants_and_trials_apart(start, tmp_path):
    usual = start(name="aae")
    other = start("--variant=label_prior", name="aae")
    assert usual.folder != other.folder
    assert usual.export_folder != other.export_folder
    # Nothing is left of what was tried in a folder.
    assert not list(tmp_path.iterdir())
    # Where nobody says where to export, a trial does not reach a server.
    recipe = load("_recipe")
    for preset, folder in (("smoke", "runs/vae/"), ("small", "")):
        options = recipe.parse(keras_gen.VAE, argv=[f"--preset={preset}"])
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            run = recipe.start("vae", options, load("vae").PRESETS)
        assert str(run.export_folder) == f"{folder}saved_models/vae"


def test_options_that_mean_nothing_are_refused(start, photos):
    for options, words in (
        ((f"--data-dir={photos}",), "--dataset digits, which is embedded"),
        (("--batch-size=3000",), "at most 1500, the examples"),
        (("--dataset=folder",), "which is no folder. Pass .*`--data-dir`"),
        (("--dataset=mnits",), "known to TensorFlow Datasets.*mnits"),
    ):
        with pytest.raises(SystemExit, match=words):
            start(*options)
    with pytest.raises(SystemExit, match="Received: --to a.png alone"):
        run_script(RECIPES / "simgan.py", "--preset=smoke", "--to=a.png")


@pytest.mark.parametrize("option", ["output-dir", "export-dir"])
def test_folders_are_tried_before_the_first_step(start, tmp_path, option):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=f"`--{option}` must .* Received: "):
        start(f"--{option}={tmp_path}/file")


def test_counts_are_known_without_an_image(start, monkeypatch, photos):
    """Of a folder of pictures and of rendered ones."""

    def read(*arguments):
        raise AssertionError("An image was read.")

    monkeypatch.setattr(data.folder, "read_picture", read)
    monkeypatch.setattr(data.pipelines, "_to_memory", read)
    given = ("--dataset=folder", f"--data-dir={photos}", "--batch-size=4")
    run = start(*given, "--channels=1")
    assert run.image_shape == (28, 28, 1) and run.num_classes() == 2
    assert run.examples == 11 and run.splits["test"] == "train[90%:]"
    given = ("--dataset=sprites", "--batch-size=4")
    # A short run has the first examples alone.
    run = start(*given)
    assert run.splits == {"train": "train[:2000]", "test": "test"}
    assert run.examples == 2000
    run = start(*given, "--preset=small")
    assert run.examples == 663_552 and run.splits["test"] == "test"
    batches = data.pipeline(run.load("train"), 4, **run.order)
    assert next(iter(batches.dataset)).shape == (4, 28, 28, 1)


# ---- Options of training ----------------------------------------------------


def test_learning_rates(start):
    model = keras_gen.DCGAN((8, 8, 1), base_filters=2, latent_dim=2)
    schedules = keras.optimizers.schedules
    decay = schedules.PolynomialDecay(4e-3, 10, 2e-3)
    steps = schedules.PiecewiseConstantDecay([5], [1e-2, 1e-3])
    adam = keras.optimizers.Adam
    given = {"discriminator": adam(decay, beta_1=0.3), "generator": adam(steps)}
    run = start("--learning-rate", "1e-4", "generator=5e-4")
    found = run.optimizers(model, given)
    assert found["discriminator"].beta_1 == 0.3
    for player, rates in (
        ("discriminator", (1e-4, 5e-5)),
        ("generator", (5e-4, 5e-5)),
    ):
        for step, rate in zip((0, 10), rates, strict=True):
            found[player].iterations.assign(step)
            assert float(found[player].learning_rate) == pytest.approx(rate)
    found = run.optimizers(model)
    assert float(found["generator"].learning_rate) == pytest.approx(5e-4)
    model.compile(run.optimizers(model, adam(1.0)))
    assert float(model.optimizer["discriminator"].learning_rate) < 2e-4
    run = start("--learning-rate=generator=5e-4")
    found = run.optimizers(model, adam(0.5, beta_1=0.3))
    assert float(found["discriminator"].learning_rate) == 0.5
    assert start().optimizers(model, given) is given
    for wrong in ("critic=1e-3", "fast", "-1", "nan"):
        run = start(f"--learning-rate={wrong}")
        with pytest.raises(SystemExit, match="discriminator, generator. Rec"):
            run.optimizers(model)


def test_samples_are_evaluated_and_shown_while_training(
    start, monkeypatch, tmp_path
):
    """The scores reach the history, the pictures TensorBoard."""
    from tensorboard.backend.event_processing import event_accumulator

    run = start("--evaluate-every=2", "--tensorboard", name="dcgan")
    score = {"frechet_distance": 3.5, "extractor": "digits", "seed": 0}
    monkeypatch.setattr(run, "classifier", lambda: None)
    monkeypatch.setattr(run, "sample_quality", lambda model: score)
    model = keras_gen.DCGAN((8, 8, 1), base_filters=2, latent_dim=2)
    model.compile(run_eagerly=True)
    pictured = callbacks.SampleGrid(run.folder / "samples", num=4)
    model.fit(
        np.linspace(-1.0, 1.0, 256).reshape(4, 8, 8, 1),
        epochs=2,
        verbose=0,
        callbacks=[pictured, *run.callbacks()],
    )
    history = (run.folder / "history.csv").read_text().splitlines()
    assert history[0].endswith("samples_frechet_distance")
    assert [row.rpartition(",")[2] for row in history[1:]] == ["", "3.5"]
    events = event_accumulator.EventAccumulator(
        str(run.folder / "tensorboard" / "pictures")
    ).Reload()
    shown = events.Images("samples")
    assert [image.step for image in shown] == [0, 1]
    assert (shown[0].width, shown[0].height) == (22, 22)
    second = run.folder / "samples" / "epoch_0002.png"
    assert shown[1].encoded_image_string == second.read_bytes()


def test_scores_need_digits_and_samples(start):
    for name in ("dae", "dc_ign"):
        with pytest.raises(SystemExit, match="needs a model that draws sam"):
            start("--evaluate-every=1", name=name)


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
