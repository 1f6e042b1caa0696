"""What all recipes share: options, data, resuming, pictures, export."""

import dataclasses
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any, Literal

import keras
import numpy as np
import tyro

import keras_gen
from keras_gen import callbacks, data, metrics, serving
from keras_gen.callbacks.files import atomic_path


@dataclasses.dataclass
class Options:
    """The options of every recipe. What is not given follows the preset."""

    preset: Literal["smoke", "small", "paper"] = "small"
    """smoke: a minute, to see that all works. small: some minutes on two
    cores. paper: the paper's run, for a GPU."""
    dataset: str | None = None
    """An embedded data set (digits, sprites, lit_heads), or one of TensorFlow
    Datasets."""
    data_dir: str | None = None
    """The folder of TensorFlow Datasets."""
    epochs: int | None = None
    """Epochs in all, those before a resumption included."""
    steps_per_epoch: int | None = None
    """Training steps in each epoch. Defaults to one pass over the data."""
    batch_size: int | None = None
    """Examples in each update."""
    augment: tuple[str, ...] = ()
    """Random changes made to the images, such as flip or crop."""
    seed: int = 0
    """All randomness follows from it."""
    output_dir: str = "runs"
    """Where the run's folder is made."""
    export_dir: str = "saved_models"
    """Where the SavedModel is exported, under the recipe's name."""
    resume: bool = False
    """Go on from the checkpoint in the run's folder, if there is one."""
    mixed_precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = (
        "float32"
    )
    """The dtype policy of the networks."""
    jit_compile: Literal["auto", "true", "false"] = "auto"
    """Whether steps are compiled by XLA or, on PyTorch, by Inductor."""
    tensorboard: bool = False
    """Write logs for TensorBoard into the run's folder."""


@dataclasses.dataclass(frozen=True)
class Preset:
    """Defaults of a recipe for one size of run.

    Attributes:
        epochs: Epochs in all.
        batch_size: Examples in each update.
        model: Arguments of the model.
        steps_per_epoch: Steps of an epoch, or `None` for one pass.
        dataset: Name of the data set.
        image_size: The side that images are resized to, or `None`.
        optimizer: Function of the names of the players that makes the
            optimizer, or one for each, or `None` for the paper's.
        num_samples: Samples that are drawn for the metrics.
        test_examples: Test examples of which likelihoods are estimated.
        importance_samples: Draws for the importance-weighted likelihood.
        classifier_epochs: Epochs of training for the classifier of digits,
            if it is not there yet; `None` for all that it takes.
    """

    epochs: int
    batch_size: int
    model: dict[str, Any]
    steps_per_epoch: int | None = None
    dataset: str = "digits"
    image_size: int | None = 28
    optimizer: Callable | None = None
    num_samples: int = 2000
    test_examples: int = 10_000
    importance_samples: int = 100
    classifier_epochs: int | None = None


# What may differ between a run and its resumption: it leaves training as it is.
FREE_OPTIONS = (
    "backend",
    "data_dir",
    "epochs",
    "export_dir",
    "importance_samples",
    "keras_gen",
    "output_dir",
    "resume",
    "tensorboard",
)


# Test images are neither binarised nor given noise.
UNCHANGED = {"binarize": None, "dequantize": False}


class Run:
    """One run of a recipe: its folder, its data, its training.

    Args:
        name: The model's name.
        options: What was given on the command line.
        presets: Dictionary from each preset's name to its `Preset`.
        updates: Updates on fresh data in each training step.
        **pipeline: Arguments of `keras_gen.data.pipeline`.
    """

    def __init__(self, name, options, presets, updates=1, **pipeline):
        preset = presets[options.preset]
        for field in ("epochs", "batch_size", "dataset", "steps_per_epoch"):
            if getattr(options, field) is None:
                default = getattr(preset, field)
                options = dataclasses.replace(options, **{field: default})
        self.name = name
        self.options = options
        self.preset = preset
        self.folder = pathlib.Path(options.output_dir) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.checkpoint = self.folder / "checkpoint.keras"
        self.pipeline_options = {
            "image_size": preset.image_size,
            "seed": options.seed,
            **pipeline,
        }
        keras.utils.set_random_seed(options.seed)
        keras.config.set_dtype_policy(options.mixed_precision)
        self.initial_epoch = 0
        if options.resume:
            self.initial_epoch = callbacks.read_progress(self.checkpoint).epochs
        else:
            # Nothing of an earlier run may be taken for this one's.
            for name in (self.checkpoint.name, "history.csv", "metrics.json"):
                (self.folder / name).unlink(missing_ok=True)
        self._keep_config()
        self.updates = updates
        self.steps_per_epoch, self.data = self._training_data(
            self.initial_epoch
        )

    def _keep_config(self):
        path = self.folder / "config.json"
        config = json.loads(json.dumps(dataclasses.asdict(self.options)))
        config["model"] = json.loads(json.dumps(self.preset.model))
        config["backend"] = keras.backend.backend()
        config["keras_gen"] = keras_gen.__version__
        if self.initial_epoch:
            if not path.exists():
                raise SystemExit(
                    f"{path} is missing, so it is not known with which options "
                    f"{self.checkpoint} was trained. Start anew without "
                    "--resume or with another --output-dir."
                )
            kept = json.loads(path.read_text())
            changed = {
                key: (kept.get(key), value)
                for key, value in config.items()
                if key not in FREE_OPTIONS and kept.get(key) != value
            }
            if changed:
                raise SystemExit(
                    f"{self.checkpoint} was trained with other options: "
                    f"{changed} (kept, given). Give the same ones, or start "
                    "anew without --resume or with another --output-dir."
                )
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n")

    def load(self, split):
        """The data set of the run, unbatched."""
        return data.load(
            self.options.dataset, split, data_dir=self.options.data_dir
        )

    def _training_data(self, initial_epoch):
        """Steps in an epoch, and the batches from one of the epochs on."""
        options = self.options
        arguments = {
            **self.pipeline_options,
            "batch_size": options.batch_size * self.updates,
            "augment": options.augment,
        }
        dataset = self.load("train")
        one_pass = data.pipeline(dataset, **arguments)
        steps = options.steps_per_epoch or one_pass.steps_per_epoch
        passes, batches = divmod(
            initial_epoch * steps, one_pass.steps_per_epoch
        )
        stream = data.pipeline(dataset, start_epoch=passes, **arguments)
        return steps, stream.dataset.skip(batches)

    def images(self, split, limit):
        """The first images of a split, as an array in the model's range."""
        arguments = {**self.pipeline_options, **UNCHANGED}
        batch = data.pipeline(
            self.load(split).take(limit),
            batch_size=limit,
            shuffle=False,
            drop_remainder=False,
            repeat=False,
            **arguments,
        )
        element = next(iter(batch.dataset.as_numpy_iterator()))
        return element[0] if isinstance(element, tuple) else element

    def labelled(self, split, limit):
        """The first images of a split and their labels, as arrays."""
        arguments = {**self.pipeline_options, **UNCHANGED}
        arguments["features"] = ("image", "label")
        batch = data.pipeline(
            self.load(split).take(limit),
            batch_size=limit,
            shuffle=False,
            drop_remainder=False,
            repeat=False,
            **arguments,
        )
        return next(iter(batch.dataset.as_numpy_iterator()))

    @property
    def image_shape(self):
        spec = self.data.element_spec
        spec = spec[0] if isinstance(spec, tuple) else spec
        return tuple(spec.shape[1:])

    def model(self, build):
        """The model: from the checkpoint, or built and compiled.

        Args:
            build: Function of the preset's arguments of the model.
        """
        if self.initial_epoch:
            print(
                f"Going on from {self.checkpoint}, epoch {self.initial_epoch}."
            )
            return keras_gen.load_model(self.checkpoint)
        return self.compiled(build)

    def compiled(self, build, optimizer=None):
        """The model, built and compiled, by default with the preset's."""
        model = build(seed=self.options.seed, **self.preset.model)
        if optimizer is None and self.preset.optimizer:
            optimizer = self.preset.optimizer(model.players)
        jit = {"auto": "auto", "true": True, "false": False}
        model.compile(optimizer, jit_compile=jit[self.options.jit_compile])
        return model

    def control(self, build, optimizer=None, batches=None):
        """Another model, trained on the same batches for as long.

        Args:
            build: Function of the preset's arguments of the model.
            optimizer: What it is compiled with, or `None` for the preset's.
            batches: What it is trained on, or `None` for the run's data.
        """
        model = self.compiled(build, optimizer)
        if batches is None:
            batches = self._training_data(0)[1]
        model.fit(
            batches,
            epochs=self.options.epochs,
            steps_per_epoch=self.steps_per_epoch,
        )
        return model

    def fit(self, model, extra=(), **grid):
        """Trains, with checkpoints, a history and pictures of samples.

        Args:
            model: The compiled model.
            extra: Further callbacks.
            **grid: Arguments of `keras_gen.callbacks.SampleGrid`.
        """
        hooks = [
            callbacks.SampleGrid(self.folder / "samples", **grid),
            *extra,
            callbacks.HistoryCSV(
                self.folder / "history.csv", self.initial_epoch, self.checkpoint
            ),
            callbacks.Checkpoint(self.checkpoint),
        ]
        if self.options.tensorboard:
            hooks.append(
                keras.callbacks.TensorBoard(str(self.folder / "tensorboard"))
            )
        start = time.perf_counter()
        model.fit(
            self.data,
            epochs=self.options.epochs,
            initial_epoch=self.initial_epoch,
            steps_per_epoch=self.steps_per_epoch,
            callbacks=hooks,
        )
        self.seconds = time.perf_counter() - start

    def digit_metrics(self, model):
        """Judges samples by a classifier of digits, where there is one."""
        dataset = self.options.dataset
        if dataset not in ("mnist", "digits"):
            print(f"No classifier of digits applies to {dataset!r}.")
            return {}
        classifier = metrics.DigitsClassifier.get(
            dataset,
            self.options.data_dir,
            epochs=self.preset.classifier_epochs,
            verbose=2,
        )
        return metrics.evaluate_generator(
            model,
            self.images("test", 10_000),
            classifier,
            num_samples=self.preset.num_samples,
            value_range=self.pipeline_options.get("value_range", (0.0, 1.0)),
            real_value_range=self.pipeline_options.get(
                "value_range", (0.0, 1.0)
            ),
        )

    def finish(self, model, results):
        """Writes the metrics, exports the model and says where all is."""
        results = {
            **results,
            "training_seconds": round(self.seconds, 1),
            "epochs": self.options.epochs,
            "resumed_after_epochs": self.initial_epoch,
            "steps_per_epoch": self.steps_per_epoch,
            "backend": keras.backend.backend(),
            "seed": self.options.seed,
        }
        path = self.folder / "metrics.json"
        path.write_text(json.dumps(results, indent=2, default=float) + "\n")
        version = serving.next_version(
            pathlib.Path(self.options.export_dir) / self.name
        )
        serving.export(model, version)
        difference = serving.verify(model, version)
        for key, value in results.items():
            if isinstance(value, float | np.floating):
                print(f"{key:>28}  {value:.4f}")
        print(
            f"Samples     {self.folder / 'samples'}, "
            f"{self.folder / 'samples.gif'}\n"
            f"Metrics     {path}\n"
            f"History     {self.folder / 'history.csv'}\n"
            f"Checkpoint  {self.checkpoint}\n"
            f"SavedModel  {version} (differs from the model by at most "
            f"{difference:.1e})"
        )


def interleaved(*rows, columns=10):
    """Images for a grid whose rows take turns.

    Args:
        *rows: Arrays of one shape `(num, height, width, channels)`.
        columns: Columns of the grid, by which `num` can be divided.
    """
    shape = rows[0].shape[1:]
    rows = [np.reshape(row, (-1, columns, *shape)) for row in rows]
    return np.stack(rows, axis=1).reshape(-1, *shape)


def squared_error(x, reconstruction):
    """The squared error, summed over an example, averaged over examples."""
    squares = np.square(x - reconstruction, dtype="float64")
    return float(squares.reshape(len(x), -1).sum(axis=1).mean())


def probe_error(run, encode, limit=60_000):
    """Percent of test labels that a softmax on codes gets wrong.

    Args:
        run: The `Run`.
        encode: Function from images to codes.
        limit: Examples of each split at most.
    """
    x, labels = run.labelled("train", limit)
    test, test_labels = run.labelled("test", limit)
    return metrics.linear_probe(encode(x), labels, encode(test), test_labels)


def save_features(run, model, count=100):
    """Draws what excites the lowest units of an autoencoder."""
    features = model.features()[:count]
    limit = 3.0 * float(features.std())
    grid = callbacks.image_grid(
        features, columns=10, value_range=(-limit, limit)
    )
    callbacks.save_image(run.folder / "features.png", grid)


def parse(options: type[Options]) -> Options:
    """The options from the command line."""
    return tyro.cli(options, description=options.__doc__)
