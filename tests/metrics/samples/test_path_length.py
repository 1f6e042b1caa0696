import numpy as np
import pytest

from keras_gen.metrics.samples.path_length import (
    lerp,
    perceptual_path_length,
    slerp,
)
from keras_gen.metrics.samples.perceptual import squared_pixel_distance

MATRIX = np.random.default_rng(0).normal(size=(4, 6))


def linear(latents):
    return latents @ MATRIX


def normal_latents(num, seed):
    return np.random.default_rng(seed).normal(size=(num, 4))


def path_length(generator=linear, latents=normal_latents, **options):
    return perceptual_path_length(
        generator,
        latents,
        squared_pixel_distance,
        **{"num_samples": 400, "batch_size": 64, **options},
    )


def test_constant_generator():
    result = path_length(lambda latents: np.ones((len(latents), 3)))
    assert result.mean == result.std == 0.0


@pytest.mark.parametrize("sampling", ["full", "end"])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-1])
def test_linear_generator(sampling, epsilon):
    drawn = []

    def latents(num, seed):
        drawn.append(normal_latents(num, seed))
        return drawn[-1]

    result = path_length(
        latents=latents, sampling=sampling, epsilon=epsilon, trim=0.0
    )
    # Wherever on the path and however long the step: ||J (b - a)||^2.
    a, b = np.concatenate(drawn[::2]), np.concatenate(drawn[1::2])
    assert len(a) == len(b) == 400
    expected = np.square((b - a) @ MATRIX).sum(axis=1)
    np.testing.assert_allclose(result.lengths, expected, rtol=1e-7)
    assert result.mean == pytest.approx(expected.mean())
    assert result.std == pytest.approx(expected.std())
    assert result.num_kept == 400
    # Both ends are drawn independently for every batch.
    assert len(np.unique(np.concatenate([a, b])[:, 0])) == 800


def test_scale_of_the_images_counts_twice():
    mean = path_length().mean
    tripled = path_length(lambda latents: 3.0 * linear(latents))
    assert tripled.mean == pytest.approx(9.0 * mean)


def test_arcs():
    ends = []

    def latents(num, seed):
        ends.append(normal_latents(num, seed))
        return ends[-1]

    # On the unit sphere the speed is the angle, everywhere.
    result = path_length(
        lambda z: z,
        latents,
        interpolation="slerp",
        keep_norms=False,
        trim=0.0,
    )
    a, b = np.concatenate(ends[::2]), np.concatenate(ends[1::2])
    norm_a, norm_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    angle = np.arccos((a * b).sum(axis=1) / norm_a / norm_b)
    np.testing.assert_allclose(result.lengths, angle**2, rtol=1e-6)
    # With the norms: at its beginning a path has the speed of the angle
    # times the norm, and across it the change of the norm.
    result = path_length(
        lambda z: z,
        normal_latents,
        interpolation="slerp",
        sampling="end",
        epsilon=1e-6,
        trim=0.0,
    )
    expected = (angle * norm_a) ** 2 + (norm_b - norm_a) ** 2
    np.testing.assert_allclose(result.lengths, expected, rtol=1e-4)


def test_positions_on_the_path():
    seen = []

    def generator(latents):
        seen.append(latents[:, 0])
        return latents

    def latents(num, seed):
        # From 0 to 1, so that a latent is its position.
        latents.calls += 1
        return np.full((num, 1), float(latents.calls % 2 == 0))

    latents.calls = 0
    path_length(generator, latents, epsilon=1e-3)
    start, end = np.concatenate(seen[::2]), np.concatenate(seen[1::2])
    np.testing.assert_allclose(end - start, 1e-3, rtol=1e-9)
    assert 0 <= start.min() < 0.02 and 0.98 < start.max() < 1
    # Uniform: mean 1/2, with an error of sqrt(1 / 12 / 400).
    assert abs(start.mean() - 0.5) < 3 * 0.0145
    seen.clear()
    path_length(generator, latents, sampling="end")
    assert np.concatenate(seen[::2]).max() == 0.0


def test_extremes_are_left_out():
    def outlying(latents):
        # A leap that few of the paths meet.
        return np.where(latents > 2.9, 1e6, latents)

    result = path_length(outlying, sampling="end", num_samples=1000, trim=0.02)
    lengths = np.sort(result.lengths)
    # Of 1,000 lengths the 20 smallest and largest, up to the rounding of
    # their places.
    assert 959 <= result.num_kept <= 963
    first = (1000 - result.num_kept) // 2
    kept = lengths[first : first + result.num_kept]
    assert result.mean == pytest.approx(kept.mean())
    plain = path_length(sampling="end", num_samples=1000, trim=0.0)
    assert plain.num_kept == 1000


def test_seeds():
    assert path_length(seed=1).mean == path_length(seed=1).mean
    assert path_length(seed=1).mean != path_length(seed=2).mean


def test_lerp():
    points = lerp(
        [[0.0, 0.0], [1.0, 1.0]], [[2.0, 4.0], [3.0, 1.0]], [0.5, 0.25]
    )
    np.testing.assert_allclose(points, [[1.0, 2.0], [1.5, 1.0]])


def test_slerp_on_the_sphere():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 50, 2, 3))
    unit_a, unit_b = (
        x / np.linalg.norm(x, axis=(1, 2), keepdims=True) for x in (a, b)
    )
    start = slerp(a, b, np.zeros(50), keep_norms=False)
    np.testing.assert_allclose(start, unit_a, atol=1e-15)
    end = slerp(a, b, np.ones(50), keep_norms=False)
    np.testing.assert_allclose(end, unit_b, atol=1e-14)
    whole = np.arccos((unit_a * unit_b).sum(axis=(1, 2)))
    t = rng.uniform(size=50)
    points = slerp(a, b, t, keep_norms=False)
    np.testing.assert_allclose(np.linalg.norm(points, axis=(1, 2)), 1.0)
    # The angle to the start grows with t, that to the end shrinks with it.
    for end, fraction in ((unit_a, t), (unit_b, 1 - t)):
        angle = np.arccos((end * points).sum(axis=(1, 2)))
        np.testing.assert_allclose(angle, fraction * whole, rtol=1e-6)


def test_slerp_keeps_norms():
    a, b = np.array([[2.0, 0.0]]), np.array([[0.0, 6.0]])
    points = slerp(a, b, [0.5])
    np.testing.assert_allclose(points, 4.0 * np.sqrt([[0.5, 0.5]]))
    np.testing.assert_allclose(slerp(a, b, [0.0]), a, atol=1e-15)
    np.testing.assert_allclose(slerp(a, b, [1.0]), b, atol=1e-15)
    # Equal directions: a straight line.
    np.testing.assert_allclose(slerp(a, 3 * a, [0.5]), 2 * a)
    # A tiny angle, which the arc cosine would round to 0.
    near = np.array([[2.0, 2e-9]])
    np.testing.assert_allclose(slerp(a, near, [0.5])[0, 1], 1e-9, rtol=1e-6)


def test_refuses_what_is_no_path():
    with pytest.raises(ValueError, match="`interpolation` must be one of"):
        path_length(interpolation="cubic")
    with pytest.raises(ValueError, match="`sampling` must be one of"):
        path_length(sampling="half")
    for options in (
        {"epsilon": 0.0},
        {"num_samples": 0},
        {"batch_size": 0},
        {"trim": 0.5},
    ):
        with pytest.raises(ValueError, match="Received: num_samples"):
            path_length(**options)
    with pytest.raises(
        ValueError, match=r"shape \(64, dim\)\. Received: .*\(3, 4\)"
    ):
        path_length(latents=lambda num, seed: np.zeros((3, 4)))
    with pytest.raises(ValueError, match="`distances` must be finite"):
        path_length(lambda latents: np.full((len(latents), 2), np.nan))
    with pytest.raises(ValueError, match="not be 0.*norms from 0"):
        slerp([[0.0, 0.0]], [[1.0, 0.0]], [0.5])
    with pytest.raises(ValueError, match="Received: 1 dimensions"):
        slerp([[1.0]], [[2.0]], [0.5])
    with pytest.raises(ValueError, match="opposite"):
        slerp([[1.0, 0.5]], [[-2.0, -1.0]], [0.5])
    with pytest.raises(ValueError, match="2 positions for 1 pairs"):
        lerp([[1.0, 0.5]], [[-2.0, -1.0]], [0.5, 0.5])
    with pytest.raises(ValueError, match="must have the same shape"):
        lerp([[1.0, 0.5]], [[-2.0]], [0.5])
    with pytest.raises(ValueError, match="`end` must be finite"):
        lerp([[1.0]], [[np.nan]], [0.5])
