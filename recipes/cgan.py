"""Trains a conditional generative adversarial network.

    KERAS_BACKEND=jax python recipes/cgan.py
    KERAS_BACKEND=jax python recipes/cgan.py --preset paper --data-dir DIR

In the grids of samples, each column is of a class. The paper's run is of the
fully connected networks on MNIST.
"""

import keras

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=32),
    "small": recipe.Preset(epochs=15, steps_per_epoch=300, batch_size=64),
    "paper": recipe.Preset(epochs=250, batch_size=100, dataset="mnist"),
}


def main(options):
    run = recipe.start("cgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.CGAN.from_preset(
            options.preset,
            input_shape=run.image_shape,
            **{"num_classes": run.num_classes(), **run.arguments},
        )
        # For thousands of steps; the rate of the paper's code is for many more.
        adam = keras.optimizers.Adam(5e-4, beta_1=0.5, epsilon=1e-8)
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    _adversarial.fit(run, model)
    run.finish(model, run.sample_quality(model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.CGAN)
