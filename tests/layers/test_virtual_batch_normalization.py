"""Virtual batch normalization: by itself and by a reference batch."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen.layers import ReferenceBatch, VirtualBatchNormalization
from tests.numerics import array, gradient, tensor

SHAPES = {"vectors": (3,), "maps": (2, 4, 3)}
every_shape = pytest.mark.parametrize("kind", SHAPES)


def draw(kind, n, seed=0, mean=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(mean, 2.0, (n, *SHAPES[kind])).astype("float32")


def built(kind, random=False, **options):
    layer = VirtualBatchNormalization(**options)
    layer.build((None, *SHAPES[kind]), (None, *SHAPES[kind]))
    if random:
        rng = np.random.default_rng(1)
        layer.gamma.assign(rng.normal(size=3))
        layer.beta.assign(rng.normal(size=3))
    return layer


def apply(layer, x, reference):
    return tuple(map(array, layer(tensor(x), tensor(reference))))


def statistics(x):
    """Mean and mean square over all axes but the last."""
    axes = tuple(range(x.ndim - 1))
    return x.mean(axis=axes), (x**2).mean(axis=axes)


def normalized(layer, x, mean, square):
    std = np.sqrt(1e-5 + square - mean**2)
    return (x - mean) / std * array(layer.gamma) + array(layer.beta)


@every_shape
def test_against_numpy(kind):
    layer = built(kind, random=True)
    x, reference = draw(kind, 5), draw(kind, 4, seed=1, mean=1.5)
    found, found_reference = apply(layer, x, reference)
    of_reference = statistics(reference)
    np.testing.assert_allclose(
        found_reference,
        normalized(layer, reference, *of_reference),
        rtol=1e-4,
        atol=1e-4,
    )
    for row, example in zip(found, x, strict=True):
        joint = [
            own / 5 + 4 / 5 * theirs
            for own, theirs in zip(
                statistics(example[None]), of_reference, strict=True
            )
        ]
        np.testing.assert_allclose(
            row, normalized(layer, example, *joint), rtol=1e-4, atol=1e-4
        )


@every_shape
def test_examples_do_not_depend_on_each_other(kind):
    layer, reference = built(kind, random=True), draw(kind, 4, seed=1)
    x, other = draw(kind, 5), draw(kind, 5, seed=2, mean=3.0)
    other[2] = x[2]
    found, _ = apply(layer, x, reference)
    np.testing.assert_allclose(
        apply(layer, other, reference)[0][2], found[2], rtol=1e-5
    )
    np.testing.assert_allclose(
        apply(layer, x[2:3], reference)[0][0], found[2], rtol=1e-5
    )
    moved, _ = apply(layer, x, reference + 1.0)
    assert np.abs(moved - found).max() > 0.1


@every_shape
def test_a_large_reference_batch_leaves_its_statistics(kind):
    layer, x = built(kind), draw(kind, 3, mean=1.0)
    gaps = []
    for repeats in (1, 10, 1000):
        reference = draw(kind, 8, seed=1)
        reference = np.tile(reference, (repeats, *[1] * x[0].ndim))
        found, _ = apply(layer, x, reference)
        expected = normalized(layer, x, *statistics(reference))
        gaps.append(np.abs(found - expected).max())
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-2 < gaps[0]


@every_shape
def test_a_reference_of_copies_is_normalization_of_the_example(kind):
    layer, x = built(kind), draw(kind, 1, mean=1.0)
    copies = np.tile(x, (6, *[1] * (x.ndim - 1)))
    found, reference = apply(layer, x, copies)
    expected = normalized(layer, x, *statistics(x))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(reference[:1], found, rtol=1e-3, atol=1e-3)


def test_it_has_no_negative_variance_far_from_zero():
    """Where mean square less squared mean would be rounding alone."""
    layer = built("maps")
    x = draw("maps", 2) / 1e3 + 1e3
    found, reference = apply(layer, x, x[::-1])
    assert np.isfinite(found).all() and np.abs(found).max() < 5.0
    assert reference.std() == pytest.approx(0.5, abs=0.3)


def test_gradients_pass_through_the_reference():
    """Which comes from the same layers."""
    layer, x = built("maps"), draw("maps", 2)
    weights = tensor(draw("maps", 2, seed=5))
    found = gradient(
        lambda r: ops.sum(layer(tensor(x), r)[0] * weights),
        draw("maps", 3, seed=1),
    )
    assert np.abs(found).min(axis=(1, 2, 3)).max() > 1e-4


def test_config_and_weights():
    layer = VirtualBatchNormalization(
        1e-3, gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02)
    )
    twin = VirtualBatchNormalization.from_config(layer.get_config())
    assert twin.epsilon == 1e-3
    assert twin.gamma_initializer.mean == 1.0
    z = keras.Input((3,))
    reference = ReferenceBatch(4)
    network = keras.Model(z, twin(z, reference(z)))
    shapes = [tuple(x.shape) for x in network.outputs]
    assert shapes == [(None, 3), (4, 3)]
    assert len(network.trainable_variables) == 2
    rebuilt = keras.Model.from_config(network.get_config())
    rebuilt.set_weights(network.get_weights())
    x = tensor(draw("vectors", 5))
    for a, b in zip(network(x), rebuilt(x), strict=True):
        np.testing.assert_array_equal(array(a), array(b))


def test_the_reference_batch_stays():
    layer = ReferenceBatch(4)
    first = array(layer(tensor(draw("maps", 2))))
    assert first.shape == (4, 2, 4, 3)
    np.testing.assert_array_equal(array(layer(tensor(draw("maps", 7)))), first)
    assert not layer.trainable_variables and len(layer.weights) == 1
    layer.examples.assign(first + 1.0)
    np.testing.assert_array_equal(
        array(layer(tensor(draw("maps", 1)))), first + 1.0
    )
    with pytest.raises(ValueError, match="size=0"):
        ReferenceBatch(0)
