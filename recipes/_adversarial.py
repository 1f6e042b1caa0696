"""What the recipes of generative adversarial networks share."""

import dataclasses

import keras

import _recipe as recipe
from keras_gen import callbacks, data


@dataclasses.dataclass
class FewLabels(recipe.Options):
    """Trains a GAN that classifies, from few labels."""

    num_labels: int = 100
    """Labeled examples, class-balanced."""


def adam_with_linear_decay(rate, updates, end=0.0, beta_1=0.0):
    """Adam whose rate falls to its last over so many updates."""
    decay = keras.optimizers.schedules.PolynomialDecay(rate, updates, end)
    return keras.optimizers.Adam(decay, beta_1=beta_1, beta_2=0.9)


def classification_error(run, model):
    """Percent of test images that a model classifies wrongly."""
    x, labels = run.labeled("test", value_range=model.value_range)
    wrong = (model.classify(x) != labels).mean()
    return {"classification_error": 100.0 * float(wrong)}


def fit(run, model, num_labels=None, **options):
    """Trains a model on the run's images, with pictures of samples.

    Args:
        run: `Run`.
        model: The compiled model.
        num_labels: Integer or `None`. How many images keep their labels; half
            of a batch is of these.
        **options: Further arguments of `data.pipeline`.
    """
    if num_labels:
        train = data.partly_labeled(
            *run.labeled("train", 60_000, model.value_range),
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
