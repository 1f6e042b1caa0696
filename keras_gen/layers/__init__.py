"""Layers that generative models share."""

from keras_gen.layers.batch_normalization import (
    BatchNormalization,
    ConditionalBatchNormalization,
)
from keras_gen.layers.corruption import (
    AdditiveNoise,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from keras_gen.layers.k_sparse import KSparse
from keras_gen.layers.layer_normalization import LayerNormalization
from keras_gen.layers.shared_log_variance import SharedLogVariance

__all__ = [
    "AdditiveNoise",
    "BatchNormalization",
    "ConditionalBatchNormalization",
    "DropoutNoise",
    "KSparse",
    "LayerNormalization",
    "MaskingNoise",
    "SaltAndPepperNoise",
    "SharedLogVariance",
]
