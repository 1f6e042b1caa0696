"""The coupled generative adversarial networks."""

from keras_gen.models.gans.cogan.cogan import CoGAN

__all__ = ["CoGAN"]
