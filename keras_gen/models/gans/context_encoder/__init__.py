"""Context encoders."""

from keras_gen.models.gans.context_encoder.context_encoder import ContextEncoder

__all__ = ["ContextEncoder"]
