"""Layers that generative models share."""

from keras_gen.layers.batch_normalization import (
    BatchNormalization,
    ConditionalBatchNormalization,
)
from keras_gen.layers.channelwise_dense import ChannelwiseDense
from keras_gen.layers.convolution import Conv2D
from keras_gen.layers.corruption import (
    AdditiveNoise,
    Corruption,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from keras_gen.layers.image_pool import ImagePool
from keras_gen.layers.instance_normalization import InstanceNormalization
from keras_gen.layers.k_sparse import KSparse
from keras_gen.layers.layer_normalization import LayerNormalization
from keras_gen.layers.marginal import MixtureParameters, PseudoInputs
from keras_gen.layers.maxout import Maxout
from keras_gen.layers.minibatch_discrimination import MinibatchDiscrimination
from keras_gen.layers.shared_log_variance import SharedLogVariance
from keras_gen.layers.spectral_normalization import (
    SpectralConv2D,
    SpectralConv2DTranspose,
    SpectralDense,
    SpectralEmbedding,
)
from keras_gen.layers.tied_decoder import TiedDecoder
from keras_gen.layers.transposed_convolution import Conv2DTranspose
from keras_gen.layers.virtual_batch_normalization import (
    FirstBatch,
    ReferenceBatch,
    VirtualBatchNormalization,
)
from keras_gen.layers.weight_normalization import (
    WeightNormConv2D,
    WeightNormConv2DTranspose,
    WeightNormDense,
)

__all__ = [
    "AdditiveNoise",
    "BatchNormalization",
    "ChannelwiseDense",
    "ConditionalBatchNormalization",
    "Conv2D",
    "Conv2DTranspose",
    "Corruption",
    "DropoutNoise",
    "FirstBatch",
    "ImagePool",
    "InstanceNormalization",
    "KSparse",
    "LayerNormalization",
    "MaskingNoise",
    "Maxout",
    "MinibatchDiscrimination",
    "MixtureParameters",
    "PseudoInputs",
    "ReferenceBatch",
    "SaltAndPepperNoise",
    "SharedLogVariance",
    "SpectralConv2D",
    "SpectralConv2DTranspose",
    "SpectralDense",
    "SpectralEmbedding",
    "TiedDecoder",
    "VirtualBatchNormalization",
    "WeightNormConv2D",
    "WeightNormConv2DTranspose",
    "WeightNormDense",
]
