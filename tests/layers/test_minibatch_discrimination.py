"""Minibatch discrimination: who is similar to whom."""

import keras
import numpy as np
import pytest

from keras_gen.layers import MinibatchDiscrimination, minibatch_discrimination
from tests.numerics import array, gradient, tensor

FEATURES, KERNELS, DIMS = 4, 3, 2


def built(random_bias=False, **options):
    layer = MinibatchDiscrimination(KERNELS, DIMS, **options)
    layer.build((None, FEATURES))
    rng = np.random.default_rng(1)
    layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    layer.log_scale.assign(rng.normal(0.0, 0.5, layer.log_scale.shape))
    if random_bias:
        layer.bias.assign(rng.normal(size=KERNELS))
    return layer


def inputs(n=6):
    return np.random.default_rng(0).normal(size=(n, FEATURES)).astype("float32")


def expected(layer, x, include_self):
    """The sums, pair by pair."""
    kernel, scale = array(layer.kernel), np.exp(array(layer.log_scale))
    outputs = np.zeros((len(x), KERNELS))
    for b in range(KERNELS):
        t = np.stack(
            [
                scale[b, c] * kernel[:, b, c] / np.linalg.norm(kernel[:, b, c])
                for c in range(DIMS)
            ],
            axis=1,
        )
        m = x @ t
        for i in range(len(x)):
            for j in range(len(x)):
                if i != j or include_self:
                    distance = np.abs(m[i] - m[j]).sum()
                    outputs[i, b] += np.exp(-distance)
    return outputs + array(layer.bias)


@pytest.mark.parametrize("include_self", [False, True])
def test_against_numpy(include_self):
    layer, x = built(True, include_self=include_self), inputs()
    found = array(layer(tensor(x)))
    assert found.shape == (6, KERNELS)
    np.testing.assert_allclose(found, expected(layer, x, include_self), 1e-4)


@pytest.mark.parametrize(("include_self", "own"), [(False, 0.0), (True, 1.0)])
def test_identical_and_distant_examples(include_self, own):
    layer = built(include_self=include_self)
    same = np.tile(inputs(1), (5, 1))
    np.testing.assert_allclose(array(layer(tensor(same))), 4 + own, rtol=1e-5)
    far = 1e4 * np.arange(1, 6)[:, None] * inputs(1)
    np.testing.assert_allclose(array(layer(tensor(far))), own, atol=1e-6)
    one = array(layer(tensor(inputs(1))))
    np.testing.assert_allclose(one, own, atol=1e-6)


def test_examples_may_come_in_any_order():
    layer, x = built(True), inputs()
    order = np.random.default_rng(2).permutation(6)
    np.testing.assert_allclose(
        array(layer(tensor(x[order]))), array(layer(tensor(x)))[order], 1e-5
    )


def test_gradients_reach_the_others():
    layer, x = built(), inputs()
    found = gradient(lambda x: layer(x)[:1], x)
    assert np.abs(found).max(axis=1).min() > 1e-4
    # What moves all examples together changes nothing.
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-5)


def test_directions_have_no_length():
    layer, x = built(), tensor(inputs())
    before = array(layer(x))
    layer.kernel.assign(5.0 * layer.kernel)
    np.testing.assert_allclose(array(layer(x)), before, rtol=1e-4)
    layer.log_scale.assign(layer.log_scale + 1.0)
    assert array(layer(x)).max() < before.max()


def test_the_batch_is_that_of_all_workers(monkeypatch):
    """The second of two workers, which has the last three examples."""
    layer, x = built(True), inputs()
    whole = array(layer(tensor(x)))
    kernel, scale = array(layer.kernel), np.exp(array(layer.log_scale))
    kernel = kernel * scale / np.sqrt((kernel**2).sum(axis=0))
    every = np.tensordot(x, kernel, 1)
    monkeypatch.setattr(
        minibatch_discrimination, "gather", lambda own: tensor(every)
    )
    monkeypatch.setattr(minibatch_discrimination, "replica", lambda: (1, 2))
    found = array(layer(tensor(x[3:])))
    np.testing.assert_allclose(found, whole[3:], rtol=1e-4)


@pytest.mark.parametrize("include_self", [False, True])
def test_data_dependent_initialization(include_self):
    """The nearest others are at 2 on average, the outputs at 0."""
    layer, x = built(True, include_self=include_self), tensor(inputs(20))
    layer.initialize_from(x)
    distances, same = map(array, layer.distances(x))
    assert np.all(same[..., 0] == np.eye(20))
    distances[np.arange(20), np.arange(20)] = np.inf
    nearest = distances.min(axis=1).mean(axis=0)
    np.testing.assert_allclose(nearest, 2.0, rtol=1e-4)
    outputs = array(layer(x))
    np.testing.assert_allclose(outputs.mean(axis=0), 0.0, atol=1e-5)
    assert outputs.std(axis=0).min() > 1e-3


def test_config_and_weights():
    layer = MinibatchDiscrimination(
        KERNELS,
        DIMS,
        True,
        keras.initializers.RandomNormal(stddev=0.2),
        keras.initializers.Constant(-1.0),
    )
    twin = MinibatchDiscrimination.from_config(layer.get_config())
    assert (twin.kernels, twin.dims, twin.include_self) == (3, 2, True)
    assert twin.kernel_initializer.stddev == 0.2
    twin.build((None, FEATURES))
    np.testing.assert_array_equal(array(twin.bias), -1.0)
    np.testing.assert_array_equal(array(twin.log_scale), 0.0)
    assert tuple(twin.kernel.shape) == (FEATURES, KERNELS, DIMS)
    assert len(twin.trainable_variables) == 3
    assert twin.compute_output_shape((None, FEATURES)) == (None, KERNELS)
    layer.build((None, FEATURES))
    twin.set_weights(layer.get_weights())
    x = tensor(inputs())
    np.testing.assert_array_equal(array(twin(x)), array(layer(x)))


def test_wrong_arguments():
    for options in ({"kernels": 0}, {"kernels": 2, "dims": 0}):
        with pytest.raises(ValueError, match="must be above 0"):
            MinibatchDiscrimination(**options)
