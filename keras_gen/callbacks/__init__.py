"""Callbacks: pictures of what a model learns, metrics, checkpoints, a history.

Checkpoints and the history make a run that can be resumed after a kill; see
`Checkpoint`.
"""

from keras_gen.callbacks.checkpoint import (
    Checkpoint,
    HistoryCSV,
    Progress,
    read_progress,
)
from keras_gen.callbacks.epoch_pictures import EpochPictures
from keras_gen.callbacks.latent_traversal import (
    LatentTraversal,
    Reconstructions,
)
from keras_gen.callbacks.metric_evaluation import EvaluateMetrics
from keras_gen.callbacks.sample_grid import SampleGrid
from keras_gen.callbacks.tensorboard_pictures import TensorBoardPictures

__all__ = [
    "Checkpoint",
    "EpochPictures",
    "EvaluateMetrics",
    "HistoryCSV",
    "LatentTraversal",
    "Progress",
    "Reconstructions",
    "SampleGrid",
    "TensorBoardPictures",
    "read_progress",
]
