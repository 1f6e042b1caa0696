"""Trains a denoising autoencoder, and the autoencoder without noise.

    KERAS_BACKEND=jax python recipes/dae.py
    KERAS_BACKEND=jax python recipes/dae.py --noise gaussian --noise-level 0.3

Both see the same network and the same batches; the metrics are those of both
on clean and on noisy test images.
"""

import dataclasses

import keras

import common
import keras_gen

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


@dataclasses.dataclass
class Options(common.Options):
    """Trains a denoising autoencoder."""

    noise: str = "masking"
    """masking, salt_and_pepper, gaussian or dropout."""
    noise_level: float = 0.25
    """The share of the pixels, or the standard deviation of gaussian noise."""


def main(options: Options) -> None:
    run = common.Run("dae", options, PRESETS)

    def build(noise_level=options.noise_level, **settings):
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
