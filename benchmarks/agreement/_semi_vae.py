"""The bounds of a small Semi-VAE, one for each seed."""

import numpy as np
import torch
from _common import BATCH, DIM

import keras_gen
from keras_gen.engine import Batch

CLASSES = 4


def labels_and_bounds(factorization, num_samples, labeled):
    """The model, and for each of ten seeds a batch and its bound.

    Args:
        factorization: String, that of the model.
        num_samples: Integer. The draws of `z`.
        labeled: Whether all examples have labels, or none.
    """
    model = keras_gen.SemiVAE(
        (12,),
        num_classes=CLASSES,
        latent_dim=DIM,
        hidden_units=8,
        factorization=factorization,
        initial_std=0.5,
        estimator="monte_carlo",
        seed=0,
    )
    bounds = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 2, (BATCH, 12)).astype("float32")
        y = rng.integers(0, CLASSES, BATCH) if labeled else np.full(BATCH, -1)
        batch = Batch(torch.tensor(x), torch.tensor(y))
        bounds.append((batch, model.bound(batch, num_samples)))
    return model, bounds
