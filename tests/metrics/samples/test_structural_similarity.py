import numpy as np
import pytest

from keras_gen.metrics.samples.structural_similarity import (
    MS_SSIM_WEIGHTS,
    class_ms_ssim_diversity,
    ms_ssim,
    ms_ssim_diversity,
    ssim,
)


def smooth_images(rng, shape):
    """Random images with structure at several scales, in [0, 1]."""
    images = rng.uniform(size=shape)
    for axis in (1, 2):
        images = np.cumsum(images - images.mean(axis, keepdims=True), axis)
    low = images.min(axis=(1, 2, 3), keepdims=True)
    return (images - low) / np.ptp(images, axis=(1, 2, 3), keepdims=True)


def brute_force_ssim(a, b, size=11, sigma=1.5):
    """SSIM of two gray images in [0, 1], window by window."""
    offsets = np.arange(size) - (size - 1) / 2
    window = np.exp(
        -(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * sigma**2)
    )
    window /= window.sum()
    values = []
    for i in range(a.shape[0] - size + 1):
        for j in range(a.shape[1] - size + 1):
            x, y = a[i : i + size, j : j + size], b[i : i + size, j : j + size]
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (
                (window * (x - mx) ** 2).sum(),
                (window * (y - my) ** 2).sum(),
            )
            cov = (window * (x - mx) * (y - my)).sum()
            values.append(
                (2 * mx * my + 1e-4)
                / (mx**2 + my**2 + 1e-4)
                * (2 * cov + 9e-4)
                / (vx + vy + 9e-4)
            )
    return np.mean(values)


def test_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    a, b = smooth_images(rng, (2, 16, 14, 2)), rng.uniform(size=(2, 16, 14, 2))
    expected = [
        np.mean([brute_force_ssim(x[..., c], y[..., c]) for c in range(2)])
        for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(ssim(a, b), expected, rtol=1e-10)


def test_window_shrinks_with_the_image():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(size=(2, 1, 8, 9, 1))
    expected = brute_force_ssim(a[0, ..., 0], b[0, ..., 0], 8, 1.5 * 8 / 11)
    np.testing.assert_allclose(ssim(a, b), [expected], rtol=1e-10)


@pytest.mark.parametrize("function", [ssim, ms_ssim])
def test_equal_images(function):
    images = np.random.default_rng(2).uniform(size=(3, 28, 28, 3))
    np.testing.assert_allclose(function(images, images), 1.0, rtol=1e-12)
    gray = np.full((1, 28, 28, 1), 0.3)
    np.testing.assert_allclose(function(gray, gray), 1.0, rtol=1e-12)


@pytest.mark.parametrize("function", [ssim, ms_ssim])
def test_symmetric_and_of_any_value_range(function):
    rng = np.random.default_rng(3)
    a, b = (
        smooth_images(rng, (4, 32, 32, 3)),
        smooth_images(rng, (4, 32, 32, 3)),
    )
    values = function(a, b)
    np.testing.assert_allclose(function(b, a), values, rtol=1e-12)
    np.testing.assert_allclose(
        function(2 * a - 1, 2 * b - 1, (-1, 1)), values, rtol=1e-10
    )
    bytes_a = np.round(255 * a).astype("uint8")
    bytes_b = np.round(255 * b).astype("uint8")
    np.testing.assert_allclose(
        function(bytes_a, bytes_b), function(bytes_a / 255, bytes_b / 255)
    )


def test_brightness_changes_the_luminance_alone():
    rng = np.random.default_rng(4)
    image = 0.2 + 0.1 * smooth_images(rng, (1, 24, 24, 1))
    brighter = image + 0.3
    # With the contrast and structure equal, what is left is `l`; the means
    # under the window differ by 0.3 everywhere.
    lowest = (2 * 0.2 * 0.5 + 1e-4) / (0.2**2 + 0.5**2 + 1e-4)
    highest = (2 * 0.3 * 0.6 + 1e-4) / (0.3**2 + 0.6**2 + 1e-4)
    assert lowest < ssim(image, brighter)[0] < highest
    # `l` enters the coarsest scale alone.
    last = MS_SSIM_WEIGHTS[2] / sum(MS_SSIM_WEIGHTS[:3])
    assert lowest**last < ms_ssim(image, brighter)[0] < highest**last


def test_constant_images():
    # Without contrast `cs` is 1 at every scale.
    black, gray = np.zeros((1, 28, 28, 1)), np.full((1, 28, 28, 1), 0.5)
    luminance = 1e-4 / (0.25 + 1e-4)
    np.testing.assert_allclose(ssim(black, gray), [luminance], rtol=1e-9)
    last = MS_SSIM_WEIGHTS[2] / sum(MS_SSIM_WEIGHTS[:3])
    np.testing.assert_allclose(
        ms_ssim(black, gray), [luminance**last], rtol=1e-9
    )


def test_noise_of_full_size():
    rng = np.random.default_rng(5)
    a, b = rng.uniform(size=(2, 1, 256, 256, 1))
    assert abs(ssim(a, b)[0]) < 0.02
    # Five scales: the coarse ones have little contrast and are alike.
    assert 0.02 < ms_ssim(a, b)[0] < 0.15


def test_negative_structure_counts_as_none():
    # A fine checkerboard and its negative: no power of a negative mean.
    board = (np.indices((28, 28)).sum(axis=0) % 2)[None, ..., None] * 1.0
    assert ssim(board, 1 - board)[0] < -0.9
    assert ms_ssim(board, 1 - board)[0] == 0.0


def test_single_scale_and_chosen_weights():
    rng = np.random.default_rng(6)
    a, b = (
        smooth_images(rng, (3, 30, 31, 1)),
        smooth_images(rng, (3, 30, 31, 1)),
    )
    b = 0.5 * a + 0.5 * b
    np.testing.assert_allclose(
        ms_ssim(a, b, weights=(1.0,)), ssim(a, b), rtol=1e-12
    )
    weights = np.array(MS_SSIM_WEIGHTS[:3])
    np.testing.assert_allclose(
        ms_ssim(a, b),
        ms_ssim(a, b, weights=tuple(weights / weights.sum())),
        rtol=1e-12,
    )
    # Halves of 2x2 means, an odd last column repeated.
    wide = np.concatenate([a, a[:, :, -1:]], axis=2)
    half = wide.reshape(3, 15, 2, 16, 2, 1).mean(axis=(2, 4))
    wide = np.concatenate([b, b[:, :, -1:]], axis=2)
    other = wide.reshape(3, 15, 2, 16, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(
        ms_ssim(a, b, weights=(0.0, 1.0)), ssim(half, other), rtol=1e-12
    )


def test_five_scales_from_176_pixels():
    rng = np.random.default_rng(7)
    for side, scales in ((175, 3), (176, 5)):
        a = smooth_images(rng, (1, side, 176, 1))
        b = 0.7 * a + 0.3 * rng.uniform(size=a.shape)
        weights = np.array(MS_SSIM_WEIGHTS[:scales])
        if scales == 3:
            weights /= weights.sum()
        np.testing.assert_allclose(
            ms_ssim(a, b), ms_ssim(a, b, weights=tuple(weights)), rtol=1e-12
        )


def test_diversity():
    rng = np.random.default_rng(8)
    images = smooth_images(rng, (12, 28, 28, 1))
    same = np.repeat(images[:1], 12, axis=0)
    assert ms_ssim_diversity(same, 50).mean == pytest.approx(1.0)
    diverse = ms_ssim_diversity(images, 2000, seed=1)
    assert diverse == ms_ssim_diversity(images, 2000, seed=1)
    assert diverse != ms_ssim_diversity(images, 2000, seed=2)
    # All pairs of different images, each as likely as another.
    first, second = np.nonzero(~np.eye(12, dtype=bool))
    values = ms_ssim(images[first], images[second])
    assert abs(diverse.mean - values.mean()) < 4 * diverse.standard_error
    assert diverse.standard_error == pytest.approx(
        values.std() / np.sqrt(2000), rel=0.1
    )
    # An image with itself would add 1 / 12 of the way to 1.
    assert (1 - values.mean()) / 12 > 8 * diverse.standard_error
    assert diverse.num_pairs == 2000


def test_diversity_of_two_images_is_their_similarity():
    pair = smooth_images(np.random.default_rng(9), (2, 28, 28, 1))
    expected = ms_ssim(pair[:1], pair[1:])[0]
    assert ms_ssim_diversity(pair, 20).mean == pytest.approx(expected)


def test_diversity_within_classes():
    rng = np.random.default_rng(10)
    real, samples = smooth_images(rng, (40, 28, 28, 1)), None
    labels = np.arange(40) % 4
    # Class 1 of the samples has collapsed to a single image.
    samples = 0.5 * real + 0.5 * smooth_images(rng, real.shape)
    samples[labels == 1] = samples[1]
    # Class 3 of the real images is the most alike.
    real[labels == 3] = 0.8 * real[3] + 0.2 * real[labels == 3]
    result = class_ms_ssim_diversity(samples, labels, real, labels, 40)
    assert result.generated.shape == result.real.shape == (4,)
    assert result.generated[1] == pytest.approx(1.0)
    assert result.generated[[0, 2, 3]].max() < 0.9
    assert result.real.argmax() == 3
    assert result.threshold == result.real[3] < 0.999
    assert result.share_diverse == 0.75
    # Pairs lie within the class: with 2 images of it there is just one.
    few, few_labels = samples[:8], labels[:8]
    result = class_ms_ssim_diversity(few, few_labels, few, few_labels, 5)
    np.testing.assert_allclose(result.generated, ms_ssim(few[:4], few[4:]))


def test_refuses_what_cannot_be_compared():
    images = np.random.default_rng(11).uniform(size=(4, 28, 28, 1))
    labels = np.arange(4) // 2
    with pytest.raises(ValueError, match="`images_b` must have the same shape"):
        ssim(images, images[:, :20])
    with pytest.raises(ValueError, match="NaN"):
        ssim(images, np.full_like(images, np.nan))
    with pytest.raises(ValueError, match=r"must lie in value_range=\(0, 1"):
        ms_ssim(images * 255, images)
    with pytest.raises(
        ValueError, match="3 scales. Received: a side of 4 pixels"
    ):
        ms_ssim(images[:, :4], images[:, :4])
    with pytest.raises(ValueError, match="at least 2 images and 2 pairs"):
        ms_ssim_diversity(images[:1])
    with pytest.raises(ValueError, match="num_pairs=1"):
        ms_ssim_diversity(images, 1)
    with pytest.raises(
        ValueError, match=r"one label per generated .*\(3,\) for 4"
    ):
        class_ms_ssim_diversity(images, labels[:3], images, labels)
    with pytest.raises(ValueError, match=r"2 real images per class.* \[2\]"):
        class_ms_ssim_diversity(
            np.repeat(images, 2, axis=0), np.arange(8) % 3, images, [0, 0, 1, 1]
        )
