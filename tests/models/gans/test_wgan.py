"""The Wasserstein GAN: its estimate, its clipping, its rhythm."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import WGAN
from keras_gen.engine import Batch
from keras_gen.models.gans import wgan
from tests.contract.case import Case
from tests.numerics import (
    array,
    linear,
    loss_and_gradients,
    num_parameters,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "wgan": Case(
        input_shape=(8, 8, 1),
        latent_dim=3,
        width=2,
        critic_steps=2,
        updates={"critic": 2},
        wrong=(
            ({"architecture": "vit"}, ("architecture='vit'", "'mlp'")),
            ({"input_shape": (8, 6, 1)}, ("(8, 6, 1)", "at least 8")),
            ({"critic_steps": 0}, ("critic_steps=0", "above 0")),
            ({"clip": 0.0}, ("clip=0.0", "above 0")),
        ),
    ),
    "wgan-mlp": Case(
        input_shape=(2,),
        latent_dim=3,
        architecture="mlp",
        width=4,
        critic_steps=2,
        updates={"critic": 2},
        # The bias of the score cancels out between real and fake.
        unmoved={"critic": 1},
    ),
}


def tiny(**options):
    """A linear critic of points."""
    options = {"architecture": "mlp", "width": 4, "latent_dim": 3, **options}
    if "critic" not in options:
        options["critic"] = keras.Sequential(
            [keras.Input((2,)), layers.Dense(1)]
        )
    return WGAN((2,), seed=0, **options)


def points(n=8, seed=0, mean=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 2)) + mean).astype("float32")


def trained(model, x, steps=1):
    """What the last of some steps logs."""
    history = model.fit(x, batch_size=len(x), epochs=steps, verbose=0)
    return {name: values[-1] for name, values in history.history.items()}


# ---- The networks -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "generator", "critic"),
    [
        ({}, 3_576_704, 2_765_568),
        ({"batch_norm": False}, 3_574_784, 2_763_776),
        ({"architecture": "mlp"}, 6_880_768, 6_817_793),
    ],
)
def test_parameters_are_those_of_the_official_code(options, generator, critic):
    with keras.StatelessScope(initialize_variables=False):
        model = WGAN(**options)
    assert num_parameters(model.generator) == generator
    assert num_parameters(model.critic) == critic


def test_defaults_are_the_papers():
    defaults = inspect.signature(WGAN).parameters
    expected = {
        "input_shape": (64, 64, 3),
        "latent_dim": 100,
        "prior": "normal",
        "critic_steps": 5,
        "clip": 0.01,
        "warmup": False,
        "batch_norm": True,
    }
    assert {name: defaults[name].default for name in expected} == expected
    for optimizer in tiny().default_optimizers().values():
        assert isinstance(optimizer, keras.optimizers.RMSprop)
        assert float(optimizer.learning_rate) == pytest.approx(5e-5)
        assert (optimizer.rho, optimizer.epsilon) == (0.99, 1e-16)
        assert optimizer.momentum == 0.0
    assert (wgan.WARMUP_STEPS, wgan.WARMUP_UPDATES) == (100, 25)
    assert wgan.WARMUP_EVERY == 500


def test_scores_are_linear_outputs():
    model = tiny(critic=None)
    last = model.critic.layers[-1]
    assert last.activation is keras.activations.linear
    last = model.generator.layers[-2]
    assert last.activation is keras.activations.linear


# ---- The losses -------------------------------------------------------------


def test_losses_by_hand(monkeypatch):
    model, w = tiny(), np.array([[0.5], [-2.0]])
    linear(model.critic, w, [0.7])
    randomize(model.generator)
    z = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(z))
    x, fake = points(), model.generate(z)
    distance = float(((x.mean(0) - fake.mean(0)) @ w)[0])
    loss, (by_w, by_b) = loss_and_gradients(
        lambda: model.critic_loss(Batch(tensor(x)), training=True),
        model.critic.trainable_variables,
    )
    assert loss == pytest.approx(-distance, rel=1e-5)
    slope = (fake.mean(0) - x.mean(0))[:, None]
    np.testing.assert_allclose(by_w, slope, rtol=1e-4, atol=1e-6)
    # A constant changes no difference of scores.
    np.testing.assert_allclose(by_b, [0.0], atol=1e-6)
    loss = model.generator_loss(Batch(tensor(x)), training=True)
    expected = -float((fake.mean(0) @ w)[0]) - 0.7
    assert float(array(loss)) == pytest.approx(expected, rel=1e-5)


def test_the_estimate_is_logged(monkeypatch):
    model = tiny(critic_steps=1)
    model.compile("sgd")
    logs = training_logs(model, points())
    assert logs["wasserstein_estimate"] == pytest.approx(
        -logs["critic_loss"], rel=1e-6
    )


def test_equal_batches_are_at_no_distance(monkeypatch):
    model, x = tiny(critic=None), points()
    monkeypatch.setattr(
        model, "generate_for", lambda batch, training=False: batch.x
    )
    loss = model.critic_loss(Batch(tensor(x)), training=True)
    assert float(array(loss)) == 0.0


# ---- Clipping ---------------------------------------------------------------


def test_all_weights_of_the_critic_are_clipped():
    """Kernels, biases, scales of batch normalization; not the generator's."""
    model = WGAN((16, 16, 1), width=2, latent_dim=3, critic_steps=2, seed=0)
    model.compile(keras.optimizers.SGD(0.1))
    x = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1))
    assert max(np.abs(w).max() for w in model.critic.get_weights()) > 0.5
    trained(model, x.astype("float32"))
    c = np.float32(0.01)
    for variable in model.critic.trainable_variables:
        assert np.abs(array(variable)).max() <= c, variable.path
    kernel = array(model.generator.trainable_variables[0])
    assert np.abs(kernel).max() > c


def test_a_linear_critic_finds_the_distance():
    """Its best weights are at the corners: `c ||E x - E G(z)||_1`."""
    model = tiny(critic_steps=1)
    model.compile(
        {
            "critic": keras.optimizers.SGD(0.05),
            "generator": keras.optimizers.SGD(0.0),
        }
    )
    linear(model.generator, np.zeros((4, 2)), [0.2, -0.1], layer=-2)
    x = points(200, mean=(1.0, -3.0))
    logs = trained(model, x, 3)
    shift = x.mean(axis=0) - [0.2, -0.1]
    kernel = array(model.critic.trainable_variables[0])
    np.testing.assert_allclose(kernel[:, 0], 0.01 * np.sign(shift), rtol=1e-6)
    expected = 0.01 * np.abs(shift).sum()
    assert logs["wasserstein_estimate"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("t", [-3.0, 0.5, 40.0])
def test_parallel_lines(t):
    """The gradient by the distance of two lines is `c sign(t)`, near and far;
    the divergence of Jensen and Shannon is constant there."""
    at = {}
    for shift in (t, t + 0.1 * np.sign(t)):
        model = tiny(critic_steps=1)
        model.compile(keras.optimizers.SGD(1.0))
        linear(model.generator, np.zeros((4, 2)), [shift, 0.0], layer=-2)
        model.optimizer["generator"].learning_rate = 0.0
        x = np.zeros((4, 2), "float32")
        at[shift] = trained(model, x, 5)["wasserstein_estimate"]
    first, second = at.values()
    assert first == pytest.approx(0.01 * abs(t), rel=1e-4)
    assert second - first == pytest.approx(1e-3, rel=1e-2)


# ---- The rhythm -------------------------------------------------------------


def updates(model):
    return [int(model.optimizer[p].iterations) for p in ("critic", "generator")]


def test_critic_updates_for_each_of_the_generators():
    model = tiny(critic_steps=3)
    model.compile("sgd")
    model.fit(points(24), batch_size=6, verbose=0)
    assert updates(model) == [12, 4]


def test_each_critic_update_has_its_part_of_the_batch(monkeypatch):
    model, seen = tiny(critic_steps=3), []
    model.compile("sgd")
    monkeypatch.setattr(
        model,
        "minimize",
        lambda player, batch: seen.append((player, array(batch.x))),
    )
    x = points(9)
    model.training_step(Batch(tensor(x)))
    assert [player for player, _ in seen] == ["critic"] * 3 + ["generator"]
    found = np.concatenate([part for _, part in seen[:3]])
    np.testing.assert_array_equal(found, x)


def test_the_critic_is_trained_longer_at_first_and_every_so_often(monkeypatch):
    """With 6 updates before the first 2 of the generator and every fourth."""
    monkeypatch.setattr(wgan, "WARMUP_STEPS", 6)
    monkeypatch.setattr(wgan, "WARMUP_UPDATES", 2)
    monkeypatch.setattr(wgan, "WARMUP_EVERY", 4)
    model = tiny(critic_steps=2, warmup=True)
    model.compile("sgd")
    # Critic updates before each update of the generator.
    needed, critic = [6, 6, 2, 2, 6, 2, 2, 2, 6], 0
    expected, rhythm, since = [], iter(needed), 0
    target = next(rhythm)
    generator = 0
    for _ in range(12):
        critic, since = critic + 2, since + 2
        if since >= target:
            generator, since, target = generator + 1, 0, next(rhythm)
        expected.append([critic, generator])
    found = []
    for step in range(12):
        before = model.generator.get_weights()
        trained(model, points(4, seed=step))
        found.append(updates(model))
        moved = any(
            np.any(a != b)
            for a, b in zip(before, model.generator.get_weights(), strict=True)
        )
        last = expected[step - 1][1] if step else 0
        assert moved == (expected[step][1] > last)
    assert found == expected
    assert expected[-1] == [24, 6]
