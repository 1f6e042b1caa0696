"""Trains a variational autoencoder.

    KERAS_BACKEND=jax python recipes/vae.py
    KERAS_BACKEND=jax python recipes/vae.py --latent-dim 2

Images are binarised anew at each use. The small preset trains with Adam from
Glorot's initial weights; `--preset paper` has the paper's Adagrad and weights.
"""

import dataclasses

import keras

import common
import keras_gen
from keras_gen import callbacks
from likelihoods import likelihoods

PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=50,
        batch_size=100,
        model={"hidden_units": 100, "kernel_initializer": "glorot_uniform"},
        optimizer=lambda players: keras.optimizers.Adam(1e-3),
        test_examples=100,
        importance_samples=10,
    ),
    "small": common.Preset(
        epochs=5,
        steps_per_epoch=600,
        batch_size=100,
        model={"kernel_initializer": "glorot_uniform"},
        optimizer=lambda players: keras.optimizers.Adam(1e-3),
    ),
    "paper": common.Preset(
        epochs=500,
        batch_size=100,
        model={"num_examples": 60_000},
        dataset="mnist",
    ),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a variational autoencoder on binarised images."""

    latent_dim: int = 20
    """The number of latent variables; 2 for a picture of the plane."""
    architecture: str = "mlp"
    """mlp (the paper's) or conv."""
    importance_samples: int | None = None
    """Draws for the importance-weighted likelihood. Defaults to 100, and to
    10 for the smoke preset."""


def main(options: Options) -> None:
    run = common.Run("vae", options, PRESETS, binarize="dynamic")
    model = run.model(
        lambda **settings: keras_gen.VAE(
            run.image_shape,
            options.latent_dim,
            architecture=options.architecture,
            **settings,
        )
    )
    model.summary()
    examples = run.images("test", 16)
    pictures = [
        callbacks.Reconstructions(run.folder / "reconstructions", examples)
    ]
    run.fit(model, pictures)
    if options.latent_dim == 2:
        grid = model.latent_grid(20).reshape(-1, *run.image_shape)
        picture = callbacks.image_grid(grid, columns=20, padding=0)
        callbacks.save_image(run.folder / "latent_grid.png", picture)
    run.finish(model, likelihoods(run, model, options.importance_samples))


if __name__ == "__main__":
    main(common.parse(Options))
