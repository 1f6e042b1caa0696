"""Semi-supervised variational autoencoders."""

from keras_gen.models.vaes.semi_vae.semi_vae import SemiVAE

__all__ = ["SemiVAE"]
