"""Trains a contractive autoencoder, and the same one without contraction.

    KERAS_BACKEND=jax python recipes/cae.py
    KERAS_BACKEND=jax python recipes/cae.py --contraction 0.1
    KERAS_BACKEND=jax python recipes/cae.py --variant stacked

The metrics have the squared norm of the encoder's Jacobian on test images, the
reconstruction error and that of principal components. `tangents.png` has an
image in each row, and the directions in which its code moves most. `stacked`
is a classifier whose layers are first contractive autoencoders; its metrics are
test errors in percent, with and without that pretraining.
"""

import dataclasses
from typing import Literal

import keras
import numpy as np

import common
import keras_gen
import stacked
from keras_gen import callbacks, metrics

PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=30,
        batch_size=50,
        model={"hidden_units": 64},
        optimizer=lambda players: keras.optimizers.Adam(1e-3),
    ),
    "small": common.Preset(
        epochs=5,
        steps_per_epoch=600,
        batch_size=100,
        model={"hidden_units": 500},
        optimizer=lambda players: keras.optimizers.Adam(1e-3),
    ),
    "paper": common.Preset(
        epochs=100, batch_size=10, model={}, dataset="mnist"
    ),
}
STACKED = {
    name: dataclasses.replace(PRESETS[name], model=model)
    for name, model in {
        "smoke": {"hidden_units": (64, 32)},
        "small": {"hidden_units": (500, 500)},
        "paper": {},
    }.items()
}
# Epochs and optimizer of each layer's autoencoder; `None` is its own.
PRETRAINING = {
    "smoke": (1, lambda: keras.optimizers.Adam(1e-3)),
    "small": (5, lambda: keras.optimizers.Adam(1e-3)),
    "paper": (20, None),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a contractive autoencoder."""

    variant: Literal["single", "stacked"] = "single"
    """single: one autoencoder. stacked: a classifier of several layers."""
    contraction: float | None = None
    """The weight of the squared norm of the Jacobian. Defaults to 1, and in a
    stack to 0.1."""
    hessian_weight: float = 0.0
    """The weight of the change of the Jacobian nearby; not for a stack."""
    pretrain_epochs: int | None = None
    """Epochs of each layer's autoencoder in a stack."""


def main(options: Options) -> None:
    if options.variant == "stacked":
        stack(options)
    else:
        single(options)


def stack(options):
    run = common.Run("cae", options, STACKED, features=("image", "label"))

    def build(**settings):
        if options.contraction is not None:
            settings["contraction"] = options.contraction
        return keras_gen.StackedCAE(run.image_shape, **settings)

    stacked.train(run, build, *PRETRAINING[options.preset])


def single(options):
    run = common.Run("cae", options, PRESETS)

    contraction = 1.0 if options.contraction is None else options.contraction

    def build(contracted=True, **settings):
        return keras_gen.CAE(
            run.image_shape,
            contraction=contraction if contracted else 0.0,
            hessian_weight=options.hessian_weight if contracted else 0.0,
            **settings,
        )

    model = run.model(build)
    model.summary()
    test = run.images("test", 10_000)
    shown = test[:30]
    run.fit(
        model,
        sampler=lambda model: common.interleaved(
            shown, model.reconstruct(shown)
        ),
        columns=10,
    )
    print("The same network without contraction:")
    plain = run.control(lambda **settings: build(contracted=False, **settings))
    results = {
        "pca_squared_error": metrics.pca_reconstruction_error(
            run.images("train", 60_000), test, 30
        )
    }
    for name, trained in (("", model), ("plain_", plain)):
        logs = trained.evaluate(
            test, batch_size=1000, verbose=0, return_dict=True
        )
        codes = trained.encode(test)
        results |= {
            f"{name}jacobian_norm": logs["jacobian_norm"],
            f"{name}squared_error": logs["squared_error"],
            f"{name}saturated_share": float(np.mean(abs(codes - 0.5) > 0.45)),
            f"{name}probe_error": common.probe_error(run, trained.encode),
        }
    common.save_features(run, model)
    directions, _ = model.tangents(test[:10], count=9)
    scaled = 0.5 + directions / (2.0 * np.abs(directions).max())
    rows = np.concatenate([test[:10, None], scaled], axis=1)
    callbacks.save_image(
        run.folder / "tangents.png",
        callbacks.image_grid(rows.reshape(-1, *run.image_shape), columns=10),
    )
    run.finish(model, results)


if __name__ == "__main__":
    main(common.parse(Options))
