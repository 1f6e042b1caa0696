"""The speech enhancement generative adversarial network."""

from keras_gen.models.gans.segan.segan import SEGAN

__all__ = ["SEGAN"]
