"""Trains a variational autoencoder.

    KERAS_BACKEND=jax python recipes/vae.py
    KERAS_BACKEND=jax python recipes/vae.py --model.latent-dim 2

Each use of an image binarizes it, with its brightness as the probability. The
small preset trains with Adam from Glorot's initial weights; `--preset paper`
has the paper's Adagrad and weights.
"""

import keras

import _recipe as recipe
import _variational
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=50, batch_size=100),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=500, batch_size=100, dataset="mnist"),
}


def report(run, model, test):
    if model.latent_dim == 2:
        _variational.save_latent_grid(run, model)
    return {}


def main(options):
    paper = options.preset == "paper"
    adam = None if paper else keras.optimizers.Adam(1e-3)
    _variational.main("vae", options, PRESETS, adam, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.VAE, _variational.Options)
