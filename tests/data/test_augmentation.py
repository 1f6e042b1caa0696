import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import data

NAMES = (
    "flip",
    "crop",
    "jitter",
    "translate",
    "rotate",
    "zoom",
    "brightness",
    "contrast",
    "saturation",
    "hue",
    "color_jitter",
)


def photos(examples=40, side=16):
    generator = np.random.default_rng(0)
    shape = (examples, side, side, 3)
    images = generator.integers(60, 200, shape, dtype="uint8")
    return tf.data.Dataset.from_tensor_slices({"image": images, "twin": images})


def take(made, batches):
    return list(itertools.islice(made.dataset.as_numpy_iterator(), batches))


def noise(images, seed):
    drawn = tf.random.stateless_uniform(tf.shape(images), seed)
    return images + 0.1 * drawn


@pytest.mark.parametrize(
    "augment",
    [("flip", "crop", "rotate", "zoom", "color_jitter"), (noise, "flip")],
)
def test_augmentations_obey_the_law(augment):
    def make(**options):
        return data.pipeline(photos(), 10, augment=augment, seed=2, **options)

    tf.random.set_seed(1)
    whole = take(make(), 12)
    # The generators of KerasCV's layers, used or not, have no part in it.
    tf.random.set_seed(2)
    tf.random.get_global_generator().reset_from_seed(5)
    tf.random.get_global_generator().uniform((3,))
    shards = [take(make(start_step=8, shard=(i, 2)), 4) for i in range(2)]
    np.testing.assert_array_equal(np.concatenate(shards, axis=1), whole[8:])


@pytest.mark.parametrize("augment", ["brightness", noise])
def test_draws_differ_between_steps_and_epochs(augment):
    alike = tf.data.Dataset.from_tensors(
        {"image": np.full((4, 4, 1), 99, "uint8")}
    ).repeat(40)
    made = data.pipeline(alike, 10, augment=(augment,))
    batches = take(made, 12)
    for first, second in itertools.combinations(batches, 2):
        assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_each_augmentation_is_a_function_of_its_seed(name):
    augmentation = data.augmentation(name)
    images = next(iter(photos().batch(40)))["image"]
    images = tf.cast(images, "float32") / 255

    def change(seed):
        return augmentation.apply(images, augmentation.draw(40, seed)).numpy()

    first = change((0, 1))
    np.testing.assert_array_equal(change((0, 1)), first)
    assert first.shape == images.shape
    assert np.all(np.isfinite(first))
    # Another seed changes the images otherwise, and images differ in how.
    assert np.abs(change((0, 2)) - first).mean() > 1e-3
    same = tf.repeat(images[:1], 40, axis=0)
    varied = augmentation.apply(same, augmentation.draw(40, (0, 1))).numpy()
    assert np.abs(varied - varied[:1]).max() > 1e-3


def test_jitter_crops_what_it_has_enlarged():
    factor = 1.25
    jitter = data.augmentation("jitter", factor=factor)
    ramp = np.linspace(0.0, 1.0, 9, dtype="float32")
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None]), axis=-1)
    images = tf.repeat(image[None], 500, axis=0)
    crops = jitter.apply(images, jitter.draw(500, (3, 4))).numpy()
    assert crops.shape == images.shape
    for channel, axis in ((0, 1), (1, 2)):
        slopes = np.diff(crops[..., channel], axis=axis)
        np.testing.assert_allclose(slopes, 1 / 8 / factor, atol=1e-6)
        first = crops[:, 0, 0, channel]
        # Uniform in [0, 1 - 1/factor], whose mean is 0.1.
        assert 0.0 <= first.min() and first.max() <= 0.2
        assert abs(first.mean() - 0.1) < 4 * 0.2 / np.sqrt(12 * 500)


def test_flip_mirrors_half_of_the_images():
    flip = data.augmentation("flip")
    image = np.arange(12, dtype="float32").reshape(1, 2, 6, 1)
    images = tf.repeat(image, 1000, axis=0)
    flipped = flip.apply(images, flip.draw(1000, (3, 4))).numpy()
    mirrored = (flipped == image[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (flipped == image).all(axis=(1, 2, 3))
    assert np.all(mirrored ^ kept)
    # Binomial with standard deviation 16.
    assert abs(mirrored.sum() - 500) < 4 * 16
    always = data.augmentation("flip", mode="vertical", rate=1.0)
    down = always.apply(images, always.draw(1000, (3, 4))).numpy()
    np.testing.assert_array_equal(down[7], image[0, ::-1])


def test_crop_takes_a_window_of_the_padded_image():
    crop = data.augmentation("crop", padding=2)
    image = np.random.default_rng(0).random((6, 8, 1)).astype("float32")
    padded = np.pad(image, [(2, 2), (2, 2), (0, 0)], "symmetric")
    windows = np.stack(
        [padded[y : y + 6, x : x + 8] for y in range(5) for x in range(5)]
    )
    images = tf.repeat(image[None], 1000, axis=0)
    cropped = crop.apply(images, crop.draw(1000, (0, 0))).numpy()
    hits = (cropped[:, None] == windows).all(axis=(2, 3, 4))
    np.testing.assert_array_equal(hits.sum(axis=1), 1)
    # 25 windows, each 40 times with standard deviation 6.2.
    assert np.all(np.abs(hits.sum(axis=0) - 40) < 4.5 * 6.2)


def test_rotate_turns_counterclockwise():
    image = np.random.default_rng(0).random((3, 7, 7, 2)).astype("float32")
    for turns in (1, 2, 3):
        rotate = data.augmentation("rotate", factor=(turns / 4, turns / 4))
        turned = rotate.apply(image, rotate.draw(3, (0, 0))).numpy()
        expected = np.rot90(image, turns, axes=(1, 2))
        inside = (slice(None), slice(1, -1), slice(1, -1))
        # Bilinear weights are off by the rounding of the sines alone.
        np.testing.assert_allclose(turned[inside], expected[inside], atol=1e-5)


def test_brightness_shifts_each_image_as_a_whole():
    brightness = data.augmentation("brightness", factor=0.2)
    images = tf.fill((2000, 2, 2, 3), 0.5)
    drawn = brightness.draw(2000, (1, 1))
    shift = brightness.apply(images, drawn).numpy() - 0.5
    assert np.ptp(shift, axis=(1, 2, 3)).max() == 0
    shift = shift[:, 0, 0, 0]
    # Uniform in [-0.2, 0.2): its mean has the standard error 0.0026.
    assert np.abs(shift).max() < 0.2
    assert np.abs(shift).max() > 0.195
    assert abs(shift.mean()) < 4 * 0.0026


def test_contrast_keeps_the_mean_and_scales_the_rest():
    contrast = data.augmentation("contrast", factor=0.2)
    image = np.array([0.4, 0.6], "float32").reshape(1, 1, 2, 1)
    images = tf.repeat(image, 500, axis=0)
    changed = contrast.apply(images, contrast.draw(500, (1, 1))).numpy()
    np.testing.assert_allclose(changed.mean(axis=(1, 2, 3)), 0.5, atol=1e-6)
    scale = np.ptp(changed, axis=(1, 2, 3)) / 0.2
    assert 0.8 <= scale.min() < 0.81
    assert 1.19 < scale.max() <= 1.2001


def test_images_of_an_example_are_changed_alike():
    made = data.pipeline(
        photos(),
        10,
        features=("image", "twin"),
        augment=("flip", "crop", "color_jitter"),
    )
    for image, twin in take(made, 4):
        np.testing.assert_array_equal(image, twin)


def test_frames_of_a_video_are_changed_alike():
    frame = np.random.default_rng(0).integers(0, 255, (20, 1, 8, 8, 1))
    video = np.repeat(frame, 3, axis=1).astype("uint8")
    dataset = tf.data.Dataset.from_tensor_slices({"video": video})
    made = data.pipeline(
        dataset, 20, features="video", augment=("flip", "crop"), shuffle=False
    )
    (x,) = take(made, 1)
    assert x.shape == (20, 3, 8, 8, 1)
    np.testing.assert_array_equal(x, np.repeat(x[:, :1], 3, axis=1))
    assert np.abs(x - video / 255).max() > 0.1


def test_augmentation_comes_before_binarization():
    made = data.pipeline(photos(), 10, augment=("rotate",), binarize="dynamic")
    (x,) = take(made, 1)
    assert set(np.unique(x)) == {0.0, 1.0}


def test_color_needs_three_channels():
    digits = data.load("digits", "test")
    with pytest.raises(ValueError, match="must have images of 3 channels"):
        data.pipeline(digits, 10, augment=("hue",))


def test_callables_must_return_images():
    with pytest.raises(ValueError, match="must return a tensor"):
        data.pipeline(photos(), 10, augment=(lambda images, seed: None,))
