"""pix2pix: its two losses, its patches, its dropout, its rhythm."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import Pix2Pix
from keras_gen.networks import translation
from tests.contract.case import Case
from tests.numerics import array, loss_and_gradients, randomize, tensor
from tests.translators import batch_of

SMALL = {
    "image_shape": (8, 8, 2),
    "output_channels": 1,
    "base_filters": 2,
    "depth": 3,
    "discriminator_filters": 2,
    "discriminator_layers": 1,
}
CONTRACT = {
    # Of a large L1 loss, the sign of one pixel that rounding changes is seen.
    "pix2pix": Case(
        **SMALL,
        l1_weight=0.1,
        wrong=(
            ({"image_shape": (12, 8, 3)}, ("(12, 8, 3)", "8 divides")),
            ({"dropout": 1.0}, ("dropout=1.0", "below 1")),
            ({"objective": "hinge"}, ("objective='hinge'", "least_squares")),
            ({"l1_weight": -1.0}, ("l1_weight=-1.0",)),
        ),
    ),
    # Its discriminator sees `a`: of `b` alone it would see patches of exact
    # zeros, where the slope of a leaky ReLU is 1 on JAX and not on the others.
    "pix2pix-encoder_decoder": Case(
        **{**SMALL, "image_shape": (16, 16, 2)},
        skips=False,
        normalization="instance",
        objective="least_squares",
        l1_weight=0.1,
    ),
}


def small(**options):
    return Pix2Pix(**{**SMALL, "seed": 0, **options})


def constant_critic(shape, logit):
    """Networks whose logits are the same everywhere."""
    a, b = keras.Input(shape), keras.Input((*shape[:2], 1))
    x = layers.Conv2D(1, 1, kernel_initializer="zeros")(
        layers.Concatenate()([a, b])
    )
    network = keras.Model([a, b], x)
    network.layers[-1].bias.assign([logit])
    return network


@pytest.mark.parametrize("logit", [0.0, 1.3])
def test_losses_of_constant_logits(logit):
    shape = SMALL["image_shape"]
    model = small(discriminator=constant_critic(shape, logit), dropout=0.0)
    batch = batch_of(model)
    softplus = math.log1p(math.exp(logit))
    expected = 0.5 * (softplus - logit + softplus)
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    fake = array(model.generated(batch, training=True))
    l1 = np.abs(array(batch.y) - fake).mean()
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, softplus - logit + 100.0 * l1, rtol=1e-5)


def test_least_squares():
    shape = SMALL["image_shape"]
    model = small(
        discriminator=constant_critic(shape, 0.3),
        objective="least_squares",
        l1_weight=0.0,
        adversarial_weight=2.0,
    )
    batch = batch_of(model)
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 0.25 * (0.7**2 + 0.3**2), rtol=1e-5)
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 2.0 * 0.5 * 0.7**2, rtol=1e-5)


def test_without_the_adversarial_loss_it_is_a_regression():
    """The gradient by the outputs is that of 100 mean absolute errors."""
    shape = SMALL["image_shape"]
    inputs = keras.Input(shape)
    x = layers.Conv2D(1, 1, kernel_initializer="zeros")(inputs)
    generator = keras.Model(inputs, x)
    model = small(generator=generator, adversarial_weight=0.0)
    randomize(model.discriminator)
    batch = batch_of(model)
    _, gradients = loss_and_gradients(
        lambda: model.generator_loss(batch, training=True),
        generator.trainable_variables,
    )
    signs = np.sign(0.0 - array(batch.y))
    kernel = 100.0 * np.einsum("nhwi,nhwo->io", array(batch.x), signs)
    np.testing.assert_allclose(
        array(gradients[0])[0, 0], kernel / signs.size, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        array(gradients[1]), 100.0 * signs.mean(axis=(0, 1, 2)), rtol=1e-4
    )


def test_only_a_conditional_discriminator_sees_what_is_translated():
    for conditional in (True, False):
        model = small(conditional=conditional)
        randomize(model.discriminator)
        batch, other = batch_of(model), batch_of(model, seed=1)
        logits = [
            array(model.discriminate_step(x, batch.y))
            for x in (batch.x, other.x)
        ]
        assert np.array_equal(*logits) != conditional


def test_both_players_learn_from_the_same_images_and_old_networks():
    """Neither's update depends on the other's."""

    def trained(generator_rate, discriminator_rate):
        keras.utils.set_random_seed(1)
        model = small()
        model.compile(
            {
                "generator": keras.optimizers.SGD(generator_rate),
                "discriminator": keras.optimizers.SGD(discriminator_rate),
            }
        )
        batch = batch_of(model)
        model.fit(array(batch.x), array(batch.y), batch_size=4, verbose=0)
        networks = model.generator, model.discriminator
        return [[array(v) for v in n.trainable_variables] for n in networks]

    both = trained(1.0, 1.0)
    generator_alone = trained(1.0, 0.0)
    discriminator_alone = trained(0.0, 1.0)
    start = trained(0.0, 0.0)
    for a, b in zip(both[0], generator_alone[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert any(
        np.abs(a - c).max() > 1e-3
        for a, c in zip(both[0], start[0], strict=True)
    )
    for a, b in zip(both[1], discriminator_alone[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert any(
        np.abs(a - c).max() > 1e-3
        for a, c in zip(both[1], start[1], strict=True)
    )


def test_dropout_is_the_noise():
    model = small(dropout=0.5)
    randomize(model.generator)
    x = array(batch_of(model, n=5).x)
    first, second = model.translate(x, seed=1), model.translate(x, seed=2)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(
        first, model.translate(x, seed=1, batch_size=2), atol=1e-5
    )
    assert np.abs(model.translate(x) - model.translate(x)).max() > 1e-3
    np.testing.assert_allclose(
        array(model(x)), array(model.generator([x, *ones(model, 5)])), atol=1e-5
    )
    calm = small(dropout=0.0)
    np.testing.assert_array_equal(calm.translate(x), calm.translate(x))


def ones(model, n):
    return [np.ones((n, *shape), "float32") for shape in model.masks]


def test_dropout_keeps_the_mean_of_each_unit():
    model = small(dropout=0.25)
    n = 400
    x = tensor(np.zeros((n, *SMALL["image_shape"]), "float32"))
    masks = model.dropout_masks(model.draw_noise(x, "ab"), n)
    for mask, shape in zip(masks, model.masks, strict=True):
        mask = array(mask)
        assert mask.shape == (n, *shape)
        values = np.unique(mask)
        np.testing.assert_allclose(values, [0.0, 1 / 0.75], rtol=1e-6)
        # A Bernoulli mean of standard deviation sqrt(p / (1 - p)) each.
        error = 4.0 * math.sqrt(0.25 / 0.75 / mask.size)
        assert abs(mask.mean() - 1.0) < error


def test_images_are_translated_by_their_own_statistics():
    """As in a test batch of one, not by moving statistics."""
    model = small()
    randomize(model.generator)
    x = array(batch_of(model, n=4).x)
    alone = np.concatenate(
        [
            array(
                model.generator([x[i : i + 1], *ones(model, 1)], training=True)
            )
            for i in range(4)
        ]
    )
    np.testing.assert_allclose(array(model(x)), alone, rtol=1e-4, atol=1e-5)
    together = array(model.generator([x, *ones(model, 4)], training=True))
    assert np.abs(together - alone).max() > 1e-3


@pytest.mark.parametrize("skips", [True, False])
def test_what_passes_by_the_bottleneck(skips):
    """With the bottleneck at zero, skip connections alone see the input."""
    model = small(skips=skips, dropout=0.0)
    convolutions = [
        layer
        for layer in model.generator.layers
        if isinstance(layer, layers.Conv2D)
        and not isinstance(layer, layers.Conv2DTranspose)
    ]
    bottleneck = convolutions[-1]
    bottleneck.kernel.assign(np.zeros(bottleneck.kernel.shape))
    x = array(batch_of(model, n=2).x)
    differ = np.abs(array(model(x[:1])) - array(model(x[1:]))).max() > 1e-6
    assert differ == skips


@pytest.mark.parametrize("num_layers", [0, 1, 2])
def test_a_logit_sees_its_patch(num_layers):
    """By the support of the gradient, without normalization."""
    size = 48
    network = translation.patch_discriminator(
        [(size, size, 1)],
        2,
        num_layers,
        norm=lambda: layers.Activation("linear"),
    )
    field = translation.receptive_field(translation.patch_layers(num_layers))
    assert field == {0: 1, 1: 16, 2: 34}[num_layers]
    for weight in network.weights:
        weight.assign(np.full(weight.shape, 0.1))
    middle = network.output_shape[1] // 2
    model = small()
    slope = array(
        model.gradient(
            lambda x: network(x)[:, middle, middle],
            tensor(np.zeros((1, size, size, 1), "float32")),
        )
    )[0, ..., 0]
    rows, columns = np.nonzero(slope)
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == field
    assert np.count_nonzero(slope) == field**2


def test_masks_of_a_users_generator_are_drawn():
    a, mask = keras.Input((8, 8, 2)), keras.Input((3,))
    x = layers.Conv2D(1, 3, padding="same")(a)
    x = x * ops.reshape(layers.Dense(1)(mask), (-1, 1, 1, 1))
    model = small(generator=keras.Model([a, mask], x))
    assert model.noise_shapes("ab") == [(3,)]
    assert model.translate(np.zeros((2, 8, 8, 2)), seed=0).shape == (2, 8, 8, 1)
