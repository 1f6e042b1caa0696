"""What the tests of the contract do with a model."""

import json

import keras
import numpy as np

import keras_gen
from tests.contract.settings import SETTINGS

BATCH = 8
# Steps that are not compiled start fastest, but on JAX, where each operation
# would be compiled by itself.
QUICK = {"run_eagerly": keras.backend.backend() != "jax"}


def class_of(case):
    """The class that a key of `SETTINGS` is about."""
    name = SETTINGS[case].class_name
    if name is not None:
        return getattr(keras_gen, name)
    return keras_gen.model_class(case.partition("-")[0])


def build(case, seed=7, **overrides):
    """The model of a case, with the same initial weights each time."""
    keras.utils.set_random_seed(11)
    arguments = {**SETTINGS[case].arguments(), "seed": seed, **overrides}
    return class_of(case)(**arguments)


def compiled(case, optimizer=None, build_arguments=None, **options):
    """A model compiled in the way that is quick, unless `options` differ."""
    model = build(case, **(build_arguments or {}))
    model.compile(optimizer, **{**QUICK, **options})
    return model


def data_of(case, steps=2, seed=0):
    """The data of a number of steps."""
    rng = np.random.default_rng(seed)
    return SETTINGS[case].make_batch(rng, steps * BATCH)


def inputs_of(case, n=5):
    return SETTINGS[case].make_inputs(np.random.default_rng(3), n)


def fit(model, data, **options):
    """Trains on the batches in their order; returns the history."""
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    return model.fit(*data, **options).history


def arrays(variables):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


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
