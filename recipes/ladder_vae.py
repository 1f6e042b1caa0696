"""Trains a ladder variational autoencoder.

    KERAS_BACKEND=jax python recipes/ladder_vae.py
    KERAS_BACKEND=jax python recipes/ladder_vae.py --preset paper --data-dir D

Each use of an image binarizes it, with its brightness as the probability. KL
warm-up takes the first epochs. The last metric is the KL divergence of each
layer, which is near 0 if the layer is unused.
"""

import dataclasses

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=100),
    "small": recipe.Preset(epochs=10, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=2000, batch_size=256, dataset="mnist"),
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a ladder variational autoencoder."""

    importance_samples: int | None = None
    """Draws for the importance-weighted bound on the test images."""


def main(options):
    run = recipe.start("ladder_vae", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.LadderVAE.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model)
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        binarize="dynamic",
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
    report = recipe.likelihoods(run, model, test)
    divergences = model.layer_divergences(test[:1000])
    report["layer_divergences"] = divergences.tolist()
    print("KL divergence of each layer, the lowest first:", divergences)
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.LadderVAE, Options)
