"""The triple generative adversarial network."""

from keras_gen.models.gans.triple_gan.triple_gan import TripleGAN

__all__ = ["TripleGAN"]
