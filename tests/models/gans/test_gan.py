"""The generative adversarial network: its networks, its players, its bias."""

import inspect
import math

import keras
import numpy as np
import pytest

from keras_gen import GAN
from keras_gen.engine import Batch
from keras_gen.layers import DropoutNoise, Maxout
from keras_gen.losses.adversarial import OBJECTIVES
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "gan": Case(
        input_shape=(3, 2, 1),
        latent_dim=3,
        hidden_units=4,
        discriminator_units=3,
        pieces=2,
        wrong=(
            ({"objective": "hinge"}, ("objective='hinge'", "'minimax'")),
            ({"output_activation": "relu"}, ("'relu'", "'sigmoid'")),
            ({"pieces": 0}, ("`pieces`", "0")),
            ({"prior": "cauchy"}, ("prior='cauchy'", "'spherical'")),
        ),
    ),
    "gan-points": Case(
        input_shape=(2,),
        latent_dim=3,
        hidden_units=4,
        discriminator_units=3,
        pieces=2,
        output_activation=None,
        objective="minimax",
        discriminator_steps=2,
        updates={"discriminator": 2},
        prior="spherical",
    ),
}


def tiny(**options):
    options = {
        "input_shape": (4,),
        "latent_dim": 3,
        "hidden_units": (5,),
        "discriminator_units": (6,),
        "pieces": 2,
        "seed": 0,
        **options,
    }
    return GAN(**options)


def examples(n=6, size=4):
    return np.random.default_rng(0).uniform(size=(n, size)).astype("float32")


def sizes(network):
    return [math.prod(v.shape) for v in network.trainable_variables]


# ---- The networks -----------------------------------------------------------


def test_defaults_are_the_official_codes():
    with keras.StatelessScope(initialize_variables=False):
        model = GAN()
    assert sum(sizes(model.generator)) == 2_503_984
    assert sum(sizes(model.discriminator)) == 1_231_441
    assert model.value_range == (0.0, 1.0)
    low, high = model.prior.low, model.prior.high
    assert (low, high) == (-math.sqrt(3), math.sqrt(3))
    defaults = inspect.signature(GAN).parameters
    assert defaults["objective"].default == "non_saturating"
    assert defaults["discriminator_steps"].default == 1
    assert defaults["discriminator_weight"].default == 1.0
    network = model.discriminator
    levels = [x.level for x in network.layers if isinstance(x, DropoutNoise)]
    assert levels == [0.2, 0.5, 0.5]
    assert not any(isinstance(x, DropoutNoise) for x in model.generator.layers)


def test_initial_weights():
    model = tiny(hidden_units=(40,), discriminator_units=(40,))
    for network, limit in (
        (model.generator, 0.05),
        (model.discriminator, 5e-3),
    ):
        for variable in network.trainable_variables:
            values = array(variable)
            if len(values.shape) == 2:
                assert 0.8 * limit < np.abs(values).max() <= limit
            else:
                assert not values.any()


def test_the_optimizer_is_the_official_codes():
    adams = tiny().default_optimizers()
    for optimizer in adams.values():
        assert isinstance(optimizer, keras.optimizers.SGD)
        assert optimizer.momentum == 0.5
        rate = optimizer._learning_rate
        np.testing.assert_allclose(float(rate(0)), 0.1, rtol=1e-6)
        expected = 0.1 / 1.000004**100_000
        np.testing.assert_allclose(float(rate(100_000)), expected, rtol=1e-2)


def test_presets():
    assert GAN.presets == {
        "paper": {},
        "small": {
            "hidden_units": (512, 512),
            "discriminator_units": (128, 128),
            "ema_decay": 0.999,
        },
        "smoke": {"hidden_units": 32, "discriminator_units": 16, "pieces": 2},
    }


def numpy_discriminator(model, x):
    maxout = next(x for x in model.discriminator.layers if type(x) is Maxout)
    kernel, bias = map(array, maxout.weights)
    pieces = (x @ kernel + bias).reshape(len(x), maxout.units, maxout.pieces)
    kernel, bias = map(array, model.discriminator.layers[-1].weights)
    return (pieces.max(axis=-1) @ kernel + bias)[:, 0]


def test_the_discriminator_is_of_maxout_units():
    model, x = tiny(), examples()
    randomize(model.discriminator)
    np.testing.assert_allclose(
        model.discriminate(x), numpy_discriminator(model, x), rtol=1e-4
    )


# ---- The players ------------------------------------------------------------


@pytest.mark.parametrize("objective", ["non_saturating", "minimax"])
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_against_numpy(player, objective, monkeypatch):
    """Without dropout; both players have draws of their own."""
    model = tiny(objective=objective, discriminator_weight=0.5)
    randomize(model.discriminator)
    z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(z))
    real = numpy_discriminator(model, examples())
    fake = numpy_discriminator(model, model.generate(z))
    expected = {
        "discriminator": 0.5
        * (np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()),
        "generator": np.logaddexp(0, -fake).mean()
        if objective == "non_saturating"
        else -np.logaddexp(0, fake).mean(),
    }
    batch = Batch(tensor(examples()))
    loss, gradients = loss_and_gradients(
        lambda: model.player_loss(player, batch, training=False),
        model.trainable_variables,
    )
    np.testing.assert_allclose(loss, expected[player], rtol=1e-5)
    own = {id(v) for v in model.player_variables(player)}
    if player == "discriminator":
        for variable, gradient in zip(
            model.trainable_variables, gradients, strict=True
        ):
            assert np.any(gradient) == (id(variable) in own), variable.path


def test_dropout_stays_on_where_the_generator_is_scored():
    model, batch = tiny(), Batch(tensor(examples()))
    randomize(model.discriminator)
    losses = {
        training: {
            float(array(model.generator_loss(batch, training)))
            for _ in range(3)
        }
        for training in (False, True)
    }
    z = model.draw_latents(6, seed=3)
    fake = model.generate_step(z)
    first, second = (
        array(model.discriminate_step(fake, training=True)) for _ in range(2)
    )
    assert np.abs(first - second).max() > 0
    assert len(losses[True]) == 3


def test_an_update_moves_one_player_alone():
    model = tiny()
    model.compile("sgd")
    for player, other in (
        ("discriminator", "generator"),
        ("generator", "discriminator"),
    ):
        before = getattr(model, other).get_weights()
        own = getattr(model, player).get_weights()
        model.minimize(player, Batch(tensor(examples())))
        for old, new in zip(
            before, getattr(model, other).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(old, new)
        pairs = zip(own, getattr(model, player).get_weights(), strict=True)
        assert any(np.any(old != new) for old, new in pairs)


def test_several_updates_of_the_discriminator_have_parts_of_their_own(
    monkeypatch,
):
    model, seen = tiny(discriminator_steps=3), []
    model.compile("sgd", run_eagerly=True)
    monkeypatch.setattr(
        model,
        "minimize",
        lambda player, batch: seen.append((player, array(batch.x))),
    )
    x = examples(9)
    model.training_step(Batch(tensor(x)))
    assert [player for player, _ in seen] == ["discriminator"] * 3 + [
        "generator"
    ]
    for i, (_, part) in enumerate(seen[:3]):
        np.testing.assert_array_equal(part, x[3 * i : 3 * i + 3])


def test_the_objective_is_the_one_that_is_chosen():
    for name in ("non_saturating", "minimax"):
        assert tiny(objective=name).objective == OBJECTIVES[name]


def test_training_logs_both_losses():
    model = tiny()
    model.compile()
    logs = training_logs(model, examples())
    # A new discriminator's logits are nearly 0.
    np.testing.assert_allclose(
        logs["discriminator_loss"], 2 * math.log(2), atol=1e-2
    )
    np.testing.assert_allclose(logs["generator_loss"], math.log(2), atol=1e-2)


# ---- The output bias --------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", None])
def test_the_generator_starts_from_the_mean_example(activation):
    model = tiny(output_activation=activation, ema_decay=0.9)
    x = examples(50)
    if activation == "tanh":
        x = 2.0 * x - 1.0
    model.initialize_output_bias(x)
    zeros = np.zeros((2, 3), "float32")
    mean = x.mean(axis=0)
    for found in (model.generate(zeros), array(model.generator(tensor(zeros)))):
        np.testing.assert_allclose(found, np.stack([mean] * 2), atol=1e-5)


def test_pixels_that_never_change_have_a_finite_bias():
    model, x = tiny(), np.zeros((5, 4), "float32")
    model.initialize_output_bias(x)
    images = model.sample(3)
    assert np.isfinite(images).all() and images.max() < 2e-3
    with pytest.raises(ValueError, match=r"`x` of GAN .*\(None, 4\)"):
        model.initialize_output_bias(np.zeros((5, 3)))
    users = tiny(generator=model.generator)
    with pytest.raises(ValueError, match="Set the bias of its last layer"):
        users.initialize_output_bias(x)
