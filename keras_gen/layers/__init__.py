"""Layers that generative models share."""

from keras_gen.layers.batch_normalization import (
    BatchNormalization,
    ConditionalBatchNormalization,
)
from keras_gen.layers.layer_normalization import LayerNormalization

__all__ = [
    "BatchNormalization",
    "ConditionalBatchNormalization",
    "LayerNormalization",
]
