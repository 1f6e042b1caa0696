"""Trains a least squares GAN.

    KERAS_BACKEND=jax python recipes/lsgan.py
    KERAS_BACKEND=jax python recipes/lsgan.py --model.num-classes 10
    KERAS_BACKEND=jax python recipes/lsgan.py --preset paper --data-dir DIR

The small preset has the networks of the paper's handwritten characters, with
half as many filters. The paper's run is on scenes of LSUN at 112x112 pixels.
"""

import keras

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=10, batch_size=32),
    "small": recipe.Preset(epochs=15, steps_per_epoch=300, batch_size=64),
    "paper": recipe.Preset(
        epochs=20, batch_size=64, dataset="lsun/church_outdoor", image_size=112
    ),
}


def main(options):
    run = recipe.start("lsgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.LSGAN.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        # For thousands of steps; the paper's rate, 2e-4, is for many more.
        adam = keras.optimizers.Adam(5e-4, beta_1=0.5, epsilon=1e-8)
        adam = None if options.preset == "paper" else adam
        run.compile(model, adam)
    model.summary()
    _adversarial.fit(run, model)
    run.finish(model, run.sample_quality(model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.LSGAN)
