"""What the recipes of generative adversarial networks share."""

import dataclasses

import keras

import _recipe as recipe
from _learning_rates import with_rate
from keras_gen import callbacks, data


@dataclasses.dataclass
class FewLabels(recipe.Options):
    """Trains a GAN that classifies, from few labels."""

    num_labels: int = 100
    """Labeled examples, class-balanced."""
    labeled_only: bool = False
    """Train on these alone, to see what the other images are good for."""


def adam_with_linear_decay(rate, updates, end=0.0, beta_1=0.0):
    """Adam whose rate falls to its last over so many updates."""
    decay = keras.optimizers.schedules.PolynomialDecay(rate, updates, end)
    return keras.optimizers.Adam(decay, beta_1=beta_1, beta_2=0.9, epsilon=1e-8)


def at_rates(optimizer, **rates):
    """A copy of an optimizer for each player, at a rate of its own."""
    return {
        player: with_rate(optimizer, rate) for player, rate in rates.items()
    }


def classification_error(run, model):
    """Percent of test images that a model classifies wrongly."""
    x, labels = run.labeled("test", value_range=model.value_range)
    wrong = (model.classify(x) != labels).mean()
    return {"classification_error": 100.0 * float(wrong)}


def fit(run, model, **options):
    """Trains a model on the run's images, with pictures of samples.

    Args:
        run: `Run`.
        model: The compiled model.
        **options: Further arguments of `data.pipeline`.
    """
    num_labels = getattr(run.options, "num_labels", 0)
    if getattr(run.options, "labeled_only", False) and not num_labels:
        raise SystemExit(
            "`--num-labels` must be above 0 with `--labeled-only`. Received: "
            f"--num-labels {num_labels}."
        )
    if num_labels:
        x, y = run.labeled("train", 60_000, model.value_range)
        if run.options.labeled_only:
            known = data.choose_labeled(y, num_labels, run.options.seed)
            x, y = x[known], y[known]
        # Half of a batch has labels.
        train = data.partly_labeled(
            x,
            y,
            num_labels,
            run.batch_size * model.batch_parts,
            steps_per_epoch=run.steps_per_epoch,
            seed=run.options.seed,
            start_step=run.start_step,
        )
    else:
        labeled = model.data_spec().y is not None
        train = data.pipeline(
            run.load("train"),
            run.batch_size * model.batch_parts,
            features=("image", "label") if labeled else "image",
            value_range=model.value_range,
            **{**run.order, **options},
        )
    # One column for each class.
    classes = getattr(model.condition, "num_classes", None)
    grid = {"num": 8 * classes, "columns": classes} if classes else {}
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples", **grid),
            *run.callbacks(),
        ],
    )
