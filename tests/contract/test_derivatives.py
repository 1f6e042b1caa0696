"""What a player descends is its loss.

The value of a term says nothing of the gradient through it: a network that is
detached by mistake leaves all losses as they are.
"""

import keras
import numpy as np
import pytest
from keras import ops
from keras.src.backend.tensorflow import core, numpy, random

from keras_gen.backend.scope import Scope
from keras_gen.engine import GenerativeModel
from keras_gen.layers.spectral_normalization import SpectralNormalization
from tests.contract.helpers import layers_of
from tests.numerics import (
    check_directions,
    double_precision,
    loss_and_gradients,
)

# So small that the curvature of a normalization of almost equal values is not
# seen.
STEP = 1e-8


def wide(x):
    is_float = x is not None and "float" in ops.dtype(x)
    return ops.cast(x, "float64") if is_float else x


@pytest.fixture(autouse=True)
def wide_types(monkeypatch):
    """Where 32-bit results are asked for, 64-bit ones are given."""

    def widened(fn):
        return lambda dtype: fn("float64" if dtype == "float32" else dtype)

    get = widened(keras.src.dtype_policies.get)
    monkeypatch.setattr(keras.src.dtype_policies, "get", get)
    for module in (core, numpy, random):
        standardize = widened(module.standardize_dtype)
        monkeypatch.setattr(module, "standardize_dtype", standardize)
    # That of Keras takes the bits of 32-bit floats.
    monkeypatch.setattr(numpy, "signbit", lambda x: x < 0)
    # Metrics stay 32-bit.
    monkeypatch.setattr(GenerativeModel, "log", lambda self, **values: None)


def test_gradients_are_derivatives_of_losses(every_case):
    """Along a random direction of all variables of each player."""
    rng = np.random.default_rng(0)
    with double_precision():
        model = every_case.build()
        model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
        data = model.prepared((*every_case.data(steps=1), None)[:2])
        batch = keras.tree.map_structure(wide, data)
        # What keeps something of its first batch has it.
        model.training_step(batch)
        for variable in model.trainable_variables:
            # Away from what is zero at first.
            variable.assign_add(rng.normal(0.0, 0.1, variable.shape))
        # The singular vectors of spectral norms are constants.
        normed = any(
            isinstance(x, SpectralNormalization) for x in layers_of(model)
        )
        tolerance = 1e-2 if normed else 1e-4
        for player in model.players:
            if player in every_case.biased:
                continue

            def loss(player=player):
                # No change of state lasts: the same noise each time.
                with Scope():
                    loss = model.player_loss(player, batch, training=True)
                return loss[0] if isinstance(loss, tuple) else loss

            variables = model.optimizer.player_variables(player)
            _, gradients = loss_and_gradients(loss, variables)
            # The deviation of a derivative over all directions.
            length = np.sqrt(sum(np.sum(g**2) for g in gradients))
            assert length > 0.0
            check_directions(
                loss,
                variables,
                gradients,
                step=STEP,
                rtol=0.0,
                atol=tolerance * length,
                directions=1,
            )
