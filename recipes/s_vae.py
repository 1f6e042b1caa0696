"""Trains a hyperspherical variational autoencoder.

    KERAS_BACKEND=jax python recipes/s_vae.py
    KERAS_BACKEND=jax python recipes/s_vae.py --model.latent-dim 6

Each use of an image binarizes it, with its brightness as the probability. In
three dimensions, `latent_grid.png` shows the whole sphere. The accuracy is
that of the nearest neighbors in direction, of 1000 labeled codes.
"""

from sklearn.neighbors import KNeighborsClassifier

import _recipe as recipe
import _variational
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=50, batch_size=64),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=1000, batch_size=64, dataset="mnist"),
}


def report(run, model, test):
    if model.latent_dim == 3:
        _variational.save_latent_grid(run, model)
    if not run.has_labels:
        return {}
    x, y = run.labeled("test", limit=200 if run.smoke else 4000)
    if _variational.binarized(model):
        x = _variational.binary_images(x)
    codes, labeled = model.encode(x), len(x) // 4
    nearest = KNeighborsClassifier(5, metric="cosine")
    nearest.fit(codes[:labeled], y[:labeled])
    accuracy = nearest.score(codes[labeled:], y[labeled:])
    return {"accuracy_of_nearest_neighbors": accuracy}


def main(options):
    _variational.main("s_vae", options, PRESETS, report=report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.SVAE, _variational.Options)
