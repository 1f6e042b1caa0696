"""The spectrally normalized generative adversarial network."""

from keras_gen.models.gans.sngan.sngan import SNGAN

__all__ = ["SNGAN"]
