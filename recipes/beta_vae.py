"""Trains a beta-VAE on sprites of known factors.

    KERAS_BACKEND=jax python recipes/beta_vae.py
    KERAS_BACKEND=jax python recipes/beta_vae.py --model.objective H

The small preset has the capacity grow to 18 nats, at a size that two cores
train. On the sprites' factors, the metrics are those of disentanglement; on all
images, the bounds. The rows of the traversals are ordered by KL divergence.
"""

import dataclasses

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

SPRITES = {"dataset": "sprites", "batch_size": 64}
PRESETS = {
    "smoke": recipe.Preset(2, steps_per_epoch=50, image_size=32, **SPRITES),
    "small": recipe.Preset(30, steps_per_epoch=500, image_size=32, **SPRITES),
    "paper": recipe.Preset(30, image_size=64, **SPRITES),
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a beta-VAE."""

    importance_samples: int | None = None
    """Draws for the importance-weighted bound on the test images."""


def main(options):
    run = recipe.start("beta_vae", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.BetaVAE.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model)
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        **run.order,
    )
    test = run.images("test", limit=100 if run.smoke else 2000)
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.Reconstructions(
                run.folder / "reconstructions", test[:16]
            ),
            callbacks.LatentTraversal(run.folder / "traversals", test[0]),
            *run.callbacks(),
        ],
    )
    report = recipe.likelihoods(run, model, test, binary=False)
    divergences = model.dimension_divergences(test)
    report["active_dimensions"] = int(np.sum(divergences > 0.1))
    report |= recipe.disentanglement(run, model)
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.BetaVAE, Options)
