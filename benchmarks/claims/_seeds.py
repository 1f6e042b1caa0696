"""What the claims share that train a model and its control, for some seeds."""

import argparse
import collections

import _claim  # noqa: F401  The recipes become importable.
import keras
import numpy as np

import _variational
from keras_gen import data, metrics

SCORES = {
    "score": "inception_score",
    "frechet_distance": "frechet_distance",
    "rarest_class": "min_class_share",
}


def parser(description, epochs):
    """A parser of the command line, with the data, the seeds and the epochs."""
    result = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--dataset", default="digits", help="such as mnist")
    result.add_argument("--data-dir", help="folder of TensorFlow Datasets")
    result.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    result.add_argument("--epochs", type=int, default=epochs)
    result.add_argument("--steps", type=int, help="in an epoch; else all data")
    return result


def loaded(arguments, split):
    """The examples of a split of the data set."""
    return data.load(arguments.dataset, split, data_dir=arguments.data_dir)


def images(arguments, split, limit=None):
    """The images of a split and their labels, in their order."""
    examples = loaded(arguments, split)
    batches = data.pipeline(
        examples.take(limit) if limit else examples,
        100,
        features=("image", "label"),
        shuffle=False,
        repeat=False,
    ).dataset
    parts = zip(*batches.as_numpy_iterator(), strict=True)
    return [np.concatenate(part) for part in parts]


def test_images(arguments, binary=True, limit=10_000):
    """Test images, each binarized once, and their labels."""
    x, y = images(arguments, "test", limit)
    return (_variational.binary_images(x) if binary else x), y


def fit(model, arguments, seed, batch_size, optimizer=None, change=None, **kw):
    """Trains a model on images that are binarized at each use.

    Args:
        model: The model.
        arguments: The command line's.
        seed: Integer. That of the order and of the binarization.
        batch_size: Integer.
        optimizer: Its optimizer, or `None` for its own.
        change: Function of a batch, to what `fit` takes, or `None`.
        **kw: Further options of `data.pipeline`.
    """
    kw = {"binarize": "dynamic", **kw}
    train = data.pipeline(
        loaded(arguments, "train"), batch_size, seed=seed, **kw
    )
    dataset = train.dataset.map(change) if change else train.dataset
    keras.utils.set_random_seed(seed)
    model.compile(optimizer)
    model.fit(
        dataset,
        epochs=arguments.epochs,
        steps_per_epoch=arguments.steps or train.steps_per_epoch,
        verbose=2,
    )
    return model


def scores(model, arguments, real):
    """What a classifier of digits finds in 5,000 samples.

    Args:
        model: The trained model.
        arguments: The command line's.
        real: Array. Test images in [0, 1].

    Returns:
        Dictionary of the score, the Fréchet distance, the share of the rarest
        class and, with labels, the accuracy of the samples' classes.
    """
    classifier = metrics.DigitsClassifier.get(
        arguments.dataset, arguments.data_dir, verbose=2
    )
    low, high = model.value_range
    report = metrics.evaluate_generator(
        model, low + (high - low) * real, classifier, num_samples=5000
    )
    found = {name: report[key] for name, key in SCORES.items()}
    classes = getattr(model.condition, "num_classes", None)
    if classes:
        # By default samples are of each class in turn.
        samples, labels = model.sample(5000, seed=0), np.arange(5000) % classes
        found["label_accuracy"] = classifier.accuracy(
            samples, labels, value_range=model.value_range
        )
    return found


class Table:
    """Figures by model and seed, printed as they come and as means."""

    def __init__(self):
        self.rows = collections.defaultdict(list)

    def add(self, name, seed, **figures):
        print(f"{name}, seed {seed}:", shown(figures), flush=True)
        self.rows[name].append(figures)

    def show(self):
        print("\nMeans over the seeds, and the smallest and the largest:")
        for name, rows in self.rows.items():
            for key in rows[0]:
                values = [row[key] for row in rows]
                print(
                    f"{name:>24} {key:>32} {np.mean(values):10.4f} "
                    f"({min(values):.4f} to {max(values):.4f})"
                )


def shown(figures):
    """Figures in one line."""
    return ", ".join(f"{key} {value:.4f}" for key, value in figures.items())
