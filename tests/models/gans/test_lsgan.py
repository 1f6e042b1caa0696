"""The least squares GAN: its divergences, its losses, its networks."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import LSGAN
from keras_gen.engine import Batch
from keras_gen.losses.adversarial import least_squares
from tests.contract.case import Case, all_cases
from tests.numerics import (
    array,
    loss_and_gradients,
    one_program,
    run_as_programs,
    tensor,
)

CONTRACT = {
    "lsgan": Case(
        input_shape=(4, 4, 1),
        architecture="characters",
        width=2,
        latent_dim=3,
        num_classes=3,
        wrong=(
            ({"architecture": "vgg"}, ("architecture='vgg'", "'scenes'")),
            ({"coding": "one_hot"}, ("coding='one_hot'", "'zero_one'")),
            ({"coding": (-1.0, 1.0)}, ("three codes", "(-1.0, 1.0)")),
            ({"num_classes": 0}, ("num_classes=0",)),
            ({"input_shape": (10, 8, 1)}, ("(10, 8, 1)", "4 divides")),
            ({"architecture": "mlp"}, ("input_shape=(4, 4, 1)", "(None,)")),
            (
                {"architecture": "scenes", "input_shape": (16, 16, 1)},
                ("num_classes=3", "['characters']"),
            ),
        ),
    ),
    "lsgan-mlp": Case(
        input_shape=(2,),
        architecture="mlp",
        width=4,
        latent_dim=3,
        coding=(-0.7, 1.3, 0.4),
    ),
}
# Two probability tables, and codes with b - c = 1 and b - a = 2.
P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
A, B, C = -1.0, 1.0, 0.0


def tiny(**arguments):
    arguments = {"width": 4, "latent_dim": 3, "seed": 0, **arguments}
    return LSGAN((2,), "mlp", **arguments)


@pytest.fixture(scope="module")
def model():
    return tiny(coding=(-0.7, 1.3, 0.4))


@pytest.fixture(scope="module")
def conditional():
    return all_cases()["lsgan"].prototype


def points(n=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)).astype("float32")


# ---- The objective ----------------------------------------------------------


def test_the_loss_by_hand():
    """The factor 1/2 and the mean."""
    assert float(least_squares(tensor([3.0, -1.0]), 1.0)) == 2.0
    assert float(least_squares(tensor([[1.0], [2.0]]), 0.0)) == 1.25


def test_the_gradient_is_the_distance_and_never_saturates():
    scores = keras.Variable([-50.0, 0.25, 80.0])
    _, (gradient,) = loss_and_gradients(
        lambda: least_squares(ops.convert_to_tensor(scores), 0.5), [scores]
    )
    expected = (np.array([-50.0, 0.25, 80.0]) - 0.5) / 3
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_scores_and_codes_may_be_scaled_and_shifted_together():
    scores = tensor([0.3, -1.2, 2.0])
    loss = float(least_squares(scores, 0.4))
    moved = least_squares(3.0 * scores - 0.7, 3.0 * 0.4 - 0.7)
    assert float(moved) == pytest.approx(9.0 * loss, rel=1e-5)


def test_half_precision_scores_are_squared_in_float32():
    scores = keras.ops.cast(tensor([300.0]), "float16")
    assert float(least_squares(scores, 0.0)) == 45_000.0


def expected_losses(d):
    """The losses under the tables, of the outputs `d` of a discriminator."""
    real, fake, wanted = (
        np.array([float(least_squares(tensor([v]), code)) for v in d])
        for code in (B, A, C)
    )
    return P @ real + Q @ fake, Q @ wanted, P @ wanted


def test_the_best_discriminator_is_the_papers():
    """`D* = (b p + a q) / (p + q)`: every other has a larger loss."""
    best = (B * P + A * Q) / (P + Q)
    least = expected_losses(best)[0]
    for step in (*np.eye(3), -np.ones(3)):
        assert expected_losses(best + 1e-2 * step)[0] > least
        assert expected_losses(best - 1e-2 * step)[0] > least


def test_the_generator_minimizes_the_pearson_divergence():
    """Twice its loss, with that of the real data that the paper adds, is
    `chi^2(p + q || 2 q) = sum (p - q)^2 / (p + q)`."""
    best = (B * P + A * Q) / (P + Q)
    _, fake, real = expected_losses(best)
    pearson = np.sum((P - Q) ** 2 / (P + Q))
    np.testing.assert_allclose(pearson, 0.348571, atol=1e-6)
    np.testing.assert_allclose(2 * (fake + real), pearson, rtol=1e-6)


def test_where_the_tables_agree_nobody_knows():
    """`D* = (a + b) / 2`: for the codes 0 and 1 the loss is 1/4."""
    half = tensor([0.5, 0.5])
    loss = least_squares(half, 1.0) + least_squares(half, 0.0)
    assert float(loss) == 0.25


def test_codings_are_the_papers():
    for coding, codes in {
        "zero_one": (0.0, 1.0, 1.0),
        "pearson": (-1.0, 1.0, 0.0),
        (0.1, 0.9, 0.8): (0.1, 0.9, 0.8),
    }.items():
        game = tiny(coding=coding).objective
        a, b, c = (tensor([code]) for code in codes)
        assert float(game.discriminator(b, a)) == 0.0
        assert float(game.discriminator(b + 1.0, a)) == pytest.approx(0.5)
        assert float(game.discriminator(b, a + 1.0)) == pytest.approx(0.5)
        assert float(game.generator(c)) == 0.0
        assert float(game.generator(c - 2.0)) == pytest.approx(2.0)
    assert inspect.signature(LSGAN).parameters["coding"].default == "zero_one"


def mlp(network, x):
    """The networks of points, in NumPy."""
    *hidden, last = [
        layer.get_weights() for layer in network.layers if layer.weights
    ]
    for kernel, bias in hidden:
        x = np.tanh(x @ kernel + bias)
    return x @ last[0] + last[1]


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_against_numpy(player, model, monkeypatch):
    """With codes that are all different."""
    z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(z))
    x = points()
    real = mlp(model.discriminator, x)
    fake = mlp(model.discriminator, mlp(model.generator, z))
    expected = {
        "discriminator": 0.5 * np.mean((real - 1.3) ** 2)
        + 0.5 * np.mean((fake + 0.7) ** 2),
        "generator": 0.5 * np.mean((fake - 0.4) ** 2),
    }
    loss, gradients = loss_and_gradients(
        lambda: model.player_loss(player, Batch(tensor(x)), training=True),
        model.trainable_variables,
    )
    np.testing.assert_allclose(loss, expected[player], rtol=1e-5)
    # Neither loss teaches the other player, and no output saturates.
    own = {id(v) for v in model.player_variables(player)}
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        if player == "discriminator":
            assert np.any(gradient) == (id(variable) in own), variable.path


def test_outputs_are_linear(model):
    """No sigmoid: scores leave [0, 1]."""
    scores = model.discriminate(100.0 * points())
    np.testing.assert_allclose(
        scores, mlp(model.discriminator, 100.0 * points())[:, 0], rtol=1e-4
    )
    assert scores.max() > 1.0 or scores.min() < 0.0


def test_batches_are_normalized_in_training_alone(conditional):
    x = tensor(np.random.default_rng(0).uniform(size=(4, 4, 4, 1)))
    y = tensor(np.array([2, 0, 1, 1], "int32"))
    variables = conditional.discriminator.variables

    def scores(function, *args, **options):
        state = conditional.get_weights()
        found = one_program(lambda: function(*args, **options), variables)()
        conditional.set_weights(state)
        return np.ravel(array(found))

    found = scores(conditional.discriminate_step, x, y)
    normalized = scores(conditional.discriminate_step, x, y, training=True)
    network = conditional.discriminator
    for expected, training in ((found, False), (normalized, True)):
        np.testing.assert_allclose(
            scores(network, [x, y], training=training), expected, rtol=1e-4
        )
    assert np.abs(found - normalized).max() > 1e-5


# ---- Labels -----------------------------------------------------------------


def test_both_networks_are_given_the_labels_of_the_batch(
    conditional, monkeypatch
):
    model, seen = conditional, []
    generate, discriminate = model.generate_step, model.discriminate_step
    monkeypatch.setattr(
        model,
        "generate_step",
        lambda z, y, training: (seen.append(y), generate(z, y, training))[1],
    )
    monkeypatch.setattr(
        model,
        "discriminate_step",
        lambda x, y, training: (
            seen.append(y),
            discriminate(x, y, training),
        )[1],
    )
    x = tensor(np.random.default_rng(0).uniform(size=(4, 4, 4, 1)))
    y = tensor(np.array([2, 0, 1, 1], "int32"))

    def labels_seen():
        for player in model.players:
            model.player_loss(player, Batch(x, y), training=False)
        return list(seen)

    found = one_program(labels_seen, model.variables)()
    assert len(found) == 5
    for labels in found:
        np.testing.assert_array_equal(array(labels), [2, 0, 1, 1])


def test_a_discriminator_of_labels_must_be_given_them(conditional, monkeypatch):
    run_as_programs(monkeypatch, conditional)
    x = np.zeros((2, 4, 4, 1), "float32")
    assert conditional.discriminate(x, labels=1).shape == (2,)
    with pytest.raises(ValueError, match="`labels` of LSGAN must be given"):
        conditional.discriminate(x)


# ---- Settings -----------------------------------------------------------


def test_defaults_are_the_papers():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(LSGAN).parameters.items()
    }
    assert defaults["input_shape"] == (112, 112, 3)
    assert defaults["architecture"] == "scenes"
    assert (defaults["latent_dim"], defaults["prior"]) == (1024, "uniform")
    rates = {
        "scenes": (1e-3, 1e-3),
        "characters": (2e-4, 2e-4),
        "mlp": (1e-4, 1e-3),
    }
    model = tiny()
    for architecture, expected in rates.items():
        model.architecture = architecture
        adams = model.default_optimizers()
        for player, rate in zip(model.players, expected, strict=True):
            assert float(adams[player].learning_rate) == pytest.approx(rate)
            assert (adams[player].beta_1, adams[player].beta_2) == (0.5, 0.999)
            assert adams[player].epsilon == 1e-8


def test_presets():
    assert LSGAN.presets == {
        "paper": {},
        "characters": {
            "input_shape": (28, 28, 1),
            "architecture": "characters",
        },
        "ring": {
            "input_shape": (2,),
            "architecture": "mlp",
            "latent_dim": 256,
            "prior": "normal",
        },
        "small": {
            "architecture": "characters",
            "width": 32,
            "latent_dim": 64,
            "ema_decay": 0.999,
        },
        "smoke": {"architecture": "characters", "width": 4, "latent_dim": 16},
    }
