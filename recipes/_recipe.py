"""What the recipes share: the start of a run, its data, its end."""

import dataclasses
import json
import pathlib
import time

import keras
import numpy as np

import keras_gen
from _options import Options, Preset, cli, parse
from keras_gen import callbacks, data, metrics, pictures, serving
from keras_gen.files import atomic_path

__all__ = ["Options", "Preset", "Run", "cli", "likelihoods", "parse", "start"]

# What may differ between a run and its resumption: it leaves training as it is.
FREE_OPTIONS = (
    *("backend", "data_dir", "epochs", "export_dir", "importance_samples"),
    *("keras_gen", "output_dir", "resume", "tensorboard"),
)
# What a new run removes: nothing of an earlier one may be taken for its own.
RESULTS = ("checkpoint.keras", "history.csv", "metrics.json", "claims.json")


def start(name, options, presets):
    """Prepares a run: its folder, its seed, its dtype policy.

    Args:
        name: String. The recipe.
        options: What `parse` returned.
        presets: Dictionary from each preset's name to its `Preset`.

    Returns:
        A `Run`.
    """
    for field, default in vars(presets[options.preset]).items():
        if getattr(options, field) is None:
            options = dataclasses.replace(options, **{field: default})
    run = Run(name, options)
    run.folder.mkdir(parents=True, exist_ok=True)
    if options.resume:
        run.initial_epoch = callbacks.read_progress(run.checkpoint).epochs
    else:
        for file in RESULTS:
            (run.folder / file).unlink(missing_ok=True)
    keep_config(run)
    return run


def keep_config(run):
    """Writes the options; refuses to resume a run that had others."""
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
        mend = "start without --resume or with another --output-dir."
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
    write_json(path, config)


def write_json(path, content):
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, default=float)
        temporary.write_text(text + "\n")


class Stopwatch(keras.callbacks.Callback):
    """Measures how long `fit` takes."""

    seconds = 0.0

    def on_train_begin(self, logs=None):
        self.began = time.perf_counter()

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self.began


class Run:
    """One run of a recipe.

    Args:
        name: String. The recipe.
        options: The options, with the preset's defaults.
    """

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.folder = pathlib.Path(options.output_dir) / name
        self.checkpoint = self.folder / "checkpoint.keras"
        self.initial_epoch = 0
        self.epochs, self.batch_size = options.epochs, options.batch_size
        self.arguments = {"seed": options.seed, **options.model}
        self.smoke = options.preset == "smoke"
        self.num_samples = 500 if self.smoke else 5000
        self.has_digits = options.dataset in ("mnist", "digits")
        keras.utils.set_random_seed(options.seed)
        keras.config.set_dtype_policy(options.mixed_precision)
        jit = {"auto": "auto", "true": True, "false": False}
        self.jit_compile = jit[options.jit_compile]
        self.stopwatch = Stopwatch()
        self.splits = self.find_splits()
        examples = self.load("train")
        self.has_labels = "label" in examples.element_spec
        channels = [*examples.element_spec["image"].shape, 1][2]
        self.image_shape = (options.image_size, options.image_size, channels)
        self.steps_per_epoch = options.steps_per_epoch or (
            int(examples.cardinality()) // self.batch_size
        )
        self.total_steps = self.epochs * self.steps_per_epoch

    # ---- Data ---------------------------------------------------------------

    @property
    def start_step(self):
        """The step that training resumes from."""
        return self.initial_epoch * self.steps_per_epoch

    @property
    def length(self):
        """The arguments of `fit` that follow from the options."""
        return {
            "steps_per_epoch": self.steps_per_epoch,
            "epochs": self.epochs,
            "initial_epoch": self.initial_epoch,
        }

    @property
    def order(self):
        """The arguments of `data.pipeline` that follow from the options."""
        return {
            "image_size": self.options.image_size,
            "augment": self.options.augment,
            "seed": self.options.seed,
            "start_step": self.start_step,
        }

    def find_splits(self):
        """The splits of training and test: the last tenth, if there is none."""
        for split in ("test", "validation", "val"):
            try:
                self.load_split(split)
            except ValueError:
                continue
            return {"train": "train", "test": split}
        return {"train": "train[:90%]", "test": "train[90%:]"}

    def load_split(self, split):
        name, folder = self.options.dataset, self.options.data_dir
        channels = self.options.channels
        return data.load(name, split, data_dir=folder, channels=channels)

    def load(self, split):
        """The examples of `"train"` or `"test"`, unbatched."""
        return self.load_split(self.splits[split])

    def images(self, split, limit=None, value_range=None, features="image"):
        """The first images of a split, as an array."""
        limit = limit or (100 if self.smoke else 10_000)
        batch = data.pipeline(
            self.load(split).take(limit),
            limit,
            features=features,
            value_range=value_range,
            image_size=self.options.image_size,
            shuffle=False,
            drop_remainder=False,
            repeat=False,
        )
        return next(iter(batch.dataset.as_numpy_iterator()))

    def labeled(self, split, limit=None, value_range=None):
        """The first images of a split and their labels, as two arrays."""
        return self.images(split, limit, value_range, ("image", "label"))

    def num_classes(self):
        """How many classes the labels of the training examples have."""
        if not self.has_labels:
            raise SystemExit(
                "`--dataset` must have labels. Received: --dataset "
                f"{self.options.dataset} without any. Put the pictures of "
                "each class into a subfolder."
            )
        labels = self.load("train").map(lambda example: example["label"])
        batches = labels.batch(1000).as_numpy_iterator()
        return 1 + max(int(batch.max()) for batch in batches)

    # ---- Training -----------------------------------------------------------

    def resumed(self):
        """The model of the checkpoint, with its optimizers, or `None`."""
        if not self.initial_epoch:
            return None
        print(f"Resuming from {self.checkpoint}, epoch {self.initial_epoch}.")
        return keras_gen.load_model(self.checkpoint)

    def callbacks(self):
        """The history and the checkpoints, which come after all others."""
        history = self.folder / "history.csv"
        hooks = [
            self.stopwatch,
            callbacks.HistoryCSV(history, self.initial_epoch, self.checkpoint),
            callbacks.Checkpoint(self.checkpoint),
        ]
        if self.options.tensorboard:
            folder = str(self.folder / "tensorboard")
            hooks.append(keras.callbacks.TensorBoard(folder))
        return hooks

    # ---- The end ------------------------------------------------------------

    def classifier(self):
        """The classifier of digits that evaluates samples."""
        epochs = 2 if self.smoke else None
        name, folder = self.options.dataset, self.options.data_dir
        return metrics.DigitsClassifier.get(
            name, folder, epochs=epochs, verbose=2
        )

    def sample_quality(self, model):
        """The scores of samples, if there is a classifier for the data."""
        if not self.has_digits:
            return {}
        test = self.images("test", value_range=model.value_range)
        return metrics.evaluate_generator(
            model, test, self.classifier(), num_samples=self.num_samples
        )

    def save_filters(self, model, count=100):
        """Draws the filters of an autoencoder's first layer."""
        if self.options.model.get("architecture") == "conv":
            return
        filters = model.filters()[:count]
        limit = 3.0 * float(filters.std())
        grid = pictures.image_grid(
            filters, columns=10, value_range=(-limit, limit)
        )
        pictures.save_image(self.folder / "filters.png", grid)

    def finish(self, model, report):
        """Writes the metrics, exports the model, prints where they are."""
        report = {
            **report,
            "training_seconds": round(self.stopwatch.seconds, 1),
            "epochs": self.epochs,
            "resumed_after_epochs": self.initial_epoch,
            "steps_per_epoch": self.steps_per_epoch,
            "backend": keras.backend.backend(),
            "seed": self.options.seed,
        }
        write_json(self.folder / "metrics.json", report)
        folder = pathlib.Path(self.options.export_dir) / self.name
        version = serving.next_version(folder)
        model.export(version)
        difference = serving.verify(model, version)
        for key, value in report.items():
            if isinstance(value, float | np.floating):
                print(f"{key:>28}  {value:.4f}")
        print(
            f"Pictures, history.csv, metrics.json, checkpoint.keras  "
            f"{self.folder}\n"
            f"SavedModel  {version} (differs from the model by at most "
            f"{difference:.1e})"
        )


def likelihoods(run, model, images, binary=True):
    """The bounds of a variational model on held-out images.

    Args:
        run: `Run`.
        model: The trained model.
        images: Array in [0, 1]. Of the first 1000, the importance-weighted
            bounds are estimated as well.
        binary: Boolean. Whether the images are binarized.

    Returns:
        Dictionary of means in nats.
    """
    if binary:
        uniform = np.random.default_rng(0).uniform(size=images.shape)
        images = (uniform < images).astype("float32")
    parts = model.elbo(images)
    some = images[:1000]
    report = {
        "negative_elbo": -parts["elbo"].mean(),
        "kl_divergence": parts["kl_divergence"].mean(),
        "reconstruction_loss": -parts["log_likelihood"].mean(),
        "test_examples": len(images),
        "importance_examples": len(some),
    }
    most = run.options.importance_samples or (10 if run.smoke else 100)
    for draws in sorted({1, 10, most}):
        bound = model.log_likelihood(some, num_samples=draws)
        report[f"negative_log_likelihood_{draws}"] = -bound.mean()
    return report
