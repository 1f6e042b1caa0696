import itertools

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import BetaVAE, Schedule, load_model
from keras_gen.distributions import normal
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import (
    SHAPE,
    check_equal,
    check_is_the_vae,
    data,
    loss_of,
    randomized,
)
from tests.numerics import (
    array,
    fix_noise,
    loss_and_gradients,
    tensor,
    training_logs,
)

CONTRACT = {
    "beta_vae": Case(
        logits=("decoder",),
        input_shape=(16, 16, 1),
        latent_dim=3,
        hidden_units=8,
        wrong=(
            ({"architecture": "rnn"}, ("architecture", "'rnn'", "'burgess'")),
            ({"likelihood": "cat"}, ("likelihood", "'cat'", "'gaussian'")),
            (
                {"architecture": "conv", "input_shape": SHAPE},
                ("multiples of 16", str(SHAPE)),
            ),
            ({"objective": "C"}, ("objective='C'", "'H'")),
            ({"beta": -1.0}, ("beta=-1.0", "negative")),
            ({"gamma": -1.0}, ("gamma=-1.0", "negative")),
            ({"capacity": -1.0}, ("capacity=-1.0", "negative")),
        ),
    ),
    "beta_vae-capacity": Case(
        input_shape=(16, 16, 1),
        latent_dim=3,
        hidden_units=8,
        objective="B",
        gamma=10.0,
        capacity=Schedule(0.0, 5.0, over=10, unit="steps"),
    ),
}


def tiny(**options):
    return randomized(BetaVAE, **options)


def divergence(model, x):
    mean, log_variance = map(array, model.encoder(x))
    terms = mean**2 + np.exp(log_variance) - 1 - log_variance
    return 0.5 * terms.mean(0)


# ---- Objectives -------------------------------------------------------------


def test_beta_1_is_the_variational_autoencoder(monkeypatch):
    check_is_the_vae(tiny(beta=1.0), monkeypatch)


def test_beta_weights_the_divergence(monkeypatch):
    x = data()
    logs = {}
    for beta in (1.0, 4.0):
        fix_noise(monkeypatch, normal, np.zeros((1, 6, 2)))
        logs[beta] = training_logs(tiny(beta=beta), x)
    kl = divergence(tiny(), x).sum()
    assert logs[4.0]["kl_divergence"] == pytest.approx(kl, rel=1e-4)
    difference = logs[4.0]["loss"] - logs[1.0]["loss"]
    assert difference == pytest.approx(3.0 * kl, rel=1e-3)
    # What is called the bound has no beta.
    assert logs[4.0]["elbo"] == pytest.approx(logs[1.0]["elbo"], rel=1e-5)


def test_no_capacity_is_the_weight_gamma(monkeypatch):
    x = data()
    expected = loss_of(tiny(beta=7.0), x, monkeypatch)
    model = tiny(objective="B", gamma=7.0, capacity=0.0)
    check_equal(loss_of(model, x, monkeypatch), expected)


@pytest.mark.parametrize("above", [True, False])
def test_the_penalty_pulls_the_mean_divergence_to_the_capacity(
    monkeypatch, above
):
    """Not each example's: the absolute value is of the mean."""
    x, gamma = data(), 3.0
    kl = divergence(tiny(), x).sum()
    capacity = float(kl) + (-0.5 if above else 0.5)
    model = tiny(objective="B", gamma=gamma, capacity=capacity)
    found = loss_of(model, x, monkeypatch)
    plain = loss_of(tiny(beta=0.0), x, monkeypatch)
    slope = gamma if above else -gamma
    check_equal(
        found,
        (
            plain[0] + 0.5 * gamma,
            [
                a + slope * (b - a)
                for a, b in zip(
                    plain[1],
                    loss_of(tiny(beta=1.0), x, monkeypatch)[1],
                    strict=True,
                )
            ],
        ),
        rtol=1e-3,
    )


def test_the_capacity_grows_with_the_steps_and_is_saved(tmp_path):
    x, path = data(8), tmp_path / "model.keras"
    schedule = Schedule(0.0, 4.0, over=4, unit="steps")
    model = tiny(objective="B", gamma=2.0, capacity=schedule)
    model.compile()
    for step in range(6):
        model.reset_metrics()
        logs = model.train_on_batch(x, return_dict=True)
        gap = abs(logs["kl_divergence"] - min(step, 4))
        assert logs["capacity_gap"] == pytest.approx(gap, rel=1e-4, abs=1e-5)
        loss = logs["reconstruction_loss"] + 2.0 * gap
        assert logs["loss"] == pytest.approx(loss, rel=1e-4)
        if step == 1:
            model.save(path)
            model = load_model(path)


# ---- The optimum of a linear model ------------------------------------------


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_reverse_water_filling(monkeypatch, beta):
    """The optimum for Gaussian data with variances `l`, decoded with variance
    `s^2`: where `l > beta s^2`, a rate of `log(l / (beta s^2)) / 2` leaves the
    error `beta s^2`; the other latents are not used."""
    variances, scale = np.array([4.0, 1.0, 0.1]), 0.5
    noise = beta * scale**2
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    # Moments are exact: of the data, and of the noise of eight draws.
    x = (signs * np.sqrt(variances)).astype("float32")
    fix_noise(monkeypatch, normal, signs[:, None].repeat(8, axis=1))
    inputs, z = keras.Input((3,)), keras.Input((3,))
    heads = [layers.Dense(3, name=name)(inputs) for name in ("m", "v")]
    encoder = keras.Model(inputs, heads)
    decoder = keras.Model(z, layers.Dense(3)(z))
    model = BetaVAE(
        (3,),
        latent_dim=3,
        likelihood="gaussian",
        scale=scale,
        beta=beta,
        num_samples=8,
        encoder=encoder,
        decoder=decoder,
    )
    posterior = np.minimum(noise / variances, 1.0)
    slope = np.sqrt((1.0 - posterior) / variances)
    zeros = np.zeros(3)
    encoder.get_layer("m").set_weights([np.diag(slope), zeros])
    encoder.get_layer("v").set_weights([np.diag(zeros), np.log(posterior)])
    decoder.layers[-1].set_weights([np.diag(slope * variances), zeros])
    variables = [*encoder.variables, *decoder.variables]
    loss, gradients = loss_and_gradients(
        lambda: model.model_loss(Batch(tensor(x)), training=True), variables
    )
    rate = 0.5 * np.maximum(np.log(variances / noise), 0.0).sum()
    error = np.minimum(variances, noise).sum()
    constant = 1.5 * np.log(2.0 * np.pi * scale**2)
    distortion = error / (2.0 * scale**2) + constant
    assert loss == pytest.approx(distortion + beta * rate, rel=1e-5)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0.0, atol=3e-5)
    np.testing.assert_allclose(
        model.dimension_divergences(x).sum(), rate, rtol=1e-5
    )
    if beta == 1.0:  # The negative log-likelihood of probabilistic PCA.
        model_variances = np.maximum(variances, scale**2)
        terms = np.log(2.0 * np.pi * model_variances)
        terms += variances / model_variances
        assert loss == pytest.approx(0.5 * terms.sum(), rel=1e-5)


# ---- Networks and use -------------------------------------------------------


def dense(*sizes):
    return sum(a * b + b for a, b in itertools.pairwise(sizes))


def conv(*sizes):
    return sum(16 * a * b + b for a, b in itertools.pairwise(sizes))


@pytest.mark.parametrize(
    ("architecture", "encoder", "decoder"),
    [
        ("mlp", dense(12288, 1200, 1200), dense(10, *(1200,) * 3, 12288)),
        (
            "conv",
            conv(3, 32, 32, 64, 64) + dense(1024, 256),
            dense(10, 256, 1024) + conv(64, 64, 32, 32, 3),
        ),
        (
            "burgess",
            conv(3, 32, 32, 32, 32) + dense(512, 256, 256),
            dense(10, 256, 256, 512) + conv(32, 32, 32, 32, 3),
        ),
    ],
)
def test_sizes_of_the_papers_networks(architecture, encoder, decoder):
    model = BetaVAE((64, 64, 3), architecture=architecture)
    last = 1200 if architecture == "mlp" else 256
    assert model.encoder.count_params() == encoder + 2 * dense(last, 10)
    assert model.decoder.count_params() == decoder


def test_latents_are_ordered_by_their_divergence():
    model, x = tiny(), data()
    each = divergence(model, x)
    found = model.dimension_divergences(x)
    np.testing.assert_allclose(found, each, rtol=1e-4)
    np.testing.assert_array_equal(
        model.dimensions_by_kl(x), np.argsort(each)[::-1]
    )


def test_settings_of_the_papers():
    config = BetaVAE().get_config()
    assert config["latent_dim"] == 10
    assert (config["objective"], config["beta"]) == ("H", 4.0)
    assert config["gamma"] == 1000.0
    capacity = BetaVAE(objective="B").capacity
    assert capacity == Schedule(0.0, 25.0, over=100_000, unit="steps")
    rates = {"mlp": 0.01, "conv": 1e-4, "burgess": 5e-4}
    for architecture, rate in rates.items():
        model = BetaVAE((16, 16, 1), filters=2, architecture=architecture)
        optimizer = model.default_optimizer()
        assert float(optimizer.learning_rate) == pytest.approx(rate)
