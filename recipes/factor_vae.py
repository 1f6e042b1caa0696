"""Trains a FactorVAE on sprites of known factors.

    KERAS_BACKEND=jax python recipes/factor_vae.py
    KERAS_BACKEND=jax python recipes/factor_vae.py --model.gamma 35

Each step takes two batches of the paper's. The metrics are the bounds and those
of disentanglement; in `traversals_by_kl.png` the latents are ordered by their
KL divergence.
"""

import dataclasses

import _disentangled
import _recipe as recipe
import keras_gen

PRESETS = {
    name: dataclasses.replace(preset, batch_size=2 * preset.batch_size)
    for name, preset in _disentangled.PRESETS.items()
}
PRESETS["paper"] = dataclasses.replace(PRESETS["paper"], epochs=58)


def main(options):
    _disentangled.main("factor_vae", options, PRESETS)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.FactorVAE, _disentangled.Options)
