"""DiscoGAN: its rate, its feature matching, its rhythm, its baselines."""

import math
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import DiscoGAN, Schedule
from keras_gen.engine import Batch
from tests import translators
from tests.contract.case import Case
from tests.numerics import array, loss_and_gradients, randomize, tensor
from tests.translators import gradient_sizes, loss_and_logs

SMALL = {"input_shape": (16, 16, 2), "width": 2}
TOY = {"input_shape": (2,), "architecture": "mlp", "width": 4}
# Two devices have half of a batch of 8 each.
ROUND = {"updates": {"generator": 3}, "parts": 4, "generator_steps": 3}
CONTRACT = {
    "discogan": Case(
        **SMALL,
        **ROUND,
        input_shape_b=(16, 16, 1),
        reconstruction_rate=0.3,
        logits=("discriminator_a", "discriminator_b"),
        wrong=(
            ({"mode": "cycle"}, ("mode='cycle'", "recongan")),
            ({"reconstruction_rate": 1.5}, ("reconstruction_rate=1.5",)),
            ({"generator_steps": 0}, ("generator_steps=0", "at least 1")),
            ({"input_shape": (15, 16, 3)}, ("(15, 16, 3)",)),
            ({"weight_decay": -1.0}, ("weight_decay=-1.0",)),
            ({"architecture": "mlp"}, ("`input_shape` must be (size,)",)),
        ),
    ),
    "discogan-recongan": Case(
        **TOY, **ROUND, input_shape_b=(3,), mode="recongan"
    ),
    "discogan-gan": Case(**TOY, **ROUND, mode="gan"),
}
SHAPE = (2,)


def toy(**options):
    return DiscoGAN(**{**TOY, "seed": 0, "weight_decay": 0.0, **options})


batch_of = partial(translators.batch_of, n=6)


def linear(weights, name=None, features=False, bias=0.0):
    """`x @ weights + bias`; with features, which are `x` itself."""
    inputs = keras.Input(SHAPE)
    layer = layers.Dense(np.shape(weights)[1])
    outputs = layer(inputs)
    layer.set_weights([np.asarray(weights), np.full(layer.units, bias)])
    if features:
        # Weights of 1 pass the examples on.
        same = layers.Dense(2, use_bias=False)
        outputs = [outputs, same(inputs)]
        same.set_weights([np.eye(2)])
    return keras.Model(inputs, outputs)


def simple(ab=None, ba=None, logit=0.0, features=False, **options):
    """Linear generators, and discriminators of one logit everywhere."""
    ab = np.eye(2) if ab is None else ab
    ba = np.eye(2) if ba is None else ba
    zero = np.zeros((2, 1))
    return toy(
        generator_ab=linear(ab),
        generator_ba=linear(ba),
        discriminator_a=linear(zero, features=features, bias=logit),
        discriminator_b=linear(zero, features=features, bias=logit),
        **options,
    )


@pytest.mark.parametrize("logit", [0.0, 1.3])
def test_losses_of_constant_logits(logit):
    """With a rate of 0 and no features, 0.1 softplus(-logit) of each."""
    model = simple(logit=logit, reconstruction_rate=0.0)
    batch = batch_of(model)
    softplus = math.log1p(math.exp(logit))
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 2 * 0.1 * (softplus - logit), rtol=1e-5)
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 2 * softplus - logit, rtol=1e-5)


def test_feature_matching_compares_means():
    """0 of a permutation; of linear features, the distance of the means."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(6, 2)).astype("float32")
    turned = np.array([[0.0, 1.0], [1.0, 0.0]])
    model = simple(
        turned,
        turned,
        features=True,
        reconstruction_rate=0.0,
        adversarial_weight=0.0,
    )
    permuted = a[:, ::-1][[3, 1, 0, 5, 4, 2]].copy()
    batch = Batch(tensor(a), tensor(permuted))
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 0.0, atol=1e-12)

    b = rng.normal(size=(6, 2)).astype("float32")
    batch = Batch(tensor(a), tensor(b))
    distance = np.mean((b.mean(0) - a[:, ::-1].mean(0)) ** 2)
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 2 * 0.9 * distance, rtol=1e-5)


def test_reconstruction_is_a_mean_square():
    """Through `2 x` and `3 x`, 5 x is left."""
    model = simple(2 * np.eye(2), 3 * np.eye(2), reconstruction_rate=1.0)
    batch = batch_of(model)
    expected = sum(25.0 * np.mean(array(x) ** 2) for x in batch)
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_one_is_the_inverse_of_the_other():
    matrix = np.array([[1.0, 0.5], [0.25, 1.0]])
    model = simple(matrix, np.linalg.inv(matrix), reconstruction_rate=1.0)
    loss = array(model.generator_loss(batch_of(model), training=True))
    np.testing.assert_allclose(loss, 0.0, atol=1e-12)


def test_the_rate_weighs_the_game_and_the_reconstruction():
    batch = None
    losses = {}
    for rate in (0.0, 0.25, 1.0):
        model = toy(reconstruction_rate=rate)
        for seed, names in enumerate(model.players.values()):
            for name in names:
                randomize(getattr(model, name), seed=seed)
        batch = batch or batch_of(model)
        losses[rate] = array(model.generator_loss(batch, training=True))
    mixed = 0.75 * losses[0.0] + 0.25 * losses[1.0]
    np.testing.assert_allclose(losses[0.25], mixed, rtol=1e-5)


def sizes_of(model, batch, loss="generator_loss"):
    """The largest derivative of a loss by each network's weights."""
    names = [
        name
        for name in (
            "generator_ab",
            "generator_ba",
            "discriminator_a",
            "discriminator_b",
        )
        if getattr(model, name) is not None
    ]
    return gradient_sizes(
        model, lambda: getattr(model, loss)(batch, training=True), names
    )


def test_the_reconstruction_alone_knows_no_discriminator():
    model = toy(reconstruction_rate=1.0)
    sizes = sizes_of(model, batch_of(model))
    assert sizes["discriminator_a"] == sizes["discriminator_b"] == 0.0
    assert min(sizes["generator_ab"], sizes["generator_ba"]) > 1e-4


def test_without_reconstruction_a_generator_has_its_own_discriminator():
    """`G_BA` learns nothing of the way from `a` to `b` and back."""
    constant = linear(np.zeros((2, 1)), features=False)
    model = toy(reconstruction_rate=0.0, discriminator_a=constant, width=16)
    sizes = sizes_of(model, batch_of(model))
    assert sizes["generator_ba"] == 0.0
    assert sizes["generator_ab"] > 1e-6


def test_discriminators_teach_no_generator():
    model = toy()
    sizes = sizes_of(model, batch_of(model), "discriminator_loss")
    assert sizes["generator_ab"] == sizes["generator_ba"] == 0.0
    assert min(sizes["discriminator_a"], sizes["discriminator_b"]) > 1e-4


@pytest.mark.parametrize("mode", ["recongan", "gan"])
def test_baselines(mode):
    """Of one discriminator; with reconstruction, `G_BA` has that alone."""
    model = toy(mode=mode, reconstruction_rate=0.5)
    assert model.discriminator_a is None
    assert list(model.directions) == ["ab", "ba"][: 1 + (mode == "recongan")]
    batch = batch_of(model)
    sizes = sizes_of(model, batch)
    assert min(sizes.values()) > 1e-5
    if mode == "gan":
        assert model.generator_ba is None
        return
    blind = toy(mode=mode, reconstruction_rate=0.0)
    assert sizes_of(blind, batch)["generator_ba"] == 0.0


def test_updates_and_the_rate_follow_the_official_code():
    """One update of three is the discriminators'; iteration 10,000 changes."""
    model = toy()
    model.compile("sgd")
    a, b = map(array, batch_of(model))
    model.fit(a, b, batch_size=6, epochs=4, verbose=0)
    counts = [int(array(o.iterations)) for o in model.optimizer.optimizers]
    assert counts == [8, 4]
    rate = model.reconstruction_rate
    for iteration, expected in ((9_998, 0.01), (10_000, 0.5)):
        value = array(rate(iteration // 3))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert rate == Schedule(0.01, 0.5, over=1, unit="steps", after=3332)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_each_update_has_examples_of_its_own(player):
    """The discriminators the first of a batch, the generators the others."""
    start = toy(generator_steps=1, seed=3)
    rates = {name: float(name == player) for name in start.players}
    optimizers = {k: keras.optimizers.SGD(rate) for k, rate in rates.items()}
    model = toy(generator_steps=1, seed=3)
    model.compile(optimizers)
    a, b = map(array, batch_of(model))
    model.fit(a, b, batch_size=6, shuffle=False, verbose=0)
    own = slice(0, 3) if player == "discriminator" else slice(3, 6)
    part = Batch(tensor(a[own]), tensor(b[own]))
    variables = start.player_variables(player)
    _, gradients = loss_and_gradients(
        lambda: start.player_loss(player, part, training=True), variables
    )
    for trained, variable, gradient in zip(
        model.player_variables(player), variables, gradients, strict=True
    ):
        np.testing.assert_allclose(
            array(trained), array(variable) - array(gradient), atol=1e-6
        )


def test_weight_decay_is_a_part_of_all_gradients():
    """After a step of SGD without other gradients, weights are smaller."""
    model = simple(
        features=False,
        weight_decay=0.1,
        adversarial_weight=0.0,
        feature_weight=0.0,
        reconstruction_rate=0.0,
        generator_steps=1,
        logit=0.0,
    )
    model.discriminator_a.trainable_variables[0].assign([[3.0], [-2.0]])
    model.compile(keras.optimizers.SGD(0.5))
    a = np.zeros((6, 2), "float32")
    model.fit(a, a, batch_size=6, verbose=0)
    np.testing.assert_allclose(
        array(model.generator_ab.trainable_variables[0]),
        (1.0 - 0.5 * 0.1) * np.eye(2),
        rtol=1e-5,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        array(model.discriminator_a.trainable_variables[0]),
        (1.0 - 0.5 * 0.1) * np.array([[3.0], [-2.0]]),
        rtol=1e-5,
    )


def test_the_rate_changes_within_training():
    """At the 3,333rd step, the first of 10,000 iterations and more."""
    model = toy()
    model.compile("sgd")
    a, b = map(array, batch_of(model))
    for step, expected in ((3332, 0.01), (3333, 0.5)):
        model.steps_seen.assign(step)
        found = array(model.scheduled(model.reconstruction_rate))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_both_batches_are_seen_by_the_same_discriminator():
    """Its batch normalization is by the batch for real features too."""
    model = DiscoGAN(**SMALL, seed=0, reconstruction_rate=0.0)
    for seed, names in enumerate(model.players.values()):
        for name in names:
            randomize(getattr(model, name), seed=seed)
    same = array(batch_of(model).x)
    outputs = model.discriminate_step("b", tensor(same), training=True)
    calm = model.discriminate_step("b", tensor(same), training=False)
    assert np.abs(array(outputs[1]) - array(calm[1])).max() > 1e-3
    # Generated images that are the real ones: no difference of features.
    model.generated = lambda batch, training: {"a": batch.x, "b": batch.y}
    batch = batch_of(model)
    _, logged = loss_and_logs(model, lambda: model.generator_loss(batch, True))
    np.testing.assert_allclose(logged["feature_matching_loss"], 0.0, atol=1e-10)


def test_features_are_of_the_last_hidden_layers():
    model = DiscoGAN(**{**SMALL, "input_shape": (64, 64, 2)}, seed=0)
    shapes = [tuple(x.shape[1:]) for x in model.discriminator_a.outputs]
    assert shapes == [(1,), (16, 16, 4), (8, 8, 8), (4, 4, 16)]


def test_images_stay_in_their_range():
    model = DiscoGAN(**SMALL, seed=0)
    randomize(model.generator_ab)
    translated = model.translate(array(batch_of(model).x))
    assert 0.0 <= translated.min() < 0.5 < translated.max() <= 1.0


def test_a_users_discriminator_need_not_have_features():
    model = toy(discriminator_a=linear(np.ones((2, 1))))
    loss = model.generator_loss(batch_of(model), training=True)
    assert ops.isfinite(loss)
