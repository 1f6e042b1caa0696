"""Trains a sparse autoencoder.

    KERAS_BACKEND=jax python recipes/sae.py
    KERAS_BACKEND=jax python recipes/sae.py --variant k_sparse

`kl` pulls each unit to a small mean activation, `k_sparse` keeps the k largest
units of each code. `--preset paper` is the notes' 400 iterations on batches of
10,000 digits; of `k_sparse`, whose paper states neither epochs nor batch size,
the falling k alone is the paper's.
"""

import dataclasses

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

VARIANTS = {"kl": keras_gen.SAE, "k_sparse": keras_gen.KSparseAE}
PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=5, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=400, batch_size=10_000, dataset="mnist"),
}
K_SPARSE_PAPER = recipe.Preset(epochs=200, batch_size=100, dataset="mnist")


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a sparse autoencoder."""

    initial_k: int | None = None
    """The initial k of k_sparse, which falls to k over half of the epochs."""


def main(options):
    kl, preset = options.variant == "kl", options.preset
    presets = PRESETS if kl else {**PRESETS, "paper": K_SPARSE_PAPER}
    run = recipe.start("sae", options, presets)
    model = run.resumed()
    if model is None:
        arguments = run.arguments
        if not kl and options.initial_k is not None:
            k, half = arguments.get("k", 25), max(1, run.epochs // 2)
            schedule = keras_gen.Schedule(options.initial_k, k, over=half)
            arguments = {**arguments, "k": schedule}
        # The class's own paper preset of SAE is for patches of 8x8 pixels.
        preset = "small" if kl and preset == "paper" else preset
        model = VARIANTS[options.variant].from_preset(
            preset, input_shape=run.image_shape, **arguments
        )
        run.compile(model)
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
    codes = model.encode(test)
    report = {
        "squared_error": model.reconstruction_error(test).mean(),
        "mean_activation": codes.mean(),
        "active_fraction": (abs(codes) > 0.05).mean(),
    }
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, VARIANTS, Options)
