"""InfoGAN: its bound of the mutual information, who learns it, its codes."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import InfoGAN
from keras_gen.distributions import Normal
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    num_parameters,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "infogan": Case(
        image_shape=(4, 4, 1),
        noise_dim=3,
        categorical_dims=(3,),
        continuous_dim=2,
        width=2,
        logits=("discriminator",),
        wrong=(
            ({"image_shape": (6, 4, 1)}, ("(6, 4, 1)", "4 divides")),
            ({"noise_dim": 0}, ("noise_dim=0",)),
            ({"continuous_weight": -1.0}, ("continuous_weight=-1.0",)),
        ),
    ),
}
N = 6


def tiny(**options):
    options = {"categorical_dims": (3, 2), "noise_dim": 3, **options}
    return InfoGAN(
        **{"image_shape": (4, 4, 1), "width": 2, "seed": 0, **options}
    )


def dense_networks(codes=(3, 2, 2, 2), sizes=(3, 3, 2, 2)):
    """Without batch normalization."""
    z = [keras.Input((size,)) for size in sizes]
    x = layers.Dense(16, "sigmoid")(layers.Concatenate()(z))
    images = keras.Input((4, 4, 1))
    h = layers.Flatten()(images)
    outputs = [layers.Dense(size)(h) for size in (1, *codes)]
    networks = {
        "generator": keras.Model(z, layers.Reshape((4, 4, 1))(x)),
        "discriminator": keras.Model(images, outputs),
    }
    for seed, network in enumerate(networks.values()):
        randomize(network, seed=seed)
    return networks


@pytest.fixture(scope="module")
def model():
    return tiny(
        fixed_std=False,
        categorical_weight=0.7,
        continuous_weight=0.3,
        **dense_networks(),
    )


def images():
    rng = np.random.default_rng(0)
    return rng.uniform(size=(N, 4, 4, 1)).astype("float32")


def latents(model, seed=3):
    return [array(part) for part in model.draw_latents(N, seed=seed)]


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def information(z, outputs, fixed_std=False):
    """The two bounds, in NumPy."""
    _, first, second, mean, *log_variance = outputs
    log_variance = 0.0 * mean if fixed_std else log_variance[0]
    categorical = math.log(3) + math.log(2)
    for code, logits in ((z[1], first), (z[2], second)):
        categorical += (code * log_softmax(logits)).sum(axis=1).mean()
    squares = (z[3] - mean) ** 2 / np.exp(log_variance)
    density = -0.5 * (math.log(2 * math.pi) + log_variance + squares)
    return categorical, 2 * math.log(2) + density.sum(axis=1).mean()


# ---- The bound --------------------------------------------------------------


@pytest.mark.parametrize("fixed_std", [False, True])
def test_the_bounds_against_numpy(fixed_std):
    codes = (3, 2, 2) if fixed_std else (3, 2, 2, 2)
    model = tiny(fixed_std=fixed_std, **dense_networks(codes))
    z = latents(model)
    fake = model.generate(tuple(z))
    outputs = [array(part) for part in model.discriminator(tensor(fake))]
    _, logits, normal = model.source_and_codes(tensor(fake))
    found = model.information([tensor(part) for part in z], logits, normal)
    expected = information(z, outputs, fixed_std)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(ours), theirs, rtol=1e-4)


def bounds(model, z, logits, mean):
    normal = Normal(tensor(mean), tensor(np.zeros_like(mean)))
    parts = [tensor(part) for part in z]
    found = model.information(parts, list(map(tensor, logits)), normal)
    return [float(array(value)) for value in found]


def test_what_is_not_known_and_what_is(model):
    """0 of equal logits; the entropy of the codes where they are certain. One
    unit of standard deviation costs `log sqrt(2 pi)` in each dimension."""
    z = latents(model)
    nothing, _ = bounds(model, z, [0 * z[1], 0 * z[2]], z[3])
    assert nothing == pytest.approx(0.0, abs=1e-6)
    everything, exact = bounds(model, z, [50 * z[1], 50 * z[2]], z[3])
    assert everything == pytest.approx(math.log(6), abs=1e-5)
    expected = 2 * (math.log(2) - 0.9189385)
    assert exact == pytest.approx(expected, abs=1e-5)
    _, shifted = bounds(model, z, [z[1], z[2]], z[3] + 0.5)
    assert shifted == pytest.approx(expected - 0.25, abs=1e-5)


def test_the_bound_is_tight_for_the_exact_posterior():
    """A channel of two symbols and an error of 0.1: `I = log 2 - H(0.1)`."""
    model, n = tiny(categorical_dims=(2,), continuous_dim=0), 4000
    rng = np.random.default_rng(0)
    code = rng.integers(0, 2, n)
    seen = np.where(rng.uniform(size=n) < 0.1, 1 - code, code)
    logits = np.log(np.where(np.eye(2)[seen] > 0, 0.9, 0.1))
    z = [tensor(np.zeros((n, 3))), tensor(np.eye(2)[code])]
    found, continuous = model.information(z, [tensor(logits)], None)
    exact = math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1)
    # The deviation of log Q is 0.66; three standard errors.
    assert float(array(found)) == pytest.approx(exact, abs=3 * 0.66 / n**0.5)
    assert continuous == 0.0


# ---- The players ------------------------------------------------------------


@pytest.fixture
def fixed(monkeypatch, model):
    z = latents(model)
    draws = tuple(map(tensor, z))
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: draws)
    return z


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_and_who_learns_them(model, fixed, player):
    """`Q` and the shared layers learn with the discriminator."""
    fake = model.generate(tuple(fixed))
    outputs = [array(part) for part in model.discriminator(tensor(fake))]
    real, source = model.discriminate(images()), outputs[0][:, 0]
    categorical, continuous = information(fixed, outputs)
    bound = 0.7 * categorical + 0.3 * continuous
    expected = {
        "discriminator": np.logaddexp(0, -real).mean()
        + np.logaddexp(0, source).mean()
        - bound,
        "generator": np.logaddexp(0, -source).mean() - bound,
    }
    loss, gradients = loss_and_gradients(
        lambda: model.player_loss(player, Batch(tensor(images())), False),
        model.trainable_variables,
    )
    np.testing.assert_allclose(loss, expected[player], rtol=1e-4)
    if player == "discriminator":
        own = {id(v) for v in model.discriminator.trainable_variables}
        for variable, gradient in zip(
            model.trainable_variables, gradients, strict=True
        ):
            assert np.any(gradient) == (id(variable) in own), variable.path
    assert model.players[player] == [player]


def test_without_weights_it_is_a_gan(model, fixed, monkeypatch):
    monkeypatch.setattr(model, "categorical_weight", 0.0)
    monkeypatch.setattr(model, "continuous_weight", 0.0)
    fake = model.discriminate(model.generate(tuple(fixed)))
    loss, gradients = loss_and_gradients(
        lambda: model.generator_loss(Batch(tensor(images())), False),
        model.discriminator.trainable_variables,
    )
    np.testing.assert_allclose(loss, np.logaddexp(0, -fake).mean(), rtol=1e-5)
    # Kernel and bias of the logit alone.
    assert [bool(np.any(g)) for g in gradients] == [True] * 2 + [False] * 8


def test_real_images_have_no_codes(model, fixed, monkeypatch):
    """The bound does not change with them."""
    found = []
    for x in (images(), 1.0 - images()):
        logs = training_logs(model, x)
        found.append(
            (logs["categorical_information"], logs["continuous_information"])
        )
    assert found[0] == pytest.approx(found[1], rel=1e-6)


# ---- The codes --------------------------------------------------------------


def test_latents_are_noise_and_codes():
    model = tiny()
    noise, first, second, continuous = (
        array(part) for part in model.draw_latents(500, seed=0)
    )
    for part, size in ((noise, 3), (continuous, 2)):
        assert part.shape == (500, size)
        assert part.min() < -0.9 and part.max() > 0.9
        assert np.abs(part).max() <= 1.0
    for part, size in ((first, 3), (second, 2)):
        assert part.shape == (500, size)
        np.testing.assert_array_equal(part.sum(axis=1), 1.0)
        assert set(np.unique(part)) == {0.0, 1.0}


def test_codes_of_images(model):
    first, second, mean = model.infer_codes(images())
    outputs = [array(part) for part in model.discriminator(tensor(images()))]
    np.testing.assert_allclose(
        first, np.exp(log_softmax(outputs[1])), rtol=1e-4
    )
    np.testing.assert_allclose(
        second, np.exp(log_softmax(outputs[2])), rtol=1e-4
    )
    np.testing.assert_allclose(mean, outputs[3], rtol=1e-5)


def test_traversals_vary_one_code(model):
    z = latents(model)
    for code, values in ((1, None), (2, [-1.5, 0.0]), (3, None)):
        rows = model.traverse_code(code, num_samples=N, values=values, seed=3)
        steps = 2 if code < 3 else 10
        assert rows.shape == (N, steps, 4, 4, 1)
        for i in range(steps):
            parts = [part.copy() for part in z]
            if code == 1:
                parts[2] = np.eye(2, dtype="float32")[[i] * N]
            else:
                value = values[i] if values else np.linspace(-2, 2, 10)[i]
                parts[3][:, code - 2] = value
            np.testing.assert_allclose(
                rows[:, i], model.generate(tuple(parts)), atol=1e-5
            )
    with pytest.raises(ValueError, match="`code` must be from 0 to 3.*code=4"):
        model.traverse_code(4)


def test_there_may_be_no_codes_of_a_kind():
    for options, missing, codes in (
        ({"categorical_dims": ()}, "categorical_information", 1),
        ({"continuous_dim": 0}, "continuous_information", 2),
    ):
        model = tiny(**options)
        logs = training_logs(model, images())
        assert np.isfinite(list(logs.values())).all()
        assert logs[missing] == 0.0
        assert len(model.infer_codes(images())) == codes


# ---- The networks -----------------------------------------------------------


def test_parameters_are_the_official_codes():
    with keras.StatelessScope(initialize_variables=False):
        model, learned = InfoGAN(), InfoGAN(fixed_std=False)
    assert num_parameters(model.generator) == 6_652_481
    # That code has the layer of standard deviations even where it is not used.
    total, unused = 6_558_144 + 1_025 + 133_262, 2 * 128 + 2
    assert num_parameters(learned.discriminator) == total
    assert num_parameters(model.discriminator) == total - unused
    assert model.latent_dim == 74
    slopes = {
        x.negative_slope
        for x in model.discriminator.layers
        if isinstance(x, layers.LeakyReLU)
    }
    assert slopes == {0.1}
    defaults = inspect.signature(InfoGAN).parameters
    assert "prior" not in defaults and "latent_dim" not in defaults
    rates = {
        player: float(adam.learning_rate)
        for player, adam in model.default_optimizers().items()
    }
    assert rates == pytest.approx({"discriminator": 2e-4, "generator": 1e-3})
    assert all(a.beta_1 == 0.5 for a in model.default_optimizers().values())
