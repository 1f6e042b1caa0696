"""The conditional variational autoencoder, GSNN and hybrid."""

from keras_gen.models.vaes.cvae.cvae import CVAE

__all__ = ["CVAE"]
