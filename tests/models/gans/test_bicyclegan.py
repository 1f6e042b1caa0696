"""BicycleGAN: who learns what, its two cycles, its halves of a batch."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import BicycleGAN
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.numerics import array, loss_and_gradients, randomize
from tests.translators import (
    batch_of,
    gradient_sizes,
    gradients_by_network,
    loss_and_logs,
)

SMALL = {
    "image_shape": (16, 16, 2),
    "output_channels": 1,
    "latent_dim": 3,
    "base_filters": 2,
    "depth": 3,
    "discriminator_filters": 2,
    "discriminator_layers": 1,
}
CONTRACT = {
    "bicyclegan": Case(
        **SMALL,
        # The encoder learns nothing from latents that are to be recovered.
        biased=("generator",),
        parts=2,
        # Of a large L1 loss, the sign of one pixel that rounding changes is
        # seen. The first weights are so small that updates by the others
        # would be lost to rounding.
        l1_weight=0.1,
        kl_weight=1000.0,
        wrong=(
            ({"inject": "last"}, ("inject='last'", "'all'")),
            ({"image_shape": (12, 16, 3)}, ("(12, 16, 3)", "8 divides")),
            ({"latent_dim": 0}, ("latent_dim=0",)),
            ({"kl_weight": -1.0}, ("kl_weight=-1.0",)),
            (
                {
                    "shared_discriminator": True,
                    "latent_discriminator": keras.Sequential(),
                },
                ("`latent_discriminator`", "must be None"),
            ),
        ),
    ),
    "bicyclegan-conditional": Case(
        **SMALL,
        # The encoder learns nothing from latents that are to be recovered.
        biased=("generator",),
        parts=2,
        l1_weight=0.1,
        kl_weight=1000.0,
        inject="input",
        conditional=True,
        shared_discriminator=True,
    ),
}
A, B = (16, 16, 2), (16, 16, 1)
NETWORKS = (
    "generator",
    "encoder",
    "discriminator",
    "latent_discriminator",
)


def small(**options):
    return BicycleGAN(**{**SMALL, "seed": 0, **options})


def painting(value):
    """A generator of one gray, whatever it is given."""
    inputs = [keras.Input(A), keras.Input((3,))]
    layer = layers.Conv2D(
        1,
        1,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(value),
    )
    outputs = layer(inputs[0]) + 0.0 * ops.sum(inputs[1])
    return keras.Model(inputs, outputs)


def guessing(mean, log_variance):
    """An encoder of one distribution."""
    images = keras.Input(B)
    flat = layers.Flatten()(images)
    heads = [
        layers.Dense(
            3,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(value),
        )(flat)
        for value in (mean, log_variance)
    ]
    return keras.Model(images, heads)


def scoring(first, second):
    """A discriminator whose two maps are constant."""
    images = keras.Input(B)
    maps = [
        layers.Conv2D(
            1,
            1,
            strides=stride,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(score),
        )(images)
        for stride, score in ((1, first), (2, second))
    ]
    return keras.Model(images, maps)


def simple(**options):
    return small(
        generator=painting(0.25),
        encoder=guessing(0.5, -1.0),
        discriminator=scoring(0.3, 0.6),
        latent_discriminator=scoring(0.1, 0.2),
        **options,
    )


def test_losses_of_constant_networks():
    model = simple()
    batch = batch_of(model)
    loss, logged = loss_and_logs(
        model, lambda: model.generator_loss(batch, True)
    )
    of_vae, of_latents = 0.7**2 + 0.4**2, 0.9**2 + 0.8**2
    l1 = np.abs(array(batch.y)[:2] - 0.25).mean()
    # Of each of three latents: (v + m^2 - 1 - log v) / 2.
    kl = 3 * 0.5 * (np.exp(-1.0) + 0.25 - 1.0 + 1.0)
    for name, expected in (
        ("adversarial_loss", of_vae + of_latents),
        ("l1_loss", l1),
        ("kl_divergence", kl),
    ):
        np.testing.assert_allclose(logged[name], expected, rtol=1e-5)
    expected = (
        of_vae + of_latents + 10 * l1 + 0.01 * kl + 0.5 * logged["latent_loss"]
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    loss = array(model.discriminator_loss(batch, training=True))
    scores = (0.3, 0.6, 0.1, 0.2)
    expected = sum((s - 1.0) ** 2 + s**2 for s in scores)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_weights_of_the_two_games():
    model = simple(
        vae_adversarial_weight=2.0,
        latent_adversarial_weight=3.0,
        l1_weight=0.0,
        kl_weight=0.0,
        latent_weight=0.0,
    )
    loss = array(model.generator_loss(batch_of(model), training=True))
    expected = 2 * (0.7**2 + 0.4**2) + 3 * (0.9**2 + 0.8**2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_latents_are_found_again():
    """`E|m - z|`, of the drawn latents, whose mean distance is known."""
    model = small(
        generator=painting(0.25),
        encoder=guessing(0.0, 0.0),
        l1_weight=0.0,
    )
    n = 2000
    batch = batch_of(model, n)
    _, logged = loss_and_logs(model, lambda: model.generator_loss(batch, False))
    expected = np.sqrt(2.0 / np.pi)
    error = 4.0 * np.sqrt((1.0 - 2.0 / np.pi) / (3 * n / 2))
    assert abs(logged["latent_loss"] - expected) < error


TERMS = (
    "vae_adversarial_weight",
    "latent_adversarial_weight",
    "l1_weight",
    "kl_weight",
    "latent_weight",
)


def random_networks(**options):
    model = small(**options)
    for seed, name in enumerate(NETWORKS):
        randomize(getattr(model, name), seed=seed)
    return model


def learners(sizes):
    return {name for name, size in sizes.items() if size > 0.0}


def test_who_learns_from_what():
    """The regression teaches the generator alone, the others the encoder."""
    model = random_networks()
    batch, weights = batch_of(model), {}
    for name in TERMS:
        weights[name] = keras.Variable(np.zeros((), "float32"))
        setattr(model, name, weights[name])
    sizes_of = gradients_by_network(
        model,
        lambda: model.generator_loss(batch, True),
        NETWORKS,
        list(weights.values()),
    )
    taught = {
        "l1_weight": {"generator", "encoder"},
        "kl_weight": {"encoder"},
        "vae_adversarial_weight": {"generator", "encoder", "discriminator"},
        "latent_adversarial_weight": {"generator", "latent_discriminator"},
        "latent_weight": {"generator"},
    }
    assert set(taught) == set(TERMS)
    for name, expected in taught.items():
        weights[name].assign(1.0)
        assert learners(sizes_of()) == expected, name
        weights[name].assign(0.0)


def test_the_regression_gives_the_encoder_nothing():
    """Its gradients are those without it."""
    gradients = []
    for weight in (0.0, 5.0):
        model = small(latent_weight=weight)
        batch = batch_of(model)
        _, found = loss_and_gradients(
            lambda model=model, batch=batch: model.generator_loss(batch, True),
            model.encoder.trainable_variables,
        )
        gradients.append([array(g) for g in found])
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9)


def test_in_a_clr_gan_it_teaches_the_encoder():
    model = random_networks(**{**dict.fromkeys(TERMS, 0.0), "latent_weight": 1})
    batch = batch_of(model)
    sizes = gradient_sizes(
        model, lambda: model.generator_loss(batch, True), NETWORKS
    )
    assert learners(sizes) == {"generator", "encoder"}


def test_the_discriminators_loss_teaches_no_other():
    model = small()
    batch = batch_of(model)
    sizes = gradient_sizes(
        model, lambda: model.discriminator_loss(batch, True), NETWORKS
    )
    assert sizes["generator"] == sizes["encoder"] == 0.0
    assert min(sizes["discriminator"], sizes["latent_discriminator"]) > 1e-6


def test_halves_of_a_batch():
    """The second is seen by the second discriminator alone, as real images."""
    model = small()
    batch = batch_of(model)
    changed = Batch(*(ops.concatenate([x[:2], -x[2:]], axis=0) for x in batch))

    def loss(batch):
        # The same draws for both.
        for seed in (model.noise_seed, model.posterior_seed):
            seed.state.assign([5, 0])
        return model.generator_loss(batch, training=True)

    np.testing.assert_array_equal(array(loss(batch)), array(loss(changed)))
    fakes = model.generated(batch, training=True)
    scores = []
    for part in (batch, changed):
        logged = [
            array(model.squared_error(model.scores(name, None, x, True), 1.0))
            for name, x in (
                ("discriminator", part.y[:2]),
                ("latent_discriminator", part.y[2:]),
            )
        ]
        fake = [
            array(model.squared_error(model.scores(name, None, x, True), 0.0))
            for name, x in zip(
                ("discriminator", "latent_discriminator"), fakes, strict=True
            )
        ]
        loss = array(model.loss_of_discriminator(part, fakes, True))
        np.testing.assert_allclose(loss, sum(logged) + sum(fake), rtol=1e-5)
        scores.append(loss)
    assert scores[0] != scores[1]


@pytest.mark.parametrize("inject", ["all", "input"])
def test_latents_reach_the_image_through_their_kernels(inject):
    """With these at zero, the translation is one."""
    model = small(inject=inject)
    randomize(model.generator)
    x = array(batch_of(model).x)
    few, many = model.translate(x, seed=0), model.translate(x, seed=1)
    assert np.abs(few - many).max() > 1e-3
    convolutions = [
        layer
        for layer in model.generator.layers
        if isinstance(layer, layers.Conv2D)
        and not isinstance(layer, layers.Conv2DTranspose)
    ]
    touched = convolutions if inject == "all" else convolutions[:1]
    assert len(convolutions) == 3
    for layer in touched:
        kernel = array(layer.kernel).copy()
        kernel[:, :, -3:] = 0.0
        layer.kernel.assign(kernel)
    np.testing.assert_allclose(
        model.translate(x, seed=0), model.translate(x, seed=1), atol=1e-6
    )


def test_discriminators_are_two_or_one():
    model = small()
    mine = {id(v) for v in model.discriminator.variables}
    assert mine.isdisjoint(id(v) for v in model.latent_discriminator.variables)
    model = small(shared_discriminator=True)
    assert model.latent_discriminator is None
    assert model.players["discriminator"] == ["discriminator"]


def test_only_conditional_discriminators_see_what_is_translated():
    for conditional in (True, False):
        model = small(conditional=conditional)
        randomize(model.discriminator)
        batch, other = batch_of(model), batch_of(model, seed=1)
        maps = [
            array(model.scores("discriminator", a, batch.y, False)[0])
            for a in (batch.x, other.x)
        ]
        assert np.array_equal(*maps) != conditional


def watching(weights):
    """A discriminator of pairs whose scores are linear in both images."""
    a, b = keras.Input(A), keras.Input(B)
    joined = layers.Concatenate()([a, b])
    maps = []
    for stride in (1, 2):
        layer = layers.Conv2D(1, 1, strides=stride, use_bias=False)
        maps.append(layer(joined))
        layer.kernel.assign(np.reshape(weights, (1, 1, 3, 1)))
    return keras.Model([a, b], maps)


def test_a_shared_discriminator_judges_all_pairs():
    """Each real image with its own input, each fake with what it is of."""
    weights = np.array([0.5, -0.3, 0.7])
    model = small(
        generator=painting(0.25),
        encoder=guessing(0.0, 0.0),
        discriminator=watching(weights),
        conditional=True,
        shared_discriminator=True,
    )
    batch = batch_of(model)
    a, b = map(array, batch)
    fake = np.full_like(b[:2], 0.25)

    def error(a, b, target):
        scores = np.concatenate([a, b], axis=-1) @ weights
        return sum(
            np.mean((scores[:, ::stride, ::stride] - target) ** 2)
            for stride in (1, 2)
        )

    expected = (
        error(a[:2], b[:2], 1.0)
        + error(a[2:], b[2:], 1.0)
        + 2 * error(a[:2], fake, 0.0)
    )
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    _, logged = loss_and_logs(model, lambda: model.generator_loss(batch, True))
    np.testing.assert_allclose(
        logged["adversarial_loss"], 2 * error(a[:2], fake, 1.0), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"image_shape": (15, 15, 1)},
            r"even sides. Received: .*\(15, 15, 1\)",
        ),
        ({"discriminator_layers": 3}, r"at least 48 for 3 .*\(16, 16, 1\)"),
        ({"encoder_blocks": 0}, "encoder_blocks=0"),
        ({"discriminator_filters": 0}, "discriminator_filters=0"),
    ],
)
def test_sizes_that_do_not_fit_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        small(**{"depth": None, **options})


def test_translations_by_codes():
    model = small()
    randomize(model.generator)
    randomize(model.encoder)
    a, b = (array(x) for x in batch_of(model))
    codes = model.encode_target(b)
    assert codes.shape == (4, 3)
    mean, _ = model.encoder(b)
    np.testing.assert_allclose(codes, array(mean), atol=1e-5)
    found = model.translate_latents(a, codes)
    expected = array(model.generator([a, codes]))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    one = model.translate_latents(a, codes[0])
    np.testing.assert_allclose(one[0], found[0], atol=1e-5)
    np.testing.assert_allclose(array(model([a, codes])), found, atol=1e-5)
    with pytest.raises(ValueError, match="`z` of BicycleGAN .* `latent_dim`"):
        model.translate_latents(a, np.zeros((4, 2)))


def test_drawn_latents_are_standard_normal():
    model = small()
    rng = np.random.default_rng(0)
    (z,) = model._drawn(rng, 20_000, [(3,)])
    assert abs(z.mean()) < 4 / np.sqrt(60_000)
    assert abs(z.var() - 1.0) < 4 * np.sqrt(2.0 / 60_000)
    # The same for each example, whatever the size of the batch.
    x = array(batch_of(model).x)
    np.testing.assert_allclose(
        model.translate(x, seed=3),
        model.translate(x, seed=3, batch_size=3),
        atol=1e-5,
    )
