"""Trains a denoising autoencoder, and the autoencoder without noise.

    KERAS_BACKEND=jax python recipes/dae.py
    KERAS_BACKEND=jax python recipes/dae.py --noise gaussian --noise-level 0.3
    KERAS_BACKEND=jax python recipes/dae.py --variant stacked

Both see the same network and the same batches; the metrics are those of both
on clean and on noisy test images. `stacked` is a classifier whose layers are
first denoising autoencoders; its metrics are test errors in percent, with and
without that pretraining.
"""

import dataclasses
from typing import Literal

import keras

import common
import keras_gen
import stacked

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
        epochs=100, batch_size=20, model={}, dataset="mnist"
    ),
}
STACKED = {
    name: dataclasses.replace(PRESETS[name], model=model)
    for name, model in {
        "smoke": {"hidden_units": (64, 32), "noise_levels": 0.25},
        "small": {"hidden_units": (500, 500), "noise_levels": 0.25},
        "paper": {},
    }.items()
}
# Epochs and optimizer of each layer's autoencoder.
PRETRAINING = {
    "smoke": (1, lambda: keras.optimizers.Adam(1e-3)),
    "small": (5, lambda: keras.optimizers.Adam(1e-3)),
    "paper": (15, lambda: keras.optimizers.SGD(1e-3)),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a denoising autoencoder."""

    variant: Literal["single", "stacked"] = "single"
    """single: one autoencoder. stacked: a classifier of several layers."""
    noise: str = "masking"
    """masking, salt_and_pepper, gaussian or dropout."""
    noise_level: float | None = None
    """The share of the pixels, or the standard deviation of gaussian noise.
    Defaults to 0.25; in the paper's stack to 0.1, 0.2 and 0.3."""
    pretrain_epochs: int | None = None
    """Epochs of each layer's autoencoder in a stack."""


def main(options: Options) -> None:
    if options.variant == "stacked":
        stack(options)
    else:
        single(options)


def stack(options):
    run = common.Run("dae", options, STACKED, features=("image", "label"))

    def build(**settings):
        if options.noise_level is not None:
            settings["noise_levels"] = options.noise_level
        return keras_gen.StackedDAE(
            run.image_shape, noise=options.noise, **settings
        )

    stacked.train(run, build, *PRETRAINING[options.preset])


def single(options):
    run = common.Run("dae", options, PRESETS)

    level = 0.25 if options.noise_level is None else options.noise_level

    def build(noise_level=level, **settings):
        return keras_gen.DAE(
            run.image_shape,
            noise=options.noise,
            noise_level=noise_level,
            **settings,
        )

    model = run.model(build)
    model.summary()
    test = run.images("test", 10_000)
    noisy = build(seed=1).corrupt(test)
    shown, unclear = test[:30], noisy[:30]
    run.fit(
        model,
        sampler=lambda model: common.interleaved(
            shown, unclear, model.denoise(unclear)
        ),
        columns=10,
    )
    print("The same network without noise:")
    plain = run.control(lambda **settings: build(noise_level=0.0, **settings))
    results = {"noisy_squared_error": common.squared_error(test, noisy)}
    for name, trained in (("", model), ("plain_", plain)):
        results[f"{name}squared_error"] = common.squared_error(
            test, trained.reconstruct(test)
        )
        results[f"{name}denoised_squared_error"] = common.squared_error(
            test, trained.denoise(noisy)
        )
        results[f"{name}probe_error"] = common.probe_error(run, trained.encode)
    common.save_features(run, model)
    run.finish(model, results)


if __name__ == "__main__":
    main(common.parse(Options))
