"""BicycleGAN."""

from keras_gen.models.gans.bicyclegan.bicyclegan import BicycleGAN

__all__ = ["BicycleGAN"]
