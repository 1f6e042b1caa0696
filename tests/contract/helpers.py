"""What the tests of the contract do with a model."""

import functools
import json

import keras
import numpy as np
from keras import ops

from tests.contract.case import BATCH


def fit(model, data, **options):
    """Trains on the batches in their order; returns the history."""
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    return model.fit(*data, **options).history


@functools.cache
def trained(case):
    """A model after one epoch of two steps, its history, and its state.

    It is shared by all tests, which must leave it as it is.
    """
    model = case.compiled()
    history = fit(model, case.data(), validation_data=case.data(seed=1))
    return model, history, state_of(model)


def arrays(variables):
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def state_of(model):
    """Everything that training changes: weights, seeds, optimizers."""
    return arrays([*model.variables, *model.optimizer.variables])


def assert_identical(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def assert_finite(values):
    for value in values:
        assert np.all(np.isfinite(np.asarray(value, "float64")))


def layers_of(model):
    """The layers of a model's networks, in their order."""
    return [
        layer
        for layer in model._flatten_layers()
        if not isinstance(layer, keras.Model | keras.metrics.Metric)
    ]


def plain(config):
    """A configuration as a file holds it, where tuples are lists."""
    return json.loads(json.dumps(config))


def rows(data, start, stop):
    """Some rows of each array of data."""
    return keras.tree.map_structure(lambda x: x[start:stop], data)


def widen(model):
    """Brings small initial weights to a variance of one over the inputs.

    Signals that vanish in networks of few units would leave gradients that are
    rounding alone.
    """
    for variable in model.trainable_variables:
        value = ops.convert_to_numpy(variable)
        wanted, deviation = np.prod(value.shape[:-1]) ** -0.5, value.std()
        if value.ndim > 1 and 0.0 < deviation < 0.5 * wanted:
            variable.assign(value * (wanted / deviation))
