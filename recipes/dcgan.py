"""Trains a DCGAN.

    KERAS_BACKEND=jax python recipes/dcgan.py
    KERAS_BACKEND=jax python recipes/dcgan.py --dataset folder --data-dir DIR
    KERAS_BACKEND=jax python recipes/dcgan.py --preset paper --data-dir DIR

The paper's run is on bedrooms of LSUN at 64x64 pixels.
"""

import keras

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=32),
    "small": recipe.Preset(epochs=15, steps_per_epoch=300, batch_size=64),
    "paper": recipe.Preset(
        epochs=5, batch_size=128, dataset="lsun/bedroom", image_size=64
    ),
}


def main(options):
    run = recipe.start("dcgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.DCGAN.from_preset(
            options.preset, image_shape=run.image_shape, **run.arguments
        )
        # For thousands of steps; the paper's rate, 2e-4, is for 100,000.
        cosine = keras.optimizers.schedules.CosineDecay
        adam = _adversarial.at_rates(
            model.default_optimizer(),
            discriminator=cosine(2e-4, run.total_steps),
            generator=cosine(1e-3, run.total_steps),
        )
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    _adversarial.fit(run, model)
    run.finish(model, run.sample_quality(model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.DCGAN)
