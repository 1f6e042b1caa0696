"""Trains a deep autoencoder, with or without Boltzmann machines first.

    KERAS_BACKEND=jax python recipes/ae.py
    KERAS_BACKEND=jax python recipes/ae.py --pretrain-epochs 10

`--preset paper` has the paper's logistic layers and pretraining; the other
presets train ReLU layers at once.
"""

import dataclasses

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, pictures

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=50),
    "small": recipe.Preset(epochs=4, steps_per_epoch=469, batch_size=128),
    "paper": recipe.Preset(epochs=200, batch_size=1000, dataset="mnist"),
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a deep autoencoder."""

    pretrain_epochs: int | None = None
    """Epochs of each layer's Boltzmann machine. The layers are then logistic.
    Defaults to the paper's 50 for its preset, to 0 for the others."""


def main(options):
    run = recipe.start("ae", options, PRESETS)
    test = run.images("test")
    report = {}
    model = run.resumed()
    if model is None:
        epochs = options.pretrain_epochs
        if epochs is None:
            epochs = 50 if options.preset == "paper" else 0
        logistic = {"activation": "sigmoid"} if epochs else {}
        model = keras_gen.AE.from_preset(
            options.preset,
            input_shape=run.image_shape,
            **{**logistic, **run.arguments},
        )
        run.compile(model)
        if epochs:
            machines = model.pretrain(
                run.images("train", 60_000), epochs=epochs
            )
            vectors = test.reshape(len(test), -1)
            errors = machines[0].reconstruction_error(vectors)
            report["first_machine_squared_error"] = errors.mean()
            errors = model.reconstruction_error(test)
            report["unrolled_squared_error"] = errors.mean()
    model.summary()
    train = data.pipeline(run.load("train"), run.batch_size, **run.order)
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.Reconstructions(
                run.folder / "reconstructions", test[:30], gif=True
            ),
            *run.callbacks(),
        ],
    )
    lines = model.interpolate(test[:10], np.roll(test[:10], 1, axis=0))
    grid = pictures.image_grid(lines.reshape(-1, *run.image_shape), columns=10)
    pictures.save_image(run.folder / "interpolations.png", grid)
    if model.latent_dim == 2 and run.has_labels:
        x, labels = run.labeled("test", 5000)
        pictures.save_scatter(run.folder / "codes.png", model.encode(x), labels)
    report["squared_error"] = model.reconstruction_error(test).mean()
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.AE, Options)
