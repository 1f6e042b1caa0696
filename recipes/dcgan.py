"""Trains a DCGAN.

    KERAS_BACKEND=jax python recipes/dcgan.py
    KERAS_BACKEND=jax python recipes/dcgan.py --preset paper --data-dir DIR

The paper's run is on bedrooms of LSUN at 64x64 pixels.
"""

import dataclasses

import keras
from sklearn import model_selection, svm

import common
import keras_gen

DIGITS = {"kernel_size": 5, "latent_distribution": "uniform"}


def quick_optimizers(players):
    """More than the paper's 2e-4: for thousands of steps, not for 100,000."""
    return {
        player: keras.optimizers.Adam(5e-4, beta_1=0.5, epsilon=1e-8)
        for player in ("generator", "discriminator")
    }


PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=20,
        batch_size=32,
        model={**DIGITS, "base_filters": 8},
        num_samples=500,
        classifier_epochs=2,
    ),
    "small": common.Preset(
        epochs=15,
        steps_per_epoch=300,
        batch_size=64,
        model={**DIGITS, "base_filters": 32, "ema_decay": 0.999},
        optimizer=quick_optimizers,
        num_samples=5000,
    ),
    "paper": common.Preset(
        epochs=5,
        batch_size=128,
        model={},
        dataset="lsun/bedroom",
        image_size=64,
    ),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a deep convolutional generative adversarial network."""


def main(options: Options) -> None:
    value_range = keras_gen.DCGAN.value_range
    run = common.Run("dcgan", options, PRESETS, value_range=value_range)
    model = run.model(
        lambda **settings: keras_gen.DCGAN(run.image_shape, **settings)
    )
    model.summary()
    run.fit(model, value_range=value_range)
    run.finish(model, {**run.digit_metrics(model), **probed(run, model)})


def probed(run, model, num_labels=1000):
    """Percent of test digits that a linear SVM trained on few gets wrong.

    The paper's use of a discriminator: on its features, and on pixels.
    """
    if run.options.dataset not in ("mnist", "digits"):
        return {}
    x, labels = run.labelled("train", num_labels)
    test, test_labels = run.labelled("test", 10_000)
    results = {"probe_labels": len(x)}
    for name, of in (("features", model.features), ("pixels", flattened)):
        machine = model_selection.GridSearchCV(
            svm.LinearSVC(), {"C": [1e-4, 1e-3, 1e-2, 1e-1]}, cv=4
        ).fit(of(x), labels)
        error = 100.0 * (1.0 - machine.score(of(test), test_labels))
        results[f"probe_error_{name}"] = error
    return results


def flattened(x):
    return x.reshape(len(x), -1)


if __name__ == "__main__":
    main(common.parse(Options))
