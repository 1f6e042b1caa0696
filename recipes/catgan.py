"""Trains a categorical GAN.

    KERAS_BACKEND=jax python recipes/catgan.py
    KERAS_BACKEND=jax python recipes/catgan.py --num-labels 100

Without labels it finds categories, which are matched to classes for the
accuracy on test images. With labels of some training images the metrics have
the error. The paper's runs are on MNIST, of permuted pixels.
"""

import dataclasses

import keras

import _adversarial
import _recipe as recipe
import keras_gen
from keras_gen import metrics

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=50),
    "small": recipe.Preset(epochs=20, steps_per_epoch=300, batch_size=100),
    "paper": recipe.Preset(epochs=300, batch_size=100, dataset="mnist"),
}


@dataclasses.dataclass
class Options(_adversarial.FewLabels):
    """Trains a categorical GAN."""

    num_labels: int = 0
    """Labeled examples, class-balanced; 0 for none."""


def report(run, model):
    """How well the categories of test images tell their classes."""
    if not run.has_labels:
        return {}
    if model.supervised:
        return _adversarial.classification_error(run, model)
    x, labels = run.labeled("test", value_range=model.value_range)
    found = metrics.matched_accuracy(model.assign(x), labels)
    return {"matched_accuracy": found.accuracy}


def main(options):
    run = recipe.start("catgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        supervised = options.num_labels > 0
        classes = {"num_classes": run.num_classes()} if supervised else {}
        model = keras_gen.CatGAN.from_preset(
            options.preset,
            input_shape=run.image_shape,
            supervised=supervised,
            **{**classes, **run.arguments},
        )
        # For thousands of steps.
        adam = keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-8)
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    _adversarial.fit(run, model)
    run.finish(model, {**report(run, model), **run.sample_quality(model)})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.CatGAN, Options)
