"""The Wasserstein GAN with gradient penalty."""

from keras_gen.models.gans.wgan_gp.wgan_gp import WGANGP

__all__ = ["WGANGP"]
