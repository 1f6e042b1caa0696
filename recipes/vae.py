"""Trains a variational autoencoder.

    KERAS_BACKEND=jax python recipes/vae.py
    KERAS_BACKEND=jax python recipes/vae.py --model.latent-dim 2

Each use of an image binarizes it, with its brightness as the probability. The
small preset trains with Adam from Glorot's initial weights; `--preset paper`
has the paper's Adagrad and weights.
"""

import dataclasses

import keras

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, pictures

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=50, batch_size=100),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=500, batch_size=100, dataset="mnist"),
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a variational autoencoder."""

    importance_samples: int | None = None
    """Draws for the importance-weighted bound on the test images."""


def main(options):
    run = recipe.start("vae", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.VAE.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        paper = options.preset == "paper"
        adam = None if paper else keras.optimizers.Adam(1e-3)
        run.compile(model, adam)
    model.summary()
    binary = model.likelihood_kind == "bernoulli"
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        binarize="dynamic" if binary else None,
        **run.order,
    )
    test = run.images("test")
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples"),
            callbacks.Reconstructions(
                run.folder / "reconstructions", test[:16]
            ),
            *run.callbacks(),
        ],
    )
    if model.latent_dim == 2:
        grid = model.latent_grid(20).reshape(-1, *run.image_shape)
        picture = pictures.image_grid(grid, columns=20, padding=0)
        pictures.save_image(run.folder / "latent_grid.png", picture)
    run.finish(model, recipe.likelihoods(run, model, test, binary))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.VAE, Options)
