import numpy as np
import pytest
from scipy.ndimage import convolve
from scipy.stats import wasserstein_distance

from keras_gen.metrics.samples.sliced_wasserstein import (
    collapse_pyramid,
    extract_patches,
    laplacian_pyramid,
    normalize_patches,
    projected_wasserstein,
    sliced_wasserstein_distance,
)


def test_pyramid_is_that_of_the_paper():
    # By a convolution in two dimensions, each image and channel separately.
    binomial = np.array([1, 4, 6, 4, 1])
    kernel = np.outer(binomial, binomial)[None, :, :, None] / 256
    images = np.random.default_rng(0).uniform(size=(2, 32, 48, 3))
    smaller = convolve(images, kernel, mode="mirror")[:, ::2, ::2]
    spread = np.zeros_like(images)
    spread[:, ::2, ::2] = smaller
    difference = images - convolve(spread, 4 * kernel, mode="mirror")
    bands = laplacian_pyramid(images, 3)
    np.testing.assert_allclose(bands[0], difference, atol=1e-14)
    np.testing.assert_allclose(
        bands[2], convolve(smaller, kernel, mode="mirror")[:, ::2, ::2]
    )
    assert [band.shape[1:3] for band in bands] == [(32, 48), (16, 24), (8, 12)]


@pytest.mark.parametrize("shape", [(32, 32), (33, 30), (17, 40)])
def test_pyramid_loses_nothing(shape):
    images = np.random.default_rng(1).uniform(size=(2, *shape, 3))
    bands = laplacian_pyramid(images, 3)
    np.testing.assert_allclose(collapse_pyramid(bands), images, atol=1e-14)
    # What is smooth leaves nothing in the finer bands.
    bands = laplacian_pyramid(np.full((1, *shape, 1), 0.3), 3)
    np.testing.assert_allclose(bands[0], 0.0, atol=1e-15)
    np.testing.assert_allclose(bands[2], 0.3, rtol=1e-14)


def test_patches_are_cut_from_everywhere():
    # Each pixel tells where it is, each channel which it is.
    rows, columns, channels = np.indices((9, 10, 2))
    image = rows * 100.0 + columns + channels * 0.5
    images = np.stack([image, image + 1000.0])
    patches = extract_patches(images, 200, 7, seed=3)
    assert patches.shape == (400, 2, 7, 7)
    corners = patches[:, 0, 0, 0]
    assert np.all(corners[:200] < 1000) and np.all(corners[200:] >= 1000)
    # All 3 x 4 positions, the last ones too.
    assert len(np.unique(corners[:200])) == 12
    rows, columns = np.indices((7, 7))
    for channel in range(2):
        np.testing.assert_array_equal(
            patches[:, channel],
            corners[:, None, None] + rows * 100 + columns + 0.5 * channel,
        )
    again = extract_patches(images, 200, 7, seed=3)
    np.testing.assert_array_equal(patches, again)
    assert np.any(extract_patches(images, 200, 7, seed=4) != patches)


def test_normalization_is_per_channel():
    rng = np.random.default_rng(2)
    patches = rng.normal(size=(50, 3, 4, 4)) * [[[[2]], [[5]], [[0]]]] + 7.0
    flat = normalize_patches(patches)
    assert flat.shape == (50, 48)
    channels = flat.reshape(50, 3, 16)
    np.testing.assert_allclose(channels.mean(axis=(0, 2)), 0.0, atol=1e-13)
    np.testing.assert_allclose(channels[:, :2].std(axis=(0, 2)), 1.0)
    # The third channel is constant.
    assert np.all(channels[:, 2] == 0.0)
    one = patches[:, 0].reshape(50, 16)
    np.testing.assert_allclose(channels[:, 0], (one - one.mean()) / one.std())


def test_projection_of_equal_sets():
    a = np.random.default_rng(3).normal(size=(40, 6))
    assert projected_wasserstein(a, a) == 0.0
    assert projected_wasserstein(a, a[::-1]) == pytest.approx(0, abs=1e-15)


def test_projection_onto_a_line():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(40, 1)), rng.gamma(2.0, size=(40, 1))
    expected = wasserstein_distance(a.ravel(), b.ravel())
    assert projected_wasserstein(a, b) == pytest.approx(expected, rel=1e-12)


def test_projection_of_a_shifted_set():
    a = np.random.default_rng(5).normal(size=(40, 6))
    shift = np.array([3.0, 0, 0, 0, 0, 4.0])
    # 37 directions are more than are projected onto at a time.
    directions = np.random.default_rng(9).normal(size=(6, 37))
    directions /= np.linalg.norm(directions, axis=0)
    expected = np.abs(shift @ directions).mean()
    value = projected_wasserstein(a, a + shift, 37, seed=9)
    assert value == pytest.approx(expected, rel=1e-12)
    # In 6 dimensions E|a.d| = ||a|| Gamma(3) / (sqrt(pi) Gamma(3.5)).
    value = projected_wasserstein(a, a + shift, 20000)
    assert value == pytest.approx(5 * 0.339531, rel=0.02)


def test_projection_is_a_distance():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(2, 40, 6))
    value = projected_wasserstein(a, b)
    assert value == projected_wasserstein(b, a) > 0
    assert projected_wasserstein(3 * a, 3 * b) == pytest.approx(3 * value)


def test_equal_images_and_seeds():
    rng = np.random.default_rng(7)
    # More images than are taken at a time.
    real, fake = rng.uniform(size=(2, 70, 32, 32, 3))
    options = {"patches_per_image": 4, "num_directions": 20}
    same = sliced_wasserstein_distance(real, real, **options)
    assert same.average == 0.0
    assert same.resolutions == ((32, 32), (16, 16))
    distance = sliced_wasserstein_distance(real, fake, **options)
    assert min(distance.bands) > 0.0
    assert distance.average == pytest.approx(np.mean(distance.bands))
    assert distance == sliced_wasserstein_distance(real, fake, **options)
    assert distance != sliced_wasserstein_distance(
        real, fake, seed=1, **options
    )


def test_whole_by_its_parts():
    rng = np.random.default_rng(8)
    real, fake = rng.uniform(size=(2, 6, 32, 32, 3))
    fake[..., 0] **= 2
    distance = sliced_wasserstein_distance(
        real, fake, patches_per_image=5, num_directions=10, seed=4
    )
    for level in range(2):
        parts = [
            normalize_patches(
                extract_patches(
                    laplacian_pyramid(images, 2)[level], 5, 7, (4, level, 0)
                )
            )
            for images in (real, fake)
        ]
        expected = 1000 * projected_wasserstein(*parts, 10, seed=4)
        assert distance.bands[level] == pytest.approx(expected, rel=1e-9)


def test_finds_the_band_that_differs():
    rng = np.random.default_rng(9)
    real = rng.uniform(size=(60, 32, 32, 1))
    # In the fine band alone, neighbors in a row are made alike.
    bands = laplacian_pyramid(real, 2)
    fine = bands[0] + np.roll(bands[0], 1, axis=2)
    fake = collapse_pyramid([fine / np.sqrt(2), bands[1]])
    fake = np.clip(fake, -0.5, 1.5)
    distance = sliced_wasserstein_distance(
        real, fake, patches_per_image=20, num_directions=100
    )
    assert distance.bands[0] > 2 * distance.bands[1]


def test_blind_to_contrast_and_to_the_range():
    rng = np.random.default_rng(10)
    real, fake = rng.uniform(size=(2, 10, 16, 16, 1))
    options = {"patches_per_image": 5, "num_directions": 20}
    distance = sliced_wasserstein_distance(real, fake, **options).average
    for changed, value_range in (
        ((real, 0.2 + 0.5 * fake), None),
        ((2 * real - 1, 2 * fake - 1), (-1, 1)),
        ((real.repeat(3, -1), fake.repeat(3, -1)), None),
    ):
        other = sliced_wasserstein_distance(*changed, value_range, **options)
        assert other.average == pytest.approx(distance, rel=1e-9)
    assert len(other.bands) == 1


def test_refuses_what_cannot_be_compared():
    images = np.random.default_rng(11).uniform(size=(4, 16, 16, 3))
    with pytest.raises(
        ValueError, match="`real` and `fake` must have the same shape"
    ):
        sliced_wasserstein_distance(images, images[:3])
    with pytest.raises(ValueError, match="1 or 3 channels"):
        sliced_wasserstein_distance(images[..., :2], images[..., :2])
    with pytest.raises(ValueError, match="must not exceed.*patch_size=7"):
        sliced_wasserstein_distance(images[:, :6], images[:, :6])
    with pytest.raises(ValueError, match="NaN"):
        sliced_wasserstein_distance(images, np.full_like(images, np.nan))
    with pytest.raises(ValueError, match="num_directions=0"):
        projected_wasserstein([[1.0]], [[1.0]], 0)
    with pytest.raises(
        ValueError, match="`a` and `b` must have the same shape"
    ):
        projected_wasserstein([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="`b` must be finite"):
        projected_wasserstein([[1.0]], [[np.nan]])
    with pytest.raises(ValueError, match="patches_per_image=0"):
        extract_patches(images, 0)
    with pytest.raises(ValueError, match="num_levels=6"):
        laplacian_pyramid(images, 6)
    with pytest.raises(ValueError, match="images, height, width, channels"):
        laplacian_pyramid(images[0], 2)
