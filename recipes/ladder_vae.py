"""Trains a ladder variational autoencoder.

    KERAS_BACKEND=jax python recipes/ladder_vae.py
    KERAS_BACKEND=jax python recipes/ladder_vae.py --preset paper --data-dir D

Each use of an image binarizes it, with its brightness as the probability. KL
warm-up takes the first epochs. The last metric is the KL divergence of each
layer, which is near 0 if the layer is unused.
"""

import _recipe as recipe
import _variational
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=100),
    "small": recipe.Preset(epochs=10, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=2000, batch_size=256, dataset="mnist"),
}


def report(run, model, test):
    divergences = model.layer_divergences(test[:1000])
    print("KL divergence of each layer, the lowest first:", divergences)
    return {"layer_divergences": divergences.tolist()}


def main(options):
    _variational.main("ladder_vae", options, PRESETS, report=report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.LadderVAE, _variational.Options)
