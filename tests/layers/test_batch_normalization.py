from functools import partial

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import backend
from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
)
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    gradient,
    loss_and_gradients,
    tensor,
)

# Larger than the default, so that forgetting it shows.
EPSILON = 0.1


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    return rng.normal(2.0, 3.0, (6, 4, 3, 5)).astype("float32")


def layer_like(x, **options):
    """A layer with a scale and an offset that are not the initial ones."""
    layer = BatchNormalization(epsilon=EPSILON, **options)
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(1.0, 0.5, weight.shape))
    return layer


def normalized(x, mean, variance, gamma=1.0, beta=0.0):
    return (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta


def moments(x):
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


@pytest.mark.parametrize("axes", [1, 3])
def test_training_takes_the_moments_of_the_batch(x, axes):
    x = x if axes == 3 else x[:, 0, 0]
    layer = layer_like(x)
    expected = normalized(x, *moments(x), array(layer.gamma), array(layer.beta))
    y = array(layer(x, training=True))
    np.testing.assert_allclose(y, expected, atol=2e-5)


def test_moving_statistics_are_weighted_by_the_momentum(x):
    layer = layer_like(x, momentum=0.7)
    mean, variance = np.zeros(5), np.ones(5)
    for batch in (x, 2 * x + 1):
        layer(batch, training=True)
        batch_mean, batch_variance = moments(batch)
        mean = 0.7 * mean + 0.3 * batch_mean
        variance = 0.7 * variance + 0.3 * batch_variance
    np.testing.assert_allclose(array(layer.moving_mean), mean, rtol=1e-5)
    np.testing.assert_allclose(
        array(layer.moving_variance), variance, rtol=1e-5
    )


def test_a_frozen_layer_runs_in_inference_mode(x):
    """As that of Keras does."""
    layer = layer_like(x)
    expected = array(layer(x))
    layer.trainable = False
    np.testing.assert_array_equal(array(layer(x, training=True)), expected)
    np.testing.assert_array_equal(array(layer.moving_mean), np.zeros(5))
    layer.trainable = True
    layer(x, training=True)
    assert np.any(array(layer.moving_mean))


def test_inference_takes_the_moving_statistics_and_leaves_them(x):
    layer = layer_like(x)
    layer.moving_mean.assign(np.arange(5.0))
    layer.moving_variance.assign(np.arange(1.0, 6.0))
    expected = normalized(
        x,
        np.arange(5.0),
        np.arange(1.0, 6.0),
        array(layer.gamma),
        array(layer.beta),
    )
    np.testing.assert_allclose(array(layer(x)), expected, atol=2e-5)
    np.testing.assert_array_equal(array(layer.moving_mean), np.arange(5.0))
    np.testing.assert_array_equal(
        array(layer.moving_variance), np.arange(1.0, 6.0)
    )
    alone = array(layer(x[:1]))
    np.testing.assert_allclose(alone, expected[:1], atol=2e-5)


def test_defaults_are_those_of_the_official_codes(x):
    layer = BatchNormalization()
    # PyTorch's momentum of 0.1 and epsilon of 1e-5.
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    layer(np.full((2, 3), 4.0, "float32"), training=True)
    np.testing.assert_allclose(array(layer.moving_mean), 0.4, rtol=1e-6)
    np.testing.assert_allclose(array(layer.moving_variance), 0.9, rtol=1e-6)


@pytest.mark.parametrize(
    "layer", [BatchNormalization, partial(ConditionalBatchNormalization, 3)]
)
@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_momentum_is_that_of_an_average(layer, momentum):
    with pytest.raises(ValueError, match=f"below 1.*momentum={momentum}"):
        layer(momentum=momentum)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_scale_and_offset_can_be_left_out(x, center, scale):
    layer = layer_like(x, center=center, scale=scale)
    assert len(layer.trainable_weights) == center + scale
    gamma = array(layer.gamma) if scale else 1.0
    beta = array(layer.beta) if center else 0.0
    y = array(layer(x, training=True))
    expected = normalized(x, *moments(x), gamma, beta)
    np.testing.assert_allclose(y, expected, atol=2e-5)


def test_second_derivatives_match_finite_differences():
    with double_precision():
        rng = np.random.default_rng(0)
        x = rng.normal(size=(4, 3))
        weights = rng.normal(size=(4, 3))
        layer = layer_like(x)
        parameters = [array(v) for v in (layer.gamma, layer.beta)]

        def score(x):
            return ops.sum(tensor(weights) * layer(x, training=True) ** 3)

        def reference(x):
            y = normalized(x, *moments(x), *parameters)
            return np.sum(weights * y**3)

        def penalty(x):
            return ops.sum(backend.gradient(score, x) ** 2)

        first = gradient(score, x)
        np.testing.assert_allclose(
            first, difference_quotients(reference, x), rtol=1e-6, atol=1e-8
        )
        np.testing.assert_allclose(
            gradient(penalty, x),
            difference_quotients(lambda x: array(penalty(tensor(x))), x),
            rtol=1e-5,
            atol=1e-6,
        )

        # A penalty trains the parameters: second derivatives, mixed.
        def penalty_at(gamma):
            layer.gamma.assign(gamma)
            return array(penalty(tensor(x)))

        _, (by_gamma,) = loss_and_gradients(
            lambda: penalty(tensor(x)), [layer.gamma]
        )
        np.testing.assert_allclose(
            by_gamma,
            difference_quotients(penalty_at, parameters[0]),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_kernels_of_single_precision_have_the_same_derivatives(rank, scaled):
    rng = np.random.default_rng(0)
    x = rng.normal(1.0, 2.0, (6, 4, 3, 5)[: rank - 1] + (5,))
    weights = rng.normal(size=x.shape)

    def derivatives():
        layer = layer_like(x, scale=scaled, center=scaled)

        def score(x):
            return ops.sum(tensor(weights) * layer(x, training=True) ** 3)

        def penalty(x):
            return ops.sum(backend.gradient(score, x) ** 2)

        found = [gradient(score, x), gradient(penalty, x)]
        for fn in (score, penalty) if scaled else ():
            found += loss_and_gradients(
                lambda fn=fn: fn(tensor(x)), layer.trainable_variables
            )[1]
        return found

    single = derivatives()
    with double_precision():
        double = derivatives()
    for a, b in zip(single, double, strict=True):
        assert a.dtype == "float32"
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * abs(b).max())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_for_the_outputs_alone(x, policy):
    # The squares of these inputs are beyond the largest float16, 65504.
    x = 300.0 * x
    full = BatchNormalization()
    half = BatchNormalization(dtype=policy)
    expected = array(full(x, training=True))
    y = half(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == policy[6:]
    # Both inputs and outputs are rounded, to 11 or to 8 bits.
    tolerance = 0.005 if policy == "mixed_float16" else 0.05
    np.testing.assert_allclose(
        array(ops.cast(y, "float32")), expected, atol=tolerance
    )
    assert half.moving_variance.dtype == "float32"
    np.testing.assert_allclose(
        array(half.moving_variance), array(full.moving_variance), rtol=0.01
    )


def test_configuration_is_complete(x):
    layer = layer_like(
        x,
        momentum=0.5,
        center=False,
        gamma_initializer=keras.initializers.Constant(3.0),
    )
    copy = BatchNormalization.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    copy.build(x.shape)
    np.testing.assert_array_equal(array(copy.gamma), 3.0)
    assert not copy.center and copy.momentum == 0.5


# ---- By class ---------------------------------------------------------------


def test_equal_rows_are_plain_batch_normalization(x):
    plain = layer_like(x)
    by_class = ConditionalBatchNormalization(3, epsilon=EPSILON)
    labels = np.array([0, 2, 1, 1, 0, 2])
    by_class.build(x.shape, labels.shape)
    by_class.gamma.assign(np.tile(array(plain.gamma), (3, 1)))
    by_class.beta.assign(np.tile(array(plain.beta), (3, 1)))
    for training in (True, False):
        np.testing.assert_allclose(
            array(by_class(x, labels, training=training)),
            array(plain(x, training=training)),
            atol=1e-5,
        )
    np.testing.assert_allclose(
        array(by_class.normalization.moving_mean), array(plain.moving_mean)
    )


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_each_example_has_the_row_of_its_label(x, shape):
    layer = ConditionalBatchNormalization(3, epsilon=EPSILON)
    labels = np.array([0, 2, 1, 1, 0, 2])
    layer.build(x.shape, labels.shape)
    np.testing.assert_array_equal(array(layer.gamma), np.ones((3, 5)))
    np.testing.assert_array_equal(array(layer.beta), np.zeros((3, 5)))
    rng = np.random.default_rng(2)
    gamma, beta = rng.normal(size=(2, 3, 5)).astype("float32")
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    y = array(layer(x, labels.reshape(shape), training=True))
    expected = normalized(
        x,
        *moments(x),
        gamma[labels][:, None, None],
        beta[labels][:, None, None],
    )
    np.testing.assert_allclose(y, expected, atol=2e-5)


def test_without_moving_statistics():
    """Of the batch in training, of each example in inference."""
    layer = BatchNormalization(moving_statistics=False)
    x = np.random.default_rng(0).normal(2.0, 3.0, (4, 3, 5, 2))
    x = x.astype("float32")
    layer.build(x.shape)
    assert [v.path.split("/")[-1] for v in layer.weights] == ["gamma", "beta"]
    layer.gamma.assign([0.5, 2.0])
    layer.beta.assign([-1.0, 1.0])
    for training, axes in ((True, (0, 1, 2)), (False, (1, 2))):
        mean = x.mean(axis=axes, keepdims=True)
        deviation = np.sqrt(x.var(axis=axes, keepdims=True) + 1e-5)
        expected = (x - mean) / deviation * [0.5, 2.0] + [-1.0, 1.0]
        found = array(layer(x, training=training))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    again = BatchNormalization.from_config(layer.get_config())
    assert not again.moving_statistics
    with pytest.raises(ValueError, match=r"axes of space.*\(None, 2\)"):
        again.build((None, 2))
