"""The energy-based GAN: its energy, its margin, who learns what."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import EBGAN, Schedule
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
    "ebgan": Case(
        input_shape=(3, 2, 1),
        latent_dim=3,
        generator_units=4,
        hidden_units=(4, 3),
        pulling_away_weight=0.1,
        activations={"generator": ["sigmoid"]},
        # Below the margin, so that the generator's images count.
        margin=100.0,
        wrong=(
            ({"energy": "l1"}, ("energy='l1'", "'l2'")),
            ({"architecture": "vit"}, ("architecture='vit'", "'conv'")),
            ({"margin": -1.0}, ("margin", "-1.0")),
            ({"pulling_away_weight": -0.1}, ("pulling_away_weight=-0.1",)),
        ),
    ),
    "ebgan-conv": Case(
        input_shape=(8, 8, 1),
        latent_dim=3,
        architecture="conv",
        base_filters=3,
        margin=100.0,
    ),
}
M = 1.7


def tiny(**options):
    options = {"latent_dim": 3, "generator_units": 5, **options}
    return EBGAN(
        **{"input_shape": (4,), "hidden_units": (6, 3), "seed": 0, **options}
    )


def linear_networks():
    """Without batch normalization."""
    z, x, code = keras.Input((3,)), keras.Input((4,)), keras.Input((2,))
    networks = {
        "generator": keras.Model(z, layers.Dense(4)(z)),
        "encoder": keras.Model(x, layers.Dense(2)(x)),
        "decoder": keras.Model(code, layers.Dense(4)(code)),
    }
    for seed, network in enumerate(networks.values()):
        randomize(network, seed=seed)
    return networks


Z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")


@pytest.fixture
def model(monkeypatch):
    model = tiny(margin=M, pulling_away_weight=0.3, **linear_networks())
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(Z))
    return model


def examples(n=6):
    return np.random.default_rng(0).normal(size=(n, 4)).astype("float32")


def affine(network, x):
    kernel, bias = network.get_weights()
    return x @ kernel + bias


def energy(model, x):
    code = affine(model.encoder, x)
    return np.linalg.norm(x - affine(model.decoder, code), axis=1), code


def pulled(code):
    unit = code / np.linalg.norm(code, axis=1, keepdims=True)
    n = len(code)
    return (((unit @ unit.T) ** 2).sum() - n) / (n * (n - 1))


# ---- The energy -------------------------------------------------------------


def test_energies_are_errors_of_reconstructions(model):
    squares = energy(model, examples())[0] ** 2
    for kind, expected in (
        ("l2", np.sqrt(squares)),
        ("squared_error", squares),
        ("mean_squared_error", squares / 4),
    ):
        model.energy_kind = kind
        found = model.energy(examples())
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        np.testing.assert_allclose(
            model.discriminate(examples()), -expected, rtol=1e-4
        )


def test_a_perfect_reconstruction_has_none(model):
    model.encoder.layers[-1].set_weights([np.eye(4)[:, :2], np.zeros(2)])
    model.decoder.layers[-1].set_weights([np.eye(4)[:2], np.zeros(4)])
    x = examples() * [1, 1, 0, 0]
    np.testing.assert_allclose(model.energy(x), 0.0, atol=2e-6)
    loss, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(Batch(tensor(x)), False),
        model.encoder.trainable_variables,
    )
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in gradients)


def test_codes_and_reconstructions(model):
    _, code = energy(model, examples())
    np.testing.assert_allclose(model.encode(examples()), code, rtol=1e-4)
    expected = affine(model.decoder, code)
    found = model.reconstruct(examples())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="`labels` of EBGAN must be None"):
        model.reconstruct(examples(), labels=1)


# ---- The players ------------------------------------------------------------


def test_the_margin_is_of_each_example(model):
    """Not of their mean; beyond it there is no gradient."""
    fake, _ = energy(model, affine(model.generator, Z))
    real, _ = energy(model, examples())
    assert fake.min() < M < fake.max()
    loss, _ = loss_and_gradients(
        lambda: model.discriminator_loss(Batch(tensor(examples())), False),
        model.player_variables("discriminator"),
    )
    expected = real.mean() + np.maximum(0.0, M - fake).mean()
    assert expected != pytest.approx(real.mean() + max(0, M - fake.mean()))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_without_a_margin_it_is_an_autoencoder(model):
    model.margin = 0.0
    loss, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(Batch(tensor(examples())), False),
        model.player_variables("discriminator"),
    )
    real, _ = energy(model, examples())
    np.testing.assert_allclose(loss, real.mean(), rtol=1e-5)
    alone, expected = loss_and_gradients(
        lambda: keras.ops.mean(model.energy_and_code(tensor(examples()))[0]),
        model.player_variables("discriminator"),
    )
    for found, gradient in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, gradient, rtol=1e-4, atol=1e-6)


def test_the_generators_loss(model):
    fake, code = energy(model, affine(model.generator, Z))
    batch = Batch(tensor(examples()))
    loss, gradients = loss_and_gradients(
        lambda: model.generator_loss(batch, False),
        model.generator.trainable_variables,
    )
    expected = fake.mean() + 0.3 * pulled(code)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    # By finite differences, through both of the arguments of the norm.
    kernel = model.generator.trainable_variables[0]
    value, step = array(kernel).copy(), 1e-2
    for i, j in ((0, 1), (2, 3)):
        found = []
        for sign in (1.0, -1.0):
            moved = value.copy()
            moved[i, j] += sign * step
            kernel.assign(moved)
            e, c = energy(model, affine(model.generator, Z))
            found.append(e.mean() + 0.3 * pulled(c))
        kernel.assign(value)
        slope = (found[0] - found[1]) / (2 * step)
        assert gradients[0][i, j] == pytest.approx(slope, rel=1e-2, abs=1e-4)


def test_who_learns_what(model):
    loss, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(Batch(tensor(examples())), False),
        model.trainable_variables,
    )
    own = {id(v) for v in model.generator.trainable_variables}
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        assert np.any(gradient) == (id(variable) not in own), variable.path
    assert model.players == {
        "discriminator": ["encoder", "decoder"],
        "generator": ["generator"],
    }


def test_the_pulling_away_term_is_the_generators_alone(model):
    losses = []
    for weight in (0.0, 5.0):
        model.pulling_away_weight = weight
        logs = training_logs(model, examples())
        losses.append((logs["discriminator_loss"], logs["generator_loss"]))
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-6)
    _, code = energy(model, affine(model.generator, Z))
    difference = losses[1][1] - losses[0][1]
    assert difference == pytest.approx(5.0 * pulled(code), rel=1e-4)
    assert logs["pulling_away"] == pytest.approx(pulled(code), rel=1e-4)
    fake, _ = energy(model, affine(model.generator, Z))
    real, _ = energy(model, examples())
    assert logs["energy_real"] == pytest.approx(real.mean(), rel=1e-4)
    assert logs["energy_fake"] == pytest.approx(fake.mean(), rel=1e-4)


def test_the_margin_may_decay(model):
    model.margin = Schedule(4.0, 0.0, over=2, unit="epochs")
    fake, _ = energy(model, affine(model.generator, Z))
    real, _ = energy(model, examples())
    for epoch, margin in ((0, 4.0), (1, 2.0), (2, 0.0)):
        model.epochs_seen.assign(epoch)
        loss = model.discriminator_loss(Batch(tensor(examples())), True)
        expected = real.mean() + np.maximum(0.0, margin - fake).mean()
        assert float(array(loss)) == pytest.approx(expected, rel=1e-5)


def test_the_best_energy_of_two_tables():
    """`m` where `p < q`, else 0: the value is `m sum min(p, q)`, 6 here."""
    p, q, m = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6]), 10.0

    def value(d):
        return p @ d + q @ np.maximum(0.0, m - d)

    best = np.where(p < q, m, 0.0)
    assert value(best) == pytest.approx(6.0)
    for step in np.eye(3):
        for d in (best + step, best - step):
            assert value(np.clip(d, 0.0, m)) >= value(best)
    assert value(np.full(3, 4.0)) == pytest.approx(m)


# ---- The networks -----------------------------------------------------------


def test_defaults_are_the_papers_best_of_its_grid():
    with keras.StatelessScope(initialize_variables=False):
        model = EBGAN()
    kernels = [v.shape for v in model.generator.weights if v.ndim == 2]
    assert [tuple(s) for s in kernels] == [
        (100, 1600),
        *[(1600, 1600)] * 3,
        (1600, 784),
    ]
    kernels = [
        tuple(v.shape)
        for network in (model.encoder, model.decoder)
        for v in network.weights
        if v.ndim == 2
    ]
    assert kernels == [(784, 1024), (1024, 784)]
    defaults = inspect.signature(EBGAN).parameters
    assert defaults["margin"].default == 10.0
    assert defaults["energy"].default == "l2"
    assert defaults["pulling_away_weight"].default == 0.0
    adam = model.default_optimizer()
    assert float(adam.learning_rate) == pytest.approx(1e-3)
    assert adam.beta_1 == 0.9


def test_convolutional_networks_mirror_each_other():
    with keras.StatelessScope(initialize_variables=False):
        model = EBGAN.from_preset("faces")
    encoder = [
        x.filters for x in model.encoder.layers if isinstance(x, layers.Conv2D)
    ]
    decoder = [
        x.filters
        for x in model.decoder.layers
        if isinstance(x, layers.Conv2DTranspose)
    ]
    assert (encoder, decoder) == ([64, 128, 256], [128, 64, 3])
    for network, normalized in (
        (model.encoder, [False, True, True]),
        (model.decoder, [True, True]),
    ):
        found = [
            x for x in network.layers if not isinstance(x, layers.InputLayer)
        ]
        slopes = [
            i for i, x in enumerate(found) if hasattr(x, "negative_slope")
        ]
        assert {found[i].negative_slope for i in slopes} == {0.2}
        # Batch normalization stands in front, but in the first layer.
        norms = [hasattr(found[i - 1], "moving_mean") for i in slopes]
        assert norms == normalized
        assert all(
            x.kernel_size == (4, 4) for x in found if hasattr(x, "kernel_size")
        )
    assert model.code_size == 8 * 8 * 256
    assert model.value_range == (-1.0, 1.0) and model.margin == 20.0
    assert num_parameters(model.generator) == 3_576_704
    adam = model.default_optimizer()
    assert (float(adam.learning_rate), adam.beta_1) == (
        pytest.approx(2e-4),
        0.5,
    )
