"""Losses: pure functions of tensors."""

from keras_gen.losses import adversarial, penalties, reconstruction

__all__ = ["adversarial", "penalties", "reconstruction"]
