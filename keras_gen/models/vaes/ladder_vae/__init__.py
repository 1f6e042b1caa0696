"""The ladder variational autoencoder."""

from keras_gen.models.vaes.ladder_vae.ladder_vae import LadderVAE

__all__ = ["LadderVAE"]
