"""DiscoGAN."""

from keras_gen.models.gans.discogan.discogan import DiscoGAN

__all__ = ["DiscoGAN"]
