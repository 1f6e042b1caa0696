"""What a run refuses before it begins: options, folders, an earlier run."""

import contextlib
import dataclasses
import json
import tempfile

import keras

import keras_gen
from keras_gen.data import list_datasets

# What may differ between a run and its resumption: it leaves training as it is.
FREE_OPTIONS = (
    *("backend", "data_dir", "epochs", "evaluate_every", "export_dir"),
    *("importance_samples", "keras_gen", "output_dir", "overwrite", "resume"),
    *("run_name", "tensorboard"),
)
# What a new run replaces: nothing of an earlier one may be taken for its own.
RESULTS = ("checkpoint.keras", "history.csv", "metrics.json", "claims.json")
COUNTS = (
    *("batch_size", "epochs", "evaluate_every", "image_size", "length"),
    *("importance_samples", "steps_per_epoch"),
)


def check_options(options):
    """Refuses options that would fail later, or together mean nothing."""
    for name in COUNTS:
        value = getattr(options, name, None)
        if value is not None and value < 1:
            raise SystemExit(
                f"`--{name.replace('_', '-')}` must be at least 1. Received: "
                f"{value}."
            )
    if options.data_dir is not None and options.dataset in list_datasets():
        raise SystemExit(
            "`--data-dir` is of a data set that is read from a folder. "
            f"Received: --data-dir {options.data_dir}, with --dataset "
            f"{options.dataset}, which is embedded. For your own files, pass "
            "the --dataset that reads them, such as folder or recordings."
        )
    if getattr(options, "to", None) is not None:
        raise SystemExit(
            "`--to` says where the results of `--apply` are written. "
            f"Received: --to {options.to} alone. Pass --apply, too."
        )
    if options.resume and options.overwrite:
        raise SystemExit(
            "`--resume` goes on with an earlier run and `--overwrite` replaces "
            "it. Received: both. Leave one out."
        )
    if options.evaluate_every is None:
        return
    if not is_digits(options.dataset) or not hasattr(
        options.model_class, "sample"
    ):
        raise SystemExit(
            "`--evaluate-every` needs a model that draws samples, and a data "
            "set of digits (mnist or digits), whose classifier evaluates them. "
            f"Received: {options.model_class.__name__}, --dataset "
            f"{options.dataset}. Leave it out."
        )


def check_batch_size(run):
    """Refuses batches that are larger than the data set."""
    if run.batch_size > run.examples:
        raise SystemExit(
            f"`--batch-size` must be at most {run.examples}, the examples for "
            f"training. Received: {run.batch_size}."
        )


def is_digits(dataset):
    return dataset in ("mnist", "digits")


def run_name(recipe, options):
    """The name of a run's folder and of its exported model."""
    name, variant = options.run_name, getattr(options, "variant", None)
    if name is None:
        usual = getattr(type(options), "variant", None)
        return recipe if variant == usual else f"{recipe}_{variant}"
    if not name.strip() or name.startswith(".") or set(name) & set("/\\"):
        raise SystemExit(
            "`--run-name` must be the name of a folder, without a path. "
            f"Received: --run-name {name!r}. `--output-dir` says where it is."
        )
    return name


def check_earlier_run(folder, options):
    """Refuses to begin where an earlier run has left results, unless told."""
    found = [name for name in RESULTS if (folder / name).exists()]
    if "checkpoint.keras" in found or not options.resume:
        wrong = bool(found) and not options.resume
        how = "`--resume` goes on with it,"
    else:
        # A run that was killed in its first epoch has at most a row for it.
        history = folder / "history.csv"
        lines = history.read_text().splitlines() if history.exists() else []
        wrong = "metrics.json" in found or len(lines) > 2
        how = f"`--resume` needs {folder / 'checkpoint.keras'}, which is gone."
    if wrong and not options.overwrite:
        raise SystemExit(
            "The folder of a new run must hold no results of another. "
            f"Received: {folder}, with {', '.join(found)}. {how} "
            "`--overwrite` replaces it, `--run-name NAME` keeps it and begins "
            "a run beside it."
        )


def check_writable(option, folder):
    """Refuses a folder in which no file can be made."""
    made = []
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SystemExit(
            f"`{option}` must be a folder in which files can be written. "
            f"Received: {folder}: {error.strerror}. Pass another."
        ) from error
    finally:
        # Unless a run that starts at the same time has begun to use them.
        with contextlib.suppress(OSError):
            for path in made:
                path.rmdir()


@contextlib.contextmanager
def reading():
    """Says in a line why a data set cannot be read."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise SystemExit(
            f"{error} Pass a `--dataset` and, for your own files, a "
            "`--data-dir` that hold them."
        ) from error


def checked_config(run):
    """The options as JSON; refuses to resume a run that had others."""
    path, options = run.folder / "config.json", run.options
    presets = options.model_class.presets
    config = {
        **dataclasses.asdict(options),
        "model": {**presets.get(options.preset, {}), **options.model},
        "backend": keras.backend.backend(),
        "keras_gen": keras_gen.__version__,
    }
    config = json.loads(json.dumps(config, default=str))
    if run.initial_epoch:
        mend = "begin another run by --run-name."
        if not path.exists():
            raise SystemExit(
                f"{path} is missing, so it is not known with which options "
                f"{run.checkpoint} was trained. To train from the start, {mend}"
            )
        kept = json.loads(path.read_text())
        changed = {
            key: (kept.get(key), value)
            for key, value in config.items()
            if key not in FREE_OPTIONS and kept.get(key) != value
        }
        if changed:
            raise SystemExit(
                f"The options must be those of {path} to resume its run. "
                f"Received: {changed} (kept, given). Give the same, or {mend}"
            )
    return config
