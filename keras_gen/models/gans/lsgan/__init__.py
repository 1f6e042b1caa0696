"""The least squares generative adversarial network."""

from keras_gen.models.gans.lsgan.lsgan import LSGAN

__all__ = ["LSGAN"]
