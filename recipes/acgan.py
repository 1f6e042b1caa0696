"""Trains an auxiliary classifier GAN.

    KERAS_BACKEND=tensorflow python recipes/acgan.py
    KERAS_BACKEND=jax python recipes/acgan.py --preset paper --data-dir DIR

In the grids of samples, each column is of a class. The metrics have the
fraction of samples that another classifier finds to be of their class, and the
discriminator's own error on test images. The paper's runs are on ten classes of
ImageNet each.
"""

import keras

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=15, batch_size=32),
    "small": recipe.Preset(epochs=15, steps_per_epoch=300, batch_size=64),
    "paper": recipe.Preset(
        epochs=400, batch_size=100, dataset="imagenet2012", image_size=128
    ),
}


def main(options):
    run = recipe.start("acgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.ACGAN.from_preset(
            options.preset,
            image_shape=run.image_shape,
            **{"num_classes": run.num_classes(), **run.arguments},
        )
        # For thousands of steps; the paper's rate, 2e-4, is for 50,000.
        adam = keras.optimizers.Adam(5e-4, beta_1=0.5, epsilon=1e-8)
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    _adversarial.fit(run, model)
    report = _adversarial.classification_error(run, model)
    run.finish(model, {**run.sample_quality(model), **report})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.ACGAN)
