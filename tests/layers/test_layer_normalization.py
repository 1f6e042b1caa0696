import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import backend
from keras_gen.layers import InstanceNormalization, LayerNormalization
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    gradient,
    loss_and_gradients,
    tensor,
)

EPSILON = 0.1


def layer_like(x):
    layer = LayerNormalization(epsilon=EPSILON)
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(1.0, 0.5, weight.shape))
    return layer


def reference(layer, x):
    axes = tuple(range(1, x.ndim))
    mean = x.mean(axes, keepdims=True)
    variance = x.var(axes, keepdims=True)
    y = (x - mean) / np.sqrt(variance + EPSILON)
    return y * array(layer.gamma) + array(layer.beta)


@pytest.mark.parametrize("shape", [(4, 6), (4, 5, 6), (4, 3, 5, 6)])
def test_moments_are_over_all_axes_and_scales_for_channels(shape):
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, shape).astype("float32")
    layer = layer_like(x)
    assert [w.shape for w in layer.weights] == [(6,), (6,)]
    np.testing.assert_allclose(array(layer(x)), reference(layer, x), atol=1e-5)


def test_examples_do_not_meet():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3, 5)).astype("float32")
    layer = layer_like(x)
    np.testing.assert_allclose(
        array(layer(x))[:1], array(layer(x[:1])), atol=1e-6
    )


def test_second_derivatives_match_finite_differences():
    with double_precision():
        rng = np.random.default_rng(0)
        x, weights = rng.normal(size=(2, 2, 3, 2))
        layer = layer_like(x)
        gamma = array(layer.gamma)

        def score(x):
            return ops.sum(tensor(weights) * layer(x) ** 3)

        def penalty(x):
            return ops.sum(backend.gradient(score, x) ** 2)

        np.testing.assert_allclose(
            gradient(score, x),
            difference_quotients(
                lambda x: np.sum(weights * reference(layer, x) ** 3), x
            ),
            rtol=1e-6,
            atol=1e-8,
        )
        np.testing.assert_allclose(
            gradient(penalty, x),
            difference_quotients(lambda x: array(penalty(tensor(x))), x),
            rtol=1e-5,
            atol=1e-6,
        )

        def penalty_at(gamma):
            layer.gamma.assign(gamma)
            return array(penalty(tensor(x)))

        _, (by_gamma,) = loss_and_gradients(
            lambda: penalty(tensor(x)), [layer.gamma]
        )
        np.testing.assert_allclose(
            by_gamma,
            difference_quotients(penalty_at, gamma),
            rtol=1e-5,
            atol=1e-6,
        )


def test_half_precision_is_for_the_outputs_alone():
    rng = np.random.default_rng(0)
    x = 1000.0 * rng.normal(size=(4, 3, 5)).astype("float32")
    y = LayerNormalization(dtype="mixed_float16")(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float16"
    expected = array(LayerNormalization()(x))
    np.testing.assert_allclose(
        array(ops.cast(y, "float32")), expected, atol=0.005
    )


def test_configuration_is_complete():
    layer = LayerNormalization(epsilon=0.25, name="norm")
    copy = LayerNormalization.from_config(layer.get_config())
    assert copy.epsilon == 0.25 and copy.name == "norm"


@pytest.mark.parametrize("affine", [True, False])
def test_instances_are_normalized_over_the_axes_of_space(affine):
    x = np.random.default_rng(0).normal(200.0, 3.0, (4, 3, 5, 2))
    layer = InstanceNormalization(EPSILON, affine=affine)
    layer.build(x.shape)
    assert len(layer.weights) == 2 * affine
    deviation = np.sqrt(x.var(axis=(1, 2), keepdims=True) + EPSILON)
    expected = (x - x.mean(axis=(1, 2), keepdims=True)) / deviation
    if affine:
        layer.gamma.assign([0.5, 2.0])
        layer.beta.assign([-1.0, 1.0])
        expected = expected * [0.5, 2.0] + [-1.0, 1.0]
    # Of float32, whose rounding of 200 is 1e-5.
    found = array(layer(x.astype("float32")))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    again = InstanceNormalization.from_config(layer.get_config())
    assert (again.affine, again.epsilon) == (affine, EPSILON)
