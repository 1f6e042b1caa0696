"""Losses: pure functions of tensors."""

from keras_gen.losses import adversarial, penalties

__all__ = ["adversarial", "penalties"]
