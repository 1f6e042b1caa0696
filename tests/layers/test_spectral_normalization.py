import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.layers import (
    SpectralConv2D,
    SpectralConv2DTranspose,
    SpectralDense,
    SpectralEmbedding,
)
from keras_gen.layers.spectral_normalization import power_iteration
from tests.numerics import (
    array,
    double_precision,
    loss_and_gradients,
    tensor,
)

LAYERS = {
    "dense": (SpectralDense, layers.Dense, (4,), {}, (5,)),
    "conv": (
        SpectralConv2D,
        layers.Conv2D,
        (3, 3),
        {"padding": "same", "strides": 2},
        (6, 6, 4),
    ),
    "transposed": (
        SpectralConv2DTranspose,
        layers.Conv2DTranspose,
        (3, 4),
        {"padding": "same", "strides": 2},
        (3, 3, 5),
    ),
    "embedding": (SpectralEmbedding, layers.Embedding, (6, 4), {}, ()),
}
every_layer = pytest.mark.parametrize("kind", LAYERS)


def inputs(kind, n=7):
    rng = np.random.default_rng(0)
    if kind == "embedding":
        return rng.integers(0, 6, n).astype("int32")
    return rng.normal(size=(n, *LAYERS[kind][-1])).astype("float32")


def built(kind, **options):
    """A layer of random weights, and Keras' of the same."""
    cls, plain, sizes, arguments, shape = LAYERS[kind]
    rng = np.random.default_rng(1)
    layer = cls(*sizes, **arguments, **options)
    layer.build((None, *shape))
    for variable in layer.weights:
        variable.assign(rng.normal(size=variable.shape))
    twin = plain(*sizes, **arguments)
    twin.build((None, *shape))
    twin.set_weights([array(v) for v in layer.trainable_variables])
    return layer, twin


def matrix(layer):
    kernel = array(layer.raw_kernel())
    if isinstance(layer, SpectralConv2DTranspose):
        kernel = kernel.transpose(0, 1, 3, 2)
    return kernel.reshape(-1, kernel.shape[-1])


def largest(layer):
    return np.linalg.svd(matrix(layer), compute_uv=False)[0]


def sigma(layer):
    """By which number the kernel is divided."""
    raw, normalized = array(layer.raw_kernel()), layer.normalized_kernel()
    return float(np.linalg.norm(raw) / np.linalg.norm(array(normalized)))


# ---- The singular value -----------------------------------------------------


@every_layer
def test_sigma_comes_close_to_the_largest_singular_value(kind):
    layer, _ = built(kind)
    found = [sigma(layer)]
    for _ in range(100):
        layer(tensor(inputs(kind)), training=True)
        found.append(sigma(layer))
    exact = largest(layer)
    # Never above it, and better with each call.
    assert max(found) <= exact * (1 + 1e-5)
    assert found[0] < 0.999 * exact
    assert np.diff(found).min() > -1e-5 * exact
    np.testing.assert_allclose(found[-1], exact, rtol=1e-3)


def test_u_is_of_the_outputs():
    sizes = {kind: built(kind)[0].u.shape[0] for kind in LAYERS}
    outputs = {"dense": 4, "conv": 3, "transposed": 3, "embedding": 4}
    assert sizes == outputs
    assert matrix(built("transposed")[0]).shape == (4 * 4 * 5, 3)
    assert matrix(built("conv")[0]).shape == (3 * 3 * 4, 3)


@every_layer
def test_outputs_are_those_of_the_divided_kernel(kind):
    layer, plain = built(kind)
    by = sigma(layer)
    weights = plain.get_weights()
    plain.set_weights([weights[0] / by, *weights[1:]])
    x = tensor(inputs(kind))
    expected = array(plain(x))
    for training in (False, True):
        found = array(layer(x, training=training))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@every_layer
def test_u_moves_in_training_alone(kind):
    layer, _ = built(kind)
    x, before = tensor(inputs(kind)), array(layer.u).copy()
    first, second = array(layer(x)), array(layer(x))
    np.testing.assert_array_equal(array(layer.u), before)
    np.testing.assert_array_equal(first, second)
    layer(x, training=True)
    moved = array(layer.u)
    assert np.abs(moved - before).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(moved), 1.0, rtol=1e-5)
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_array_equal(array(layer.u), moved)
    assert not any(v is layer.u for v in layer.trainable_variables)


def test_several_iterations_are_several_calls():
    many, _ = built("dense", power_iterations=3)
    one, _ = built("dense")
    x = tensor(inputs("dense"))
    many(x, training=True)
    for _ in range(3):
        one(x, training=True)
    np.testing.assert_allclose(array(many.u), array(one.u), rtol=1e-5)
    with pytest.raises(ValueError, match="power_iterations=0"):
        SpectralDense(3, power_iterations=0)


# ---- Its gradient -----------------------------------------------------------


@every_layer
def test_the_kernels_scale_does_not_matter(kind):
    """Nor is there a gradient along it, converged or not."""
    layer, _ = built(kind)
    x, kernel = tensor(inputs(kind)), array(layer.raw_kernel())
    before = array(layer(x))
    layer.raw_kernel().assign(3.0 * kernel)
    np.testing.assert_allclose(array(layer(x)), before, rtol=1e-4, atol=1e-5)
    layer.raw_kernel().assign(kernel)
    weights = np.random.default_rng(2).normal(size=before.shape)
    _, (gradient, *_) = loss_and_gradients(
        lambda: ops.sum(layer(x) * tensor(weights)), layer.trainable_variables
    )
    assert np.abs(gradient).max() > 1e-2
    scale = np.linalg.norm(kernel) * np.linalg.norm(gradient)
    assert abs(np.sum(kernel * gradient)) < 1e-5 * scale


def test_the_gradient_is_the_papers():
    """`(G - <G, W / sigma> v u^T) / sigma`, with `G` by the divided kernel."""
    with double_precision():
        layer, _ = built("dense")
        x, kernel = inputs("dense").astype("float64"), array(layer.kernel)
        weights = np.random.default_rng(2).normal(size=(7, 4))
        _, (gradient, _) = loss_and_gradients(
            lambda: ops.sum(layer(tensor(x)) * tensor(weights)),
            layer.trainable_variables,
        )
        v, u = power_iteration(tensor(kernel), tensor(array(layer.u)), 1)
        v, u = array(v), array(u)
        by = v @ kernel @ u
        direct = x.T @ weights
        along = np.sum(direct * kernel) / by
        expected = (direct - along * np.outer(v, u)) / by
        np.testing.assert_allclose(gradient, expected, rtol=1e-8)


# ---- Use --------------------------------------------------------------------


def test_dense_layers_are_lipschitz_once_converged():
    network = keras.Sequential(
        [keras.Input((5,)), SpectralDense(8, "relu"), SpectralDense(1)]
    )
    rng = np.random.default_rng(3)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    x, y = rng.normal(size=(2, 50, 5)).astype("float32")
    for _ in range(100):
        network(tensor(x), training=True)
    difference = np.abs(array(network(tensor(x))) - array(network(tensor(y))))
    distance = np.linalg.norm(x - y, axis=1)
    assert np.all(difference[:, 0] <= distance * (1 + 1e-4))


@every_layer
def test_config_and_weights(kind):
    layer, _ = built(kind, power_iterations=2)
    twin = type(layer).from_config(layer.get_config())
    twin.build((None, *LAYERS[kind][-1]))
    assert twin.power_iterations == 2
    twin.set_weights(layer.get_weights())
    x = tensor(inputs(kind))
    np.testing.assert_array_equal(array(twin(x)), array(layer(x)))
    shape = (None, *LAYERS[kind][-1])
    expected = tuple(layer(x).shape[1:])
    assert tuple(twin.compute_output_shape(shape)[1:]) == expected


def test_activation_and_no_bias():
    layer = SpectralDense(3, activation="relu", use_bias=False)
    x = tensor(inputs("dense"))
    assert array(layer(x)).min() == 0.0
    assert len(layer.trainable_variables) == 1
