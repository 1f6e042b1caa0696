"""Trains a beta-TCVAE on sprites of known factors.

    KERAS_BACKEND=jax python recipes/beta_tcvae.py
    KERAS_BACKEND=jax python recipes/beta_tcvae.py --model.sampling mss

The metrics are the bounds and those of disentanglement; in
`traversals_by_kl.png` the latents are ordered by their KL divergence.
"""

import dataclasses

import _disentangled
import _recipe as recipe
import keras_gen

SIZES = {"smoke": 64, "small": 256, "paper": 2048}
PRESETS = {
    name: dataclasses.replace(_disentangled.PRESETS[name], batch_size=size)
    for name, size in SIZES.items()
}
PRESETS["paper"] = dataclasses.replace(PRESETS["paper"], epochs=50)


def main(options):
    def arguments(run):
        return {"num_examples": run.examples}

    _disentangled.main("beta_tcvae", options, PRESETS, arguments)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.BetaTCVAE, _disentangled.Options)
