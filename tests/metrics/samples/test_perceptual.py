import numpy as np
import pytest

from keras_gen.metrics.samples.perceptual import (
    PerceptualDistance,
    load_linear_weights,
    pairwise_diversity,
    perceptual_distance,
    squared_pixel_distance,
)


def random_maps(rng, count=3):
    shapes = [(count, 4, 5, 6), (count, 2, 2, 3)]
    return [rng.normal(size=shape) for shape in shapes]


def brute_force(maps_a, maps_b, weights):
    """The distance of each pair, pixel by pixel."""
    result = np.zeros(len(maps_a[0]))
    for a, b, weight in zip(maps_a, maps_b, weights, strict=True):
        _, height, width, _ = a.shape
        for n in range(len(a)):
            for i in range(height):
                for j in range(width):
                    u = a[n, i, j] / np.linalg.norm(a[n, i, j])
                    v = b[n, i, j] / np.linalg.norm(b[n, i, j])
                    result[n] += weight @ (u - v) ** 2 / (height * width)
    return result


def test_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    a, b = random_maps(rng), random_maps(rng)
    weights = [rng.uniform(size=6), rng.uniform(size=3)]
    np.testing.assert_allclose(
        perceptual_distance(a, b, weights),
        brute_force(a, b, weights),
        rtol=1e-8,
    )
    np.testing.assert_allclose(
        perceptual_distance(a, b),
        brute_force(a, b, [np.ones(6), np.ones(3)]),
        rtol=1e-8,
    )


def test_orthogonal_and_opposite_features():
    a = [np.array([1.0, 0.0]).reshape(1, 1, 1, 2)]
    b = [np.array([0.0, 3.0]).reshape(1, 1, 1, 2)]
    np.testing.assert_allclose(perceptual_distance(a, b), [2.0], rtol=1e-9)
    np.testing.assert_allclose(
        perceptual_distance(a, [-7 * a[0]]), [4.0], rtol=1e-9
    )
    # No features at all are at the origin, and nothing is divided by 0.
    zero = [np.zeros((1, 1, 1, 2))]
    np.testing.assert_allclose(perceptual_distance(a, zero), [1.0], rtol=1e-9)
    assert perceptual_distance(zero, zero)[0] == 0.0


def test_properties_of_a_distance():
    rng = np.random.default_rng(1)
    a, b = random_maps(rng), random_maps(rng)
    value = perceptual_distance(a, b)
    assert np.all(value > 0)
    np.testing.assert_array_equal(perceptual_distance(b, a), value)
    np.testing.assert_array_equal(perceptual_distance(a, a), 0.0)
    # The scale of a layer does not matter.
    scaled = [5.0 * b[0], b[1]]
    np.testing.assert_allclose(perceptual_distance(a, scaled), value, rtol=1e-9)


def test_weights_from_a_file(tmp_path):
    rng = np.random.default_rng(2)
    a, b = random_maps(rng), random_maps(rng)
    weights = [rng.uniform(size=6), rng.uniform(size=3)]
    path = tmp_path / "weights.npz"
    # As the kernels of 1x1 convolutions, in another order.
    np.savez(
        path,
        layer_1=weights[1].reshape(1, 1, 3, 1),
        layer_0=weights[0].reshape(1, 6, 1, 1),
    )
    loaded = load_linear_weights(path)
    assert [layer.shape for layer in loaded] == [(6,), (3,)]
    np.testing.assert_array_equal(
        perceptual_distance(a, b, loaded), perceptual_distance(a, b, weights)
    )
    np.savez(path, layer_0=[1.0, -0.1])
    with pytest.raises(ValueError, match=r"weights\[0\]` must be >= 0.*-0\.1"):
        load_linear_weights(path)
    np.savez(path, layer_1=[1.0])
    with pytest.raises(
        ValueError, match="layer_0, layer_1.*Received: .'layer_1'"
    ):
        load_linear_weights(path)
    np.savez(path, layer_0=[np.nan])
    with pytest.raises(ValueError, match="NaN"):
        load_linear_weights(path)


def test_squared_pixel_distance():
    a, b = np.zeros((2, 2, 2, 1)), np.ones((2, 2, 2, 1))
    b[1] *= 3
    np.testing.assert_array_equal(squared_pixel_distance(a, b), [4.0, 36.0])
    with pytest.raises(ValueError, match="must have the same shape"):
        squared_pixel_distance(a, b[:1])


def test_pairwise_diversity():
    # Three outputs of two inputs; consecutive ones differ by 1 and 2, and by
    # 0 and 4, in each of 4 pixels.
    levels = np.array([[0.0, 1.0, 3.0], [5.0, 5.0, 1.0]])
    samples = np.broadcast_to(levels[..., None, None], (2, 3, 2, 2))
    diversity = pairwise_diversity(samples, squared_pixel_distance)
    np.testing.assert_allclose(diversity.per_input, [4 * 2.5, 4 * 8.0])
    assert diversity.mean == pytest.approx(21.0)
    # Half the difference of 10 and 32.
    assert diversity.standard_error == pytest.approx(11.0)
    collapsed = np.repeat(samples[:, :1], 3, axis=1)
    assert pairwise_diversity(collapsed, squared_pixel_distance).mean == 0.0
    alone = pairwise_diversity(samples[:1], squared_pixel_distance)
    assert alone.mean == pytest.approx(10.0) and np.isnan(alone.standard_error)


def test_refuses_what_has_no_distance():
    rng = np.random.default_rng(4)
    a, b = random_maps(rng), random_maps(rng)
    samples = rng.uniform(size=(2, 3, 4, 4, 1))
    bad = [a[0], np.full_like(a[1], np.nan)]
    with pytest.raises(ValueError, match="2 and 1 layers"):
        perceptual_distance(a, b[:1])
    with pytest.raises(ValueError, match="0 and 0 layers"):
        perceptual_distance([], [])
    with pytest.raises(ValueError, match="weights for 1 layers"):
        perceptual_distance(a, b, [np.ones(6)])
    with pytest.raises(
        ValueError, match="Received: 6 weights .* for 3 channels"
    ):
        perceptual_distance(a, b, [np.ones(6), np.ones(6)])
    with pytest.raises(ValueError, match="3 weights from -1"):
        perceptual_distance(a, b, [np.ones(6), -np.ones(3)])
    with pytest.raises(ValueError, match=r"`maps_b\[1\]` must be finite"):
        perceptual_distance(a, bad)
    with pytest.raises(ValueError, match="layer 0 must have the same shape"):
        perceptual_distance(a, [layer[:2] for layer in b])
    with pytest.raises(ValueError, match="object, without `feature_maps`"):
        PerceptualDistance(object())
    with pytest.raises(ValueError, match="at least 2 outputs"):
        pairwise_diversity(samples[:, :1], squared_pixel_distance)
    with pytest.raises(ValueError, match="Received: 1 values for 2 pairs"):
        pairwise_diversity(samples, lambda a, b: [1.0])
    with pytest.raises(ValueError, match="`distances` must be finite"):
        pairwise_diversity(samples, lambda a, b: np.full(len(a), np.nan))
