"""The adversarial autoencoders, under the names of the paper's experiments."""

from keras_gen.models.autoencoders.aae.aae import (
    AAE,
    LabelPriorAAE,
    SupervisedAAE,
)
from keras_gen.models.autoencoders.aae.semi_supervised import (
    ClusteringAAE,
    DimReductionAAE,
    SemiSupervisedAAE,
)

__all__ = [
    "AAE",
    "ClusteringAAE",
    "DimReductionAAE",
    "LabelPriorAAE",
    "SemiSupervisedAAE",
    "SupervisedAAE",
]
