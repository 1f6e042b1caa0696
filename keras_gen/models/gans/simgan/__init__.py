"""SimGAN, which refines synthetic images."""

from keras_gen.models.gans.simgan.simgan import SimGAN

__all__ = ["SimGAN"]
