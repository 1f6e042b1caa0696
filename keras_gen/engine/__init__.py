"""How a model learns: the training loop, its two primitives and its state.

The backends are known here and nowhere else in a model's way of learning.
"""

from keras_gen.engine.backend import (
    fused_batch_norm,
    gradient,
    replica,
    replica_mean,
)
from keras_gen.engine.ema import averaged_copy, update_average
from keras_gen.engine.generative_model import GenerativeModel
from keras_gen.engine.players import OptimizerGroup
from keras_gen.engine.records import Batch, Signature

__all__ = [
    "Batch",
    "GenerativeModel",
    "OptimizerGroup",
    "Signature",
    "averaged_copy",
    "fused_batch_norm",
    "gradient",
    "replica",
    "replica_mean",
    "update_average",
]
