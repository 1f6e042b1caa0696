"""Trains a ladder variational autoencoder.

    KERAS_BACKEND=jax python recipes/ladder_vae.py
    KERAS_BACKEND=jax python recipes/ladder_vae.py --preset paper --data-dir D

Images are binarised anew at each use. The weight of the divergence rises over
the first epochs; the last metric lists how much each layer is used.
"""

import dataclasses

import common
import keras_gen
from keras_gen import callbacks
from likelihoods import likelihoods

PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=20,
        batch_size=100,
        model={
            "latent_dims": (8, 4),
            "hidden_dims": (64, 32),
            "warmup_epochs": 1,
        },
        test_examples=100,
        importance_samples=10,
    ),
    "small": common.Preset(
        epochs=10,
        steps_per_epoch=600,
        batch_size=100,
        model={
            "latent_dims": (32, 16, 8),
            "hidden_dims": (256, 128, 64),
            "warmup_epochs": 3,
        },
    ),
    "paper": common.Preset(
        epochs=2000, batch_size=256, model={}, dataset="mnist"
    ),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a ladder variational autoencoder on binarised images."""

    importance_samples: int | None = None
    """Draws for the importance-weighted likelihood. Defaults to 100, and to
    10 for the smoke preset."""


def main(options: Options) -> None:
    run = common.Run("ladder_vae", options, PRESETS, binarize="dynamic")
    model = run.model(
        lambda **settings: keras_gen.LadderVAE(run.image_shape, **settings)
    )
    model.summary()
    examples = run.images("test", 16)
    pictures = [
        callbacks.Reconstructions(run.folder / "reconstructions", examples)
    ]
    run.fit(model, pictures)
    results = likelihoods(run, model, options.importance_samples)
    some = run.images("test", min(1000, run.preset.test_examples))
    divergences = model.layer_divergences(some)
    results["layer_divergences"] = [float(value) for value in divergences]
    print("KL divergence of each layer, the lowest first:", divergences)
    run.finish(model, results)


if __name__ == "__main__":
    main(common.parse(Options))
