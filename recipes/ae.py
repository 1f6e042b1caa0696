"""Trains a deep autoencoder, with or without Boltzmann machines first.

    KERAS_BACKEND=jax python recipes/ae.py
    KERAS_BACKEND=jax python recipes/ae.py --pretrain-epochs 10

`--preset paper` has the paper's logistic layers and pretraining; the other
presets train ReLU layers at once.
"""

import dataclasses

import common
import keras_gen
from keras_gen import callbacks, metrics

PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=30,
        batch_size=50,
        model={
            "hidden_units": (64, 32),
            "latent_dim": 10,
            "activation": "relu",
        },
    ),
    "small": common.Preset(
        epochs=4,
        steps_per_epoch=469,
        batch_size=128,
        model={
            "hidden_units": (512, 256),
            "latent_dim": 30,
            "activation": "relu",
        },
    ),
    "paper": common.Preset(
        epochs=200, batch_size=1000, model={}, dataset="mnist"
    ),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a deep autoencoder."""

    latent_dim: int | None = None
    """The size of the code; 2 for a picture of the plane."""
    architecture: str = "mlp"
    """mlp (the paper's) or conv."""
    pretrain_epochs: int | None = None
    """Epochs of each layer's Boltzmann machine. The layers are then logistic.
    Defaults to the paper's 50 for its preset, to 0 for the others."""


def main(options: Options) -> None:
    run = common.Run("ae", options, PRESETS)
    pretrain_epochs = options.pretrain_epochs
    if pretrain_epochs is None:
        pretrain_epochs = 50 if options.preset == "paper" else 0

    def build(**settings):
        if options.latent_dim is not None:
            settings["latent_dim"] = options.latent_dim
        if pretrain_epochs:
            settings["activation"] = "sigmoid"
        return keras_gen.AE(
            run.image_shape, architecture=options.architecture, **settings
        )

    model = run.model(build)
    model.summary()
    test = run.images("test", 10_000)
    results = {}
    if pretrain_epochs and not run.initial_epoch:
        machines = model.pretrain(
            run.images("train", 60_000), epochs=pretrain_epochs
        )
        results["first_machine_squared_error"] = common.squared_error(
            test.reshape(len(test), -1),
            machines[0].reconstruct(test.reshape(len(test), -1)),
        )
        results["unrolled_squared_error"] = common.squared_error(
            test, model.reconstruct(test)
        )
    shown = test[:30]
    run.fit(
        model,
        sampler=lambda model: common.interleaved(
            shown, model.reconstruct(shown)
        ),
        columns=10,
    )
    results["squared_error"] = common.squared_error(
        test, model.reconstruct(test)
    )
    results["pca_squared_error"] = metrics.pca_reconstruction_error(
        run.images("train", 60_000), test, model.latent_dim
    )
    lines = model.interpolate(test[:10], test[10:20], steps=10)
    callbacks.save_image(
        run.folder / "interpolations.png",
        callbacks.image_grid(lines.reshape(-1, *run.image_shape), columns=10),
    )
    if model.latent_dim == 2:
        x, labels = run.labelled("test", 5000)
        callbacks.save_scatter(
            run.folder / "codes.png", model.encode(x), labels
        )
    run.finish(model, results)


if __name__ == "__main__":
    main(common.parse(Options))
