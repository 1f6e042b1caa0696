"""Losses: pure functions of tensors."""

from keras_gen.losses import (
    adversarial,
    classification,
    penalties,
    reconstruction,
)

__all__ = ["adversarial", "classification", "penalties", "reconstruction"]
