"""Trains a sparse autoencoder, and the same one without sparsity.

    KERAS_BACKEND=jax python recipes/sae.py
    KERAS_BACKEND=jax python recipes/sae.py --variant k_sparse

`kl` pulls each unit to a small mean activation, `k_sparse` keeps the k largest
entries of each code. The metrics have the error of a linear classifier on the
codes, on those of the control, and on raw pixels.
"""

import dataclasses
from typing import Literal

import keras

import common
import keras_gen

PRESETS = {
    "smoke": common.Preset(
        epochs=2, steps_per_epoch=30, batch_size=100, model={}
    ),
    "small": common.Preset(
        epochs=5,
        steps_per_epoch=600,
        batch_size=100,
        model={},
        optimizer=lambda players: keras.optimizers.Adam(1e-3),
    ),
    "paper": common.Preset(
        epochs=400, batch_size=10_000, model={}, dataset="mnist"
    ),
}
# `paper` above follows the notes, 400 iterations on 10,000 examples. For
# k_sparse k falls as in its paper; batch size, epochs and Adam are not from it.
K_SPARSE_PAPER = common.Preset(
    epochs=200, batch_size=100, model={"initial_k": 100}, dataset="mnist"
)


@dataclasses.dataclass
class Options(common.Options):
    """Trains a sparse autoencoder."""

    variant: Literal["kl", "k_sparse"] = "kl"
    """kl: a penalty on mean activations. k_sparse: the k largest are kept."""
    k: int = 25
    """How many units k_sparse keeps."""
    initial_k: int | None = None
    """With how many k_sparse begins, to reach k after half of the epochs.
    Defaults to 100 for the paper's preset, to k for the others."""
    sparsity: float = 0.1
    """The mean activation that kl pulls to."""
    hidden_units: int | None = None
    """The units of the code. Defaults to 196 for kl, to 1,000 for k_sparse."""


def main(options: Options) -> None:
    kl = options.variant == "kl"
    presets = PRESETS if kl else {**PRESETS, "paper": K_SPARSE_PAPER}
    run = common.Run("sae", options, presets)
    units = options.hidden_units or (196 if kl else 1000)

    def build(sparse=True, **settings):
        if kl:
            return keras_gen.SAE(
                run.image_shape,
                units,
                options.sparsity,
                sparsity_weight=3.0 if sparse else 0.0,
                weight_decay=3e-3,
                **settings,
            )
        initial_k = settings.pop("initial_k", None)
        if options.initial_k is not None:
            initial_k = options.initial_k
        if initial_k is not None and sparse:
            settings["initial_k"] = initial_k
            settings["schedule_epochs"] = max(1, run.options.epochs // 2)
        return keras_gen.KSparseAE(
            run.image_shape,
            units,
            options.k if sparse else units,
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
    print("The same network without sparsity:")
    dense = run.control(lambda **settings: build(sparse=False, **settings))
    results = {"pixel_probe_error": common.probe_error(run, lambda x: x)}
    for name, trained in (("", model), ("dense_", dense)):
        codes = trained.encode(test)
        results |= {
            f"{name}squared_error": common.squared_error(
                test, trained.reconstruct(test)
            ),
            f"{name}mean_activation": float(codes.mean()),
            f"{name}active_share": float((abs(codes) > 0.05).mean()),
            f"{name}probe_error": common.probe_error(run, trained.encode),
        }
    common.save_features(run, model)
    run.finish(model, results)


if __name__ == "__main__":
    main(common.parse(Options))
