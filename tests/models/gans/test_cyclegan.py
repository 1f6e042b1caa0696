"""CycleGAN: its cycles, its identity, its pools, its symmetry."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import CycleGAN
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.numerics import array, randomize
from tests.translators import batch_of, gradient_sizes, loss_and_logs, scaling

SMALL = {
    "image_shape": (16, 16, 2),
    "base_filters": 4,
    "num_blocks": 1,
    "discriminator_filters": 4,
    "discriminator_layers": 1,
    "pool_size": 8,
}
SCORES = ("discriminator_a", "discriminator_b")
# Of large cycle losses, the sign of one pixel that rounding changes is seen.
CONTRACT = {
    "cyclegan": Case(
        **SMALL,
        cycle_weight=0.01,
        logits=SCORES,
        image_shape_b=(16, 16, 1),
        wrong=(
            ({"image_shape": (18, 16, 3)}, ("(18, 16, 3)", "4 divides")),
            ({"cycle_weight": (1.0, -1.0)}, ("cycle_weight=-1.0",)),
            ({"cycle_weight": (1.0, 2.0, 3.0)}, ("a number or a pair",)),
            ({"identity_weight": 0.5}, ("(16, 16, 2)", "(16, 16, 1)")),
        ),
    ),
    "cyclegan-identity": Case(
        **SMALL,
        logits=SCORES,
        identity_weight=0.5,
        cycle_weight=(0.01, 0.02),
    ),
}
SHAPE = SMALL["image_shape"]


def small(**options):
    return CycleGAN(**{**SMALL, "seed": 0, **options})


def constant(score):
    """A discriminator whose scores are the same everywhere."""
    inputs = keras.Input(SHAPE)
    layer = layers.Conv2D(1, 1, kernel_initializer="zeros")
    network = keras.Model(inputs, layer(inputs))
    layer.bias.assign([score])
    return network


def simple(ab=1.0, ba=1.0, score=0.3, **options):
    return small(
        generator_ab=scaling(ab, SHAPE),
        generator_ba=scaling(ba, SHAPE),
        discriminator_a=constant(score),
        discriminator_b=constant(score),
        **options,
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_networks_that_are_their_own_inverse(sign):
    model = simple(sign, sign, identity_weight=0.5, cycle_weight=(10.0, 4.0))
    batch = batch_of(model)
    loss, logged = loss_and_logs(
        model, lambda: model.generator_loss(batch, True)
    )
    adversarial = 2 * (0.3 - 1.0) ** 2
    lengths = [np.abs(array(x)).mean() for x in batch]
    identity = 0.5 * (1.0 - sign) * (10.0 * lengths[0] + 4.0 * lengths[1])
    np.testing.assert_allclose(logged["adversarial_loss"], adversarial, 1e-5)
    np.testing.assert_allclose(logged["cycle_loss"], 0.0, atol=1e-5)
    np.testing.assert_allclose(logged["identity_loss"], identity, atol=1e-4)
    np.testing.assert_allclose(loss, adversarial + identity, rtol=1e-5)


def test_each_cycle_has_its_weight():
    model = simple(2.0, 3.0, cycle_weight=(10.0, 4.0))
    batch = batch_of(model)
    lengths = [np.abs(array(x)).mean() for x in batch]
    loss, logged = loss_and_logs(
        model, lambda: model.generator_loss(batch, True)
    )
    # 6 x - x in both.
    expected = 5.0 * (10.0 * lengths[0] + 4.0 * lengths[1])
    np.testing.assert_allclose(logged["cycle_loss"], expected, rtol=1e-5)
    adversarial = 2 * (0.3 - 1.0) ** 2
    np.testing.assert_allclose(loss, adversarial + expected, rtol=1e-5)


@pytest.mark.parametrize("score", [0.5, 0.0, 1.0])
def test_loss_of_discriminator(score):
    model = simple(score=score)
    loss = array(model.discriminator_loss(batch_of(model), training=True))
    expected = (score - 1.0) ** 2 + score**2
    np.testing.assert_allclose(loss, expected, atol=1e-6)


def test_a_discriminator_with_the_codes_has_no_loss():
    """1 for real images, which are positive here, and 0 for others."""
    inputs = keras.Input(SHAPE)
    x = ops.cast(inputs[..., :1] > 0, "float32")
    positive = keras.Model(inputs, x)
    model = small(
        generator_ab=scaling(-1.0, SHAPE),
        generator_ba=scaling(-1.0, SHAPE),
        discriminator_a=positive,
        discriminator_b=positive,
    )
    batch = Batch(*(ops.abs(x) + 0.01 for x in batch_of(model)))
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, 0.0, atol=1e-6)


def test_the_cycle_teaches_both_networks():
    model = small(
        discriminator_a=constant(0.0),
        discriminator_b=constant(0.0),
        cycle_weight=(10.0, 0.0),
    )
    randomize(model.generator_ab)
    randomize(model.generator_ba)
    batch = batch_of(model)
    sizes = gradient_sizes(
        model,
        lambda: model.generator_loss(batch, training=True),
        ("generator_ab", "generator_ba"),
    )
    assert min(sizes.values()) > 1e-3


def test_swapping_the_domains_swaps_nothing_else():
    model = small(identity_weight=0.5, cycle_weight=(10.0, 3.0))
    swapped = small(identity_weight=0.5, cycle_weight=(3.0, 10.0))
    for seed, name in enumerate(sum(model.players.values(), [])):
        randomize(getattr(model, name), seed=seed)
    for name, other in (
        ("generator_ab", "generator_ba"),
        ("generator_ba", "generator_ab"),
        ("discriminator_a", "discriminator_b"),
        ("discriminator_b", "discriminator_a"),
    ):
        weights = getattr(model, name).get_weights()
        getattr(swapped, other).set_weights(weights)
    batch = batch_of(model)
    turned = Batch(batch.y, batch.x)
    for loss in ("generator_loss", "discriminator_loss"):
        np.testing.assert_allclose(
            array(getattr(model, loss)(batch, training=True)),
            array(getattr(swapped, loss)(turned, training=True)),
            rtol=1e-4,
        )


def test_images_of_a_batch_do_not_see_each_other():
    model = small()
    randomize(model.generator_ab)
    x = array(batch_of(model).x)
    together = model.translate(x)
    alone = np.concatenate([model.translate(x[i : i + 1]) for i in range(4)])
    # Maps of 2x2 are divided by small deviations: rounding of 1e-7 grows.
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=2e-4)


def test_discriminators_are_shown_images_of_the_pools(monkeypatch):
    model = small(pool_size=4)
    model.compile("sgd")
    batch = batch_of(model)
    a, b = map(array, batch)
    model.evaluate(a, b, batch_size=4, verbose=0)
    assert int(array(model.pool_a.filled)) == 0
    expected = model.translate(b, direction="ba")
    model.fit(a, b, batch_size=4, shuffle=False, verbose=0)
    assert int(array(model.pool_b.filled)) == 4
    np.testing.assert_allclose(
        array(model.pool_a.images), expected, rtol=1e-4, atol=1e-5
    )


def test_both_players_learn_from_the_same_images_and_old_networks():
    """Neither's update depends on the other's."""

    model = small()
    model.compile("sgd")
    a, b = map(array, batch_of(model))
    first = [array(v) for v in model.variables]

    def trained(*rates):
        for variable, value in zip(model.variables, first, strict=True):
            variable.assign(value)
        for player, rate in zip(model.players, rates, strict=True):
            model.optimizer[player].learning_rate = rate
        model.fit(a, b, batch_size=4, shuffle=False, verbose=0)
        return [
            [array(v) for v in model.player_variables(player)]
            for player in model.players
        ]

    both, start = trained(0.1, 0.1), trained(0.0, 0.0)
    alone = trained(0.1, 0.0)[0], trained(0.0, 0.1)[1]
    for player in range(2):
        for a, b in zip(both[player], alone[player], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert any(
            np.abs(a - b).max() > 1e-3
            for a, b in zip(both[player], start[player], strict=True)
        )


def test_each_direction_reads_its_domain():
    model = small(image_shape_b=(16, 16, 1))
    a, b = (array(x) for x in batch_of(model, n=3))
    there = model.translate(a)
    np.testing.assert_array_equal(there, model.translate(a, direction="ab"))
    np.testing.assert_allclose(there, array(model.generator_ab(a)), atol=1e-5)
    back = model.translate(b, direction="ba")
    np.testing.assert_allclose(back, array(model.generator_ba(b)), atol=1e-5)
    with pytest.raises(ValueError, match=r"\(None, 16, 16, 1\)"):
        model.translate(a, direction="ba")
    with pytest.raises(ValueError, match="direction='ac'"):
        model.translate(a, direction="ac")
    signatures = model.signatures()
    names = ["serving_default", "translate_ab", "translate_ba"]
    assert list(signatures) == names
    shapes = [signatures[name].inputs["x"].shape for name in names]
    assert shapes == [(16, 16, 2), (16, 16, 2), (16, 16, 1)]


def test_domains_come_as_two_arrays():
    model = small()
    model.compile("sgd")
    with pytest.raises(ValueError, match="`y` of CycleGAN must be examples"):
        model.fit(array(batch_of(model).x), verbose=0)


def test_a_pool_holds_a_batch():
    model = small(pool_size=2)
    model.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    a, b = map(array, batch_of(model))
    with pytest.raises(ValueError, match="size=2 and a batch of 4"):
        model.fit(a, b, batch_size=4, verbose=0)
