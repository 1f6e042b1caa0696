"""Callbacks: pictures of what a model learns, checkpoints, a history."""

from keras_gen.callbacks.checkpoint import (
    Checkpoint,
    HistoryCSV,
    Progress,
    read_progress,
)
from keras_gen.callbacks.epoch_pictures import EpochPictures
from keras_gen.callbacks.images import image_grid, save_gif, save_image
from keras_gen.callbacks.latent_traversal import (
    LatentTraversal,
    Reconstructions,
)
from keras_gen.callbacks.metric_evaluation import EvaluateMetrics
from keras_gen.callbacks.sample_grid import SampleGrid
from keras_gen.callbacks.scatter import save_scatter

__all__ = [
    "Checkpoint",
    "EpochPictures",
    "EvaluateMetrics",
    "HistoryCSV",
    "LatentTraversal",
    "Progress",
    "Reconstructions",
    "SampleGrid",
    "image_grid",
    "read_progress",
    "save_gif",
    "save_image",
    "save_scatter",
]
