"""What the recipes share: the start of a run, its data, its end."""

import dataclasses
import json
import pathlib
import time

import keras
import numpy as np

import _checks
import keras_gen
from _learning_rates import learning_rates, with_rate
from _options import Options, Preset, cli, parse
from keras_gen import callbacks, data, metrics, pictures, serving
from keras_gen.files import atomic_path
from keras_gen.progress import reported

__all__ = ["Options", "Preset", "Run", "cli", "likelihoods", "parse", "start"]


def start(name, options, presets):
    """Prepares a run: its data, its seed, its dtype policy.

    All that can be wrong with the options, the data and the folders is said
    here. No file of an earlier run is touched before training begins.

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
    _checks.check_options(options)
    name = _checks.run_name(name, options)
    _checks.check_earlier_run(pathlib.Path(options.output_dir) / name, options)
    with _checks.reading():
        run = Run(name, options)
    _checks.check_batch_size(run)
    _checks.check_writable("--output-dir", run.folder)
    _checks.check_writable("--export-dir", run.export_folder)
    if options.resume:
        run.initial_epoch = callbacks.read_progress(run.checkpoint).epochs
    run.config = _checks.checked_config(run)
    print(
        f"{options.dataset}: {run.examples} examples for training, as "
        f"{run.described}. Epochs: {run.epochs}, steps in each: "
        f"{run.steps_per_epoch}. Results: {run.folder}"
    )
    return run


def write_json(path, content):
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, default=float)
        temporary.write_text(text + "\n")


class Beginning(keras.callbacks.Callback):
    """Replaces what an earlier run has left, once training begins.

    Args:
        run: `Run`. With its `config`.
    """

    def __init__(self, run):
        super().__init__()
        self.run = run
        old = [run.folder / name for name in _checks.RESULTS]
        old += (run.folder / "tensorboard").glob("**/*.*")
        self.old = [path for path in old if path.is_file()]

    def on_train_begin(self, logs=None):
        if not self.run.initial_epoch:
            for path in self.old:
                path.unlink(missing_ok=True)
        write_json(self.run.folder / "config.json", self.run.config)


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
        self.config = {}
        self.checkpoint = self.folder / "checkpoint.keras"
        self.initial_epoch = 0
        self.epochs, self.batch_size = options.epochs, options.batch_size
        self.arguments = {"seed": options.seed, **options.model}
        self.smoke = options.preset == "smoke"
        self.num_samples = 500 if self.smoke else 5000
        export = self.folder / "saved_models" if self.smoke else "saved_models"
        self.export_folder = pathlib.Path(options.export_dir or export) / name
        self.has_digits = _checks.is_digits(options.dataset)
        keras.utils.set_random_seed(options.seed)
        keras.config.set_dtype_policy(options.mixed_precision)
        jit = {"auto": "auto", "true": True, "false": False}
        self.jit_compile = jit[options.jit_compile]
        self.stopwatch = Stopwatch()
        self.loaded = {}
        self.splits = self.find_splits()
        examples = self.load("train")
        self.examples = int(examples.cardinality())
        self.has_labels = "label" in examples.element_spec
        spec = examples.element_spec
        self.described = f"windows of {options.length} samples"
        if options.image_size is not None:
            # Of pairs, the second is what is generated.
            channels = [*spec.get("image", spec.get("b")).shape, 1][2]
            side = options.image_size
            self.image_shape = (side, side, channels)
            self.described = f"images of {side}x{side}x{channels}"
        self.steps_per_epoch = options.steps_per_epoch or (
            self.examples // self.batch_size
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
        order = {"seed": self.options.seed, "start_step": self.start_step}
        if self.options.length is not None:
            return order
        return {
            **order,
            "image_size": self.options.image_size,
            "augment": self.options.augment,
        }

    def find_splits(self):
        """The splits of training and test: the last tenth, if there is none."""
        options = self.options
        sizes = data.split_sizes(
            options.dataset, data_dir=options.data_dir, length=options.length
        )
        # Of a short run, rendering all examples would be most of the time.
        few = self.smoke and sizes.get("train", 0) > 2000
        train = "train[:2000]" if few else "train"
        for split in ("test", "validation", "val"):
            if split in sizes:
                return {"train": train, "test": split}
        return {"train": "train[:90%]", "test": "train[90%:]"}

    def load(self, split, dataset=None):
        """The examples of `"train"` or `"test"`, unbatched."""
        if (split, dataset) not in self.loaded:
            self.loaded[split, dataset] = data.load(
                dataset or self.options.dataset,
                self.splits[split],
                data_dir=self.options.data_dir,
                channels=self.options.channels,
                length=self.options.length,
            )
        return self.loaded[split, dataset]

    def images(self, split, limit=None, value_range=None, features="image"):
        """The first images of a split, as an array."""
        limit = limit or (100 if self.smoke else 10_000)
        batches = data.pipeline(
            self.load(split).take(limit),
            min(limit, 500),
            features=features,
            value_range=value_range,
            image_size=self.options.image_size,
            shuffle=False,
            drop_remainder=False,
            repeat=False,
        )
        found = list(
            reported(
                batches.dataset.as_numpy_iterator(),
                batches.examples,
                f"Reading images of the split {split}",
            )
        )
        if isinstance(features, str):
            return np.concatenate(found)
        return tuple(np.concatenate(part) for part in zip(*found, strict=True))

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
        return data.num_classes(self.load("train"))

    # ---- Training -----------------------------------------------------------

    def resumed(self):
        """The model of the checkpoint, with its optimizers, or `None`."""
        if not self.initial_epoch:
            return None
        print(f"Resuming from {self.checkpoint}, epoch {self.initial_epoch}.")
        return keras_gen.load_model(self.checkpoint)

    def compile(self, model, optimizer=None):
        """Compiles a model as the options say.

        Args:
            model: The model.
            optimizer: An optimizer, a dictionary of one for each player, or
                `None` for the paper's. `--learning-rate` changes their rates.
        """
        optimizer = self.optimizers(model, optimizer)
        model.compile(optimizer, jit_compile=self.jit_compile)

    def optimizers(self, model, optimizer=None):
        """What `compile` is given: the optimizers with `--learning-rate`."""
        given = self.options.learning_rate
        if not given:
            return optimizer
        rates = learning_rates(given, model.players)
        optimizers = optimizer
        if optimizer is None:
            optimizers = model.default_optimizers()
        elif not isinstance(optimizer, dict):
            optimizers = dict.fromkeys(model.players, optimizer)
        return {
            player: with_rate(optimizers[player], rates.get(player))
            for player in model.players
        }

    def callbacks(self):
        """The history and the checkpoints, which come after all others."""
        history = self.folder / "history.csv"
        hooks = [Beginning(self), self.stopwatch]
        if self.options.evaluate_every:
            self.classifier()  # Trained before the first step, and kept.
            scores = {"samples": self.sample_scores}
            every = self.options.evaluate_every
            hooks.append(callbacks.EvaluateMetrics(scores, every))
        hooks += [
            callbacks.HistoryCSV(history, self.initial_epoch, self.checkpoint),
            callbacks.Checkpoint(self.checkpoint),
        ]
        if self.options.tensorboard:
            folder = str(self.folder / "tensorboard")
            hooks.append(keras.callbacks.TensorBoard(folder))
            hooks.append(callbacks.TensorBoardPictures(folder, self.folder))
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
        classifier = self.classifier()
        report = metrics.evaluate_generator(
            model, test, classifier, num_samples=self.num_samples
        )
        classes = getattr(model.condition, "num_classes", None)
        if classes and classes == self.num_classes():
            # By default samples are of each class in turn.
            samples = model.sample(self.num_samples, seed=0)
            labels = np.arange(self.num_samples) % classes
            report["label_accuracy"] = classifier.accuracy(
                samples, labels, value_range=model.value_range
            )
        return report

    def sample_scores(self, model):
        """What of them is measured: neither texts nor counts."""
        return {
            name: value
            for name, value in self.sample_quality(model).items()
            if isinstance(value, float | np.floating)
        }

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
        version = serving.next_version(self.export_folder)
        print(f"Exporting to {version} ...")
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
