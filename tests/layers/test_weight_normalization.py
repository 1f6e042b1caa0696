"""Weight normalization: directions, scales, data-dependent initialization."""

import numpy as np
import pytest
from keras import layers, ops

from keras_gen.layers import (
    WeightNormConv2D,
    WeightNormConv2DTranspose,
    WeightNormDense,
)
from tests.numerics import array, loss_and_gradients, tensor

STRIDED = {"padding": "same", "strides": 2}
LAYERS = {
    "dense": (WeightNormDense, layers.Dense, (4,), {}, (5,)),
    "conv": (WeightNormConv2D, layers.Conv2D, (3, 3), STRIDED, (6, 6, 4)),
    "transposed": (
        WeightNormConv2DTranspose,
        layers.Conv2DTranspose,
        (3, 4),
        STRIDED,
        (3, 3, 5),
    ),
}
every_layer = pytest.mark.parametrize("kind", LAYERS)


def inputs(kind, n=7):
    rng = np.random.default_rng(0)
    return rng.normal(1.0, 2.0, (n, *LAYERS[kind][-1])).astype("float32")


def built(kind, **options):
    cls, _, sizes, arguments, shape = LAYERS[kind]
    rng = np.random.default_rng(1)
    layer = cls(*sizes, **{**arguments, **options})
    layer.build((None, *shape))
    for variable in layer.weights:
        variable.assign(rng.normal(size=variable.shape))
    return layer


def plain(kind, kernel, bias):
    """Keras' layer of these weights."""
    _, cls, sizes, arguments, shape = LAYERS[kind]
    layer = cls(*sizes, **arguments)
    layer.build((None, *shape))
    layer.set_weights([kernel, bias])
    return layer


def by_output(kind, kernel):
    """As a matrix, `(rest, outputs)`."""
    if kind == "transposed":
        kernel = kernel.transpose(0, 1, 3, 2)
    return kernel.reshape(-1, kernel.shape[-1])


@every_layer
def test_outputs_are_those_of_directions_and_scales(kind):
    layer = built(kind)
    scale, v = array(layer.scale), array(layer.kernel)
    norms = np.linalg.norm(by_output(kind, v), axis=0)
    assert norms.shape == scale.shape
    factor = scale / norms
    kernel = v * (factor[:, None] if kind == "transposed" else factor)
    x = tensor(inputs(kind))
    expected = array(plain(kind, kernel, array(layer.bias))(x))
    np.testing.assert_allclose(array(layer(x)), expected, rtol=1e-4, atol=1e-4)
    found = by_output(kind, array(layer.normalized_kernel()))
    np.testing.assert_allclose(
        np.linalg.norm(found, axis=0), np.abs(scale), rtol=1e-4
    )


@every_layer
def test_the_length_of_v_does_not_matter(kind):
    """Nor is there a gradient along it."""
    layer = built(kind)
    x, v = tensor(inputs(kind)), array(layer.kernel)
    before = array(layer(x))
    layer.kernel.assign(3.0 * v)
    np.testing.assert_allclose(array(layer(x)), before, rtol=1e-4, atol=1e-4)
    layer.kernel.assign(v)
    weights = np.random.default_rng(2).normal(size=before.shape)
    _, (gradient, *_) = loss_and_gradients(
        lambda: ops.sum(layer(x) * tensor(weights)), [layer.kernel]
    )
    assert np.abs(gradient).max() > 1e-2
    along = (by_output(kind, v) * by_output(kind, gradient)).sum(axis=0)
    size = np.linalg.norm(v) * np.linalg.norm(gradient)
    assert np.abs(along).max() < 1e-5 * size


def test_the_gradient_is_the_papers():
    """That of `g` is along `v`, that of `v` across it."""
    layer = built("dense")
    x, weights = inputs("dense"), np.random.default_rng(2).normal(size=(7, 4))
    _, (of_v, of_g) = loss_and_gradients(
        lambda: ops.sum(layer(tensor(x)) * tensor(weights)),
        [layer.kernel, layer.scale],
    )
    v, g, direct = array(layer.kernel), array(layer.scale), x.T @ weights
    norm = np.linalg.norm(v, axis=0)
    expected = (direct * v).sum(axis=0) / norm
    np.testing.assert_allclose(of_g, expected, rtol=1e-4)
    expected = g / norm * direct - g * expected / norm**2 * v
    np.testing.assert_allclose(of_v, expected, rtol=1e-3, atol=1e-4)


@every_layer
def test_the_scale_may_be_frozen(kind):
    layer = built(kind, train_scale=False)
    assert not layer.scale.trainable
    assert len(layer.trainable_variables) == 2 and len(layer.weights) == 3
    assert built(kind).scale.trainable
    assert len(built(kind).trainable_variables) == 3
    fresh = LAYERS[kind][0](*LAYERS[kind][2])
    fresh.build((None, *LAYERS[kind][-1]))
    np.testing.assert_array_equal(array(fresh.scale), 1.0)


@every_layer
def test_data_dependent_initialization(kind):
    """Before the activation, whatever weights the layer had."""
    layer = built(kind, initial_std=0.3, activation="relu")
    x = tensor(inputs(kind, n=20))
    v = array(layer.kernel).copy()
    layer.initialize_from(x)
    np.testing.assert_array_equal(array(layer.kernel), v)
    outputs = array(layer.linear(x)) + array(layer.bias)
    axes = tuple(range(outputs.ndim - 1))
    np.testing.assert_allclose(outputs.mean(axis=axes), 0.0, atol=1e-5)
    np.testing.assert_allclose(outputs.std(axis=axes), 0.3, rtol=1e-3)
    assert array(layer(x)).min() == 0.0


def test_initialization_without_a_bias_sets_the_scale_alone():
    layer = built("dense", use_bias=False)
    layer.initialize_from(tensor(inputs("dense")))
    outputs = array(layer(tensor(inputs("dense"))))
    np.testing.assert_allclose(outputs.std(axis=0), 1.0, rtol=1e-3)
    assert np.abs(outputs.mean(axis=0)).max() > 0.1


@every_layer
def test_config_and_weights(kind):
    layer = built(kind, train_scale=False, initial_std=0.1)
    twin = type(layer).from_config(layer.get_config())
    twin.build((None, *LAYERS[kind][-1]))
    assert (twin.train_scale, twin.initial_std) == (False, 0.1)
    twin.set_weights(layer.get_weights())
    x = tensor(inputs(kind))
    np.testing.assert_array_equal(array(twin(x)), array(layer(x)))
    expected = tuple(layer(x).shape[1:])
    shape = twin.compute_output_shape((None, *LAYERS[kind][-1]))
    assert tuple(shape[1:]) == expected


def test_wrong_arguments():
    with pytest.raises(ValueError, match="initial_std=0"):
        WeightNormDense(3, initial_std=0)
