"""The deep convolutional inverse graphics network."""

from keras_gen.models.vaes.dc_ign.dc_ign import DCIGN

__all__ = ["DCIGN"]
