"""Trains a denoising autoencoder.

    KERAS_BACKEND=jax python recipes/dae.py
    KERAS_BACKEND=jax python recipes/dae.py --model.noise gaussian
    KERAS_BACKEND=jax python recipes/dae.py --variant stacked

`stacked` is a classifier whose layers are first denoising autoencoders; its
metric is the error on the test images, in percent.
"""

import dataclasses

import keras
import numpy as np

import _recipe as recipe
import _stacked as stacked
import keras_gen
from keras_gen import callbacks, data

VARIANTS = {"single": keras_gen.DAE, "stacked": keras_gen.StackedDAE}
PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=50),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=100, batch_size=20, dataset="mnist"),
}
PRETRAIN_EPOCHS = {"smoke": 1, "small": 5, "paper": 15}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a denoising autoencoder."""

    pretrain_epochs: int | None = None
    """Epochs of each layer's autoencoder in a stack."""


def layer_optimizer(autoencoder, preset):
    """The optimizer of a layer that is pretrained."""
    if preset == "paper":
        return keras.optimizers.SGD(1e-3)
    return keras.optimizers.Adam(1e-3)


def main(options):
    run = recipe.start("dae", options, PRESETS)
    paper = options.preset == "paper"
    optimizer = None if paper else keras.optimizers.Adam(1e-3)
    if options.variant == "stacked":
        epochs = options.pretrain_epochs or PRETRAIN_EPOCHS[options.preset]
        stacked.train(
            run, keras_gen.StackedDAE, epochs, optimizer, layer_optimizer
        )
        return
    model = run.resumed()
    if model is None:
        model = keras_gen.DAE.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model, optimizer)
    model.summary()
    train = data.pipeline(run.load("train"), run.batch_size, **run.order)
    test = run.images("test")
    # By a model of another seed, as pictures must not change the training.
    noisy = keras_gen.DAE.from_config(
        {**model.get_config(), "seed": 1}
    ).corrupt(test)
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.Reconstructions(
                run.folder / "reconstructions", noisy[:30], gif=True
            ),
            *run.callbacks(),
        ],
    )
    run.save_filters(model)
    errors = np.square(model.denoise(noisy) - test).reshape(len(test), -1)
    report = {
        "squared_error": model.reconstruction_error(test).mean(),
        "denoised_squared_error": errors.sum(axis=1).mean(),
    }
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, VARIANTS, Options)
