"""Trains an energy-based GAN.

    KERAS_BACKEND=jax python recipes/ebgan.py
    KERAS_BACKEND=jax python recipes/ebgan.py --model.pulling-away-weight 0.1

The metrics have the mean energies of test images, of samples and of uniform
noise. The paper's run is on MNIST, of fully connected networks.
"""

import numpy as np

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=32),
    "small": recipe.Preset(epochs=20, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=100, batch_size=100, dataset="mnist"),
}


def energies(run, model):
    """Mean energies, of data and of what is none."""
    test = run.images("test", value_range=model.value_range)
    low, high = model.value_range
    noise = np.random.default_rng(0).uniform(low, high, test.shape)
    samples = model.sample(len(test), seed=0)
    named = {"test": test, "samples": samples, "noise": noise}
    return {
        f"energy_{k}": float(model.energy(x).mean()) for k, x in named.items()
    }


def main(options):
    run = recipe.start("ebgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.EBGAN.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model)
    model.summary()
    _adversarial.fit(run, model)
    run.finish(model, {**energies(run, model), **run.sample_quality(model)})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.EBGAN)
