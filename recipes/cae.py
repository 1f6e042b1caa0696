"""Trains a contractive autoencoder.

    KERAS_BACKEND=jax python recipes/cae.py
    KERAS_BACKEND=jax python recipes/cae.py --model.contraction-weight 0.1
    KERAS_BACKEND=jax python recipes/cae.py --variant stacked

`stacked` is a classifier whose layers are first contractive autoencoders; its
metric is the error on the test images, in percent.
"""

import dataclasses

import keras

import _recipe as recipe
import _stacked as stacked
import keras_gen
from keras_gen import callbacks, data

VARIANTS = {"single": keras_gen.CAE, "stacked": keras_gen.StackedCAE}
PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=50),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=100, batch_size=10, dataset="mnist"),
}
PRETRAIN_EPOCHS = {"smoke": 1, "small": 5, "paper": 20}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a contractive autoencoder."""

    pretrain_epochs: int | None = None
    """Epochs of each layer's autoencoder in a stack."""


def layer_optimizer(autoencoder, preset):
    """The optimizer of a layer that is pretrained."""
    if preset == "paper":
        return autoencoder.default_optimizers()
    return keras.optimizers.Adam(1e-3)


def main(options):
    run = recipe.start("cae", options, PRESETS)
    paper = options.preset == "paper"
    optimizer = None if paper else keras.optimizers.Adam(1e-3)
    if options.variant == "stacked":
        epochs = options.pretrain_epochs or PRETRAIN_EPOCHS[options.preset]
        stacked.train(
            run, keras_gen.StackedCAE, epochs, optimizer, layer_optimizer
        )
        return
    model = run.resumed()
    if model is None:
        model = keras_gen.CAE.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model, optimizer)
    model.summary()
    train = data.pipeline(run.load("train"), run.batch_size, **run.order)
    test = run.images("test")
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
    run.save_filters(model)
    report = model.evaluate(test, batch_size=1000, verbose=0, return_dict=True)
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, VARIANTS, Options)
