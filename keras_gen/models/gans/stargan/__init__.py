"""StarGAN."""

from keras_gen.models.gans.stargan.stargan import StarGAN

__all__ = ["StarGAN"]
