"""Trains a DIP-VAE on sprites of known factors.

    KERAS_BACKEND=jax python recipes/dip_vae.py
    KERAS_BACKEND=jax python recipes/dip_vae.py --model.variant ii

The metrics are the bounds and those of disentanglement; in
`traversals_by_kl.png` the latents are ordered by their KL divergence.
"""

import _disentangled
import _recipe as recipe
import keras_gen

PRESETS = _disentangled.PRESETS


def main(options):
    _disentangled.main("dip_vae", options, PRESETS)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.DIPVAE, _disentangled.Options)
