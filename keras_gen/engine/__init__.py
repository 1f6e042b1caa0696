"""How a model learns: training steps, players, data, schedules, saving."""

from keras_gen.engine.data_spec import Batch
from keras_gen.engine.ema import averaged_copy, update_average
from keras_gen.engine.generative_model import GenerativeModel
from keras_gen.engine.players import OptimizerGroup
from keras_gen.engine.records import Signature
from keras_gen.engine.specs import (
    Attributes,
    Examples,
    Groups,
    Labels,
    Spec,
    Vector,
)

__all__ = [
    "Attributes",
    "Batch",
    "Examples",
    "GenerativeModel",
    "Groups",
    "Labels",
    "OptimizerGroup",
    "Signature",
    "Spec",
    "Vector",
    "averaged_copy",
    "update_average",
]
