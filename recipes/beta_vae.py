"""Trains a beta-VAE on sprites of known factors.

    KERAS_BACKEND=jax python recipes/beta_vae.py
    KERAS_BACKEND=jax python recipes/beta_vae.py --model.objective H

The small preset has the capacity of Burgess et al. grow to 18 nats, at a size
that two cores train. The metrics are the bounds and those of disentanglement;
in `traversals_by_kl.png` the latents are ordered by their KL divergence.
"""

import _disentangled
import _recipe as recipe
import keras_gen

PRESETS = _disentangled.PRESETS


def main(options):
    _disentangled.main("beta_vae", options, PRESETS)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.BetaVAE, _disentangled.Options)
