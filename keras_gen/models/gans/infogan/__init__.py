"""The information maximizing generative adversarial network."""

from keras_gen.models.gans.infogan.infogan import InfoGAN

__all__ = ["InfoGAN"]
