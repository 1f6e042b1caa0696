"""The improved techniques for generative adversarial networks."""

from keras_gen.models.gans.improved_gan.improved_gan import ImprovedGAN

__all__ = ["ImprovedGAN"]
