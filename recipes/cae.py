"""Trains a contractive autoencoder, and the same one without contraction.

    KERAS_BACKEND=jax python recipes/cae.py
    KERAS_BACKEND=jax python recipes/cae.py --contraction 0.1

The metrics have the squared norm of the encoder's Jacobian on test images, the
reconstruction error and that of principal components. `tangents.png` has an
image in each row, and the directions in which its code moves most.
"""

import dataclasses

import keras
import numpy as np

import common
import keras_gen
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


@dataclasses.dataclass
class Options(common.Options):
    """Trains a contractive autoencoder."""

    contraction: float = 1.0
    """The weight of the squared norm of the Jacobian."""
    hessian_weight: float = 0.0
    """The weight of the change of the Jacobian nearby."""


def main(options: Options) -> None:
    run = common.Run("cae", options, PRESETS)

    def build(contracted=True, **settings):
        return keras_gen.CAE(
            run.image_shape,
            contraction=options.contraction if contracted else 0.0,
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
