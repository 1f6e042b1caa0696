"""The energy-based generative adversarial network."""

from keras_gen.models.gans.ebgan.ebgan import EBGAN

__all__ = ["EBGAN"]
