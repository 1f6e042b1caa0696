"""Context encoder: its masks, its weighted error, its players, inpainting."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import ContextEncoder
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.numerics import array, loss_and_gradients, randomize, tensor
from tests.translators import batch_of

SMALL = {
    "image_shape": (16, 16, 2),
    "overlap": 1,
    "latent_dim": 3,
    "base_filters": 2,
}
CONTRACT = {
    "context_encoder": Case(
        **SMALL,
        wrong=(
            ({"mask": "corner"}, ("mask='corner'", "random_region")),
            ({"hole_size": 9}, ("hole_size=9", "even")),
            ({"hole_size": 8, "overlap": 4}, ("overlap=4",)),
            ({"latent_dim": 0}, ("latent_dim=0",)),
            ({"image_shape": (15, 16, 3)}, ("(15, 16, 3)",)),
            ({"visible_weight": -1.0}, ("visible_weight=-1.0",)),
        ),
    ),
    "context_encoder-random_block": Case(
        **SMALL, mask="random_block", bottleneck="channelwise"
    ),
    "context_encoder-random_region": Case(**SMALL, mask="random_region"),
}
SHAPE = SMALL["image_shape"]
HOLE = (8, 8, 2)


def small(**options):
    return ContextEncoder(**{**SMALL, "seed": 0, **options})


def constant_decoder(value, shape=HOLE, code=(3,)):
    """Predicts the same pixels always; its bias is trained."""
    codes = keras.Input(code)
    dense = layers.Dense(
        math.prod(shape),
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(value),
    )
    pixels = layers.Reshape(shape)(dense(layers.Flatten()(codes)))
    return keras.Model(codes, pixels)


def constant_discriminator(logit, shape=HOLE):
    images = keras.Input(shape)
    dense = layers.Dense(
        1,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(logit),
    )
    return keras.Model(images, dense(layers.Flatten()(images)))


def simple(value=0.25, logit=0.4, **options):
    return small(
        decoder=constant_decoder(value),
        discriminator=constant_discriminator(logit),
        **options,
    )


def border(size=8, overlap=1):
    """1 in the border of a predicted center."""
    weights = np.ones((size, size, 1))
    weights[overlap:-overlap, overlap:-overlap] = 0.0
    return weights


@pytest.mark.parametrize("visible", [None, 0.0, 1.0])
def test_losses_of_a_constant_prediction(visible):
    model = simple(visible_weight=visible)
    batch = batch_of(model)
    center = array(batch.x)[:, 4:12, 4:12]
    weight = 10.0 if visible is None else visible
    weights = (1.0 - border()) + weight * border()
    squared = np.mean(weights * (center - 0.25) ** 2)
    adversarial = math.log1p(math.exp(-0.4))
    loss = array(model.generator_loss(batch, training=True))
    expected = 0.999 * squared + 0.001 * adversarial
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 2 * adversarial + 0.4, rtol=1e-5)


@pytest.mark.parametrize("visible", [None, 0.0, 3.0])
def test_losses_with_random_masks(visible):
    """Of all pixels, the visible ones with a weight of their own."""
    model = small(
        mask="random_region",
        visible_weight=visible,
        decoder=constant_decoder(0.25, SHAPE),
        discriminator=constant_discriminator(0.4, SHAPE),
    )
    x = array(batch_of(model).x)
    masks = np.random.default_rng(1).random((4, 16, 16, 1)) < 0.3
    weight = 1.0 if visible is None else visible
    squared = np.mean(np.where(masks, 1.0, weight) * (x - 0.25) ** 2)
    adversarial = math.log1p(math.exp(-0.4))
    batch = Batch(tensor(x), ops.convert_to_tensor(masks))
    loss = array(model.generator_loss(batch, training=True))
    expected = 0.999 * squared + 0.001 * adversarial
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_without_overlap_it_is_the_mean_squared_error():
    model = simple(overlap=0, adversarial_weight=0.0)
    batch = batch_of(model)
    center = array(batch.x)[:, 4:12, 4:12]
    loss = array(model.generator_loss(batch, training=True))
    expected = 0.999 * np.mean((center - 0.25) ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("visible", [10.0, 0.0])
def test_the_gradient_at_each_pixel(visible):
    """Of the border ten times that of the hole, or none."""
    model = simple(adversarial_weight=0.0, visible_weight=visible)
    batch = batch_of(model)
    bias = model.decoder.trainable_variables[-1]
    _, (gradient,) = loss_and_gradients(
        lambda: model.generator_loss(batch, training=True), [bias]
    )
    center = array(batch.x)[:, 4:12, 4:12]
    weights = (1.0 - border()) + visible * border()
    expected = -0.999 * 2 * (weights * (center - 0.25)).mean(axis=0) / 128
    np.testing.assert_allclose(
        array(gradient).reshape(HOLE), expected, rtol=1e-4, atol=1e-8
    )


def test_the_discriminator_teaches_by_the_adversarial_loss_alone():
    for weight in (0.0, 0.5):
        model = small(adversarial_weight=weight)
        batch = batch_of(model)
        _, gradients = loss_and_gradients(
            partial(model.generator_loss, batch, training=True),
            model.discriminator.trainable_variables,
        )
        largest = max(np.abs(array(g)).max() for g in gradients)
        assert (largest == 0.0) == (weight == 0.0)


def test_the_discriminators_loss_teaches_no_other():
    model = small()
    batch = batch_of(model)
    variables = model.player_variables("generator")
    _, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(batch, training=True), variables
    )
    assert max(np.abs(array(g)).max() for g in gradients) == 0.0


def test_nothing_of_the_hole_is_seen():
    model = small()
    randomize(model.encoder)
    randomize(model.decoder)
    x = array(batch_of(model).x)
    hidden, visible = x.copy(), x.copy()
    hidden[:, 5:11, 5:11] = 0.9
    visible[:, 4, 4:12] = 0.9
    mask = model.draw_masks(tensor(x))
    predicted = [
        array(model.predict_hidden_step(tensor(images), mask))
        for images in (x, hidden, visible)
    ]
    np.testing.assert_array_equal(predicted[0], predicted[1])
    assert np.abs(predicted[0] - predicted[2]).max() > 1e-4


def test_nothing_of_random_masks_is_seen():
    model = small(mask="random_block")
    randomize(model.encoder)
    randomize(model.decoder)
    x = array(batch_of(model).x)
    masks = np.random.default_rng(1).random((4, 16, 16, 1)) < 0.3
    changed = np.where(masks, np.float32(0.9), x)
    found = [
        array(
            model.predict_hidden_step(
                tensor(images), ops.convert_to_tensor(masks)
            )
        )
        for images in (x, changed)
    ]
    np.testing.assert_array_equal(*found)


def test_inpainting_changes_the_hole_alone():
    model = small()
    randomize(model.decoder)
    x = array(batch_of(model).x)
    painted = model.inpaint(x)
    visible = np.ones(x.shape, "bool")
    visible[:, 5:11, 5:11] = False
    np.testing.assert_array_equal(painted[visible], x[visible])
    mask = model.draw_masks(tensor(x))
    predicted = array(model.predict_hidden_step(tensor(x), mask))
    np.testing.assert_allclose(
        painted[:, 5:11, 5:11], predicted[:, 1:7, 1:7], atol=1e-6
    )
    with pytest.raises(ValueError, match="`mask` .* must be None"):
        model.inpaint(x, np.zeros((16, 16)))


def test_inpainting_by_masks():
    model = small(mask="random_region")
    randomize(model.decoder)
    x = array(batch_of(model).x)
    masks = np.random.default_rng(0).random((4, 16, 16)) < 0.3
    painted = model.inpaint(x, masks)
    np.testing.assert_array_equal(painted[~masks], x[~masks])
    assert np.abs(painted[masks] - x[masks]).min() > 0.0
    one = model.inpaint(x, masks[0])
    np.testing.assert_array_equal(one[:, ~masks[0]], x[:, ~masks[0]])
    for wrong in (None, masks[:3], masks[..., None]):
        with pytest.raises(ValueError, match=r"`mask` must be an array .*16"):
            model.inpaint(x, wrong)


@pytest.mark.parametrize("mask", ["random_block", "random_region"])
def test_random_masks(mask):
    """Each image has its own, of the size that the kind allows."""
    model = small(mask=mask, image_shape=(64, 64, 1))
    masks = array(model.draw_masks(ops.zeros((40, 64, 64, 1))))[..., 0]
    areas = masks.mean(axis=(1, 2))
    low, high = (0.2, 0.3) if mask == "random_region" else (1 / 64, 0.26)
    assert areas.min() >= low - 1e-3 and areas.max() <= high + 1e-3
    assert np.ptp(areas) > 0.05
    assert not np.array_equal(masks[0], masks[1])
    # Every place is hidden at times, and none of them mostly.
    often = masks.reshape(40, 8, 8, 8, 8).any(axis=(2, 4)).mean(axis=0)
    assert often.min() > 0.02 and masks.mean(axis=0).max() < 0.7
    # Regions are coherent: neighbors differ rarely.
    changes = np.abs(np.diff(masks.astype("float32"), axis=1)).mean()
    assert changes < 0.06


def test_both_players_see_the_same_masks():
    """The generator's part of a step is that of given masks."""
    model = small(mask="random_region", adversarial_weight=0.0)
    other = small(mask="random_region", adversarial_weight=0.0)
    rates = {"discriminator": 0.0, "generator": 1.0}
    sgd = {k: keras.optimizers.SGD(rate) for k, rate in rates.items()}
    model.compile(sgd)
    x = array(batch_of(model).x)
    model.fit(x, batch_size=4, shuffle=False, verbose=0)
    given = Batch(tensor(x), other.draw_masks(tensor(x)))
    # The draw of a step is the first of the model's seed.
    variables = other.player_variables("generator")
    _, gradients = loss_and_gradients(
        lambda: other.generator_loss(given, training=True), variables
    )
    for trained, variable, gradient in zip(
        model.player_variables("generator"), variables, gradients, strict=True
    ):
        np.testing.assert_allclose(
            array(trained), array(variable) - array(gradient), atol=1e-5
        )


def test_the_fill_of_colors():
    model = small(image_shape=(16, 16, 3))
    np.testing.assert_allclose(
        model.fill, [-0.0824, -0.1843, -0.0353], atol=1e-4
    )
    x = tensor(np.ones((1, 16, 16, 3)))
    context = array(model.context(x, model.draw_masks(x)))
    np.testing.assert_allclose(context[0, 8, 8], model.fill, rtol=1e-5)
    assert (context[0, 4, 4] == 1.0).all()


def test_the_settings_of_the_official_code():
    model = small()
    adams = {
        player: optimizer.get_config()
        for player, optimizer in model.default_optimizers().items()
    }
    assert adams["discriminator"]["learning_rate"] == pytest.approx(2e-4)
    assert adams["generator"]["learning_rate"] == pytest.approx(2e-3)
    assert {adam["beta_1"] for adam in adams.values()} == {0.5}
    assert list(model.players) == ["discriminator", "generator"]
    model = ContextEncoder(latent_dim=8, base_filters=2)
    assert (model.hole, model.center.sum()) == (64, 56**2)


@pytest.mark.parametrize("fill", [2.0, (0.1, 0.2, 0.3), np.zeros(3)])
def test_fills_that_no_pixel_has_are_refused(fill):
    with pytest.raises(ValueError, match="`fill` must be a number"):
        small(fill=fill)


def test_sides_that_are_not_multiples_of_four():
    assert small(image_shape=(28, 30, 1), overlap=0).hole == 14


def test_codes_are_of_whole_images():
    model = small(bottleneck="channelwise")
    x = array(batch_of(model).x)
    codes = model.encode(x)
    assert codes.shape == (4, 4, 4, 4)
    np.testing.assert_allclose(codes, array(model.encoder(x)), atol=1e-6)
