import inspect

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from keras import layers

from keras_gen.models.autoencoders import aae
from keras_gen.models.autoencoders.aae import AAE
from tests.models.aae_helpers import (
    LOG_2,
    batch_of,
    changes_by_phase,
    dense_model,
    forward,
    gradients_of,
    losses_of,
    points,
    softplus,
)
from tests.numerics import (
    array,
    fix_noise,
    linear,
    randomize,
    tensor,
)


def points_model(posterior="deterministic", **options):
    """Linear networks between points of three numbers and codes of two."""
    encoder = dense_model(3, 2)
    if posterior == "gaussian":
        encoder = dense_model(3, 2, 2)
    if posterior == "universal":
        encoder = aae.universal_encoder((3,), (), 2, 4)
    model = AAE(
        (3,),
        posterior=posterior,
        seed=0,
        **{
            "encoder": encoder,
            "decoder": dense_model(2, 3),
            "discriminator": dense_model(2, 1),
            **options,
        },
    )
    for index, name in enumerate(("encoder", "decoder", "discriminator")):
        randomize(getattr(model, name), index, 0.5)
    return model


# ---- The losses -------------------------------------------------------------


def test_losses_in_closed_form(monkeypatch):
    model, x = points_model(), points()
    prior = np.random.default_rng(1).normal(size=(6, 2))
    monkeypatch.setattr(model, "prior_code", lambda batch: tensor(prior))
    losses = losses_of(model, batch_of(x))
    codes = forward(model.encoder, x)
    made = forward(model.decoder, codes)
    real = forward(model.discriminator, prior)
    fake = forward(model.discriminator, codes)
    assert losses == pytest.approx(
        {
            "autoencoder": np.mean(0.5 * np.sum((x - made) ** 2, axis=1)),
            "discriminator": np.mean(softplus(-real)) + np.mean(softplus(fake)),
            "encoder": np.mean(softplus(-fake)),
        },
        rel=1e-5,
    )


def test_images_are_summed_over_all_axes():
    model = AAE((4, 3, 2), (5,), latent_dim=2, initial_std=0.5, seed=0)
    x = np.random.default_rng(0).uniform(size=(5, 4, 3, 2)).astype("float32")
    loss = losses_of(model, batch_of(x))["autoencoder"]
    error = np.sum((x - model.reconstruct(x)) ** 2) / 5
    assert loss == pytest.approx(0.5 * error, rel=1e-5)
    logs = model.get_metrics_result()
    assert float(logs["squared_error"]) == pytest.approx(error, rel=1e-5)


def test_a_discriminator_of_zeros():
    model = points_model()
    linear(model.discriminator, np.zeros((2, 1)), [0.0])
    losses = losses_of(model, batch_of(points()))
    assert losses["discriminator"] == pytest.approx(2 * LOG_2, rel=1e-6)
    assert losses["encoder"] == pytest.approx(LOG_2, rel=1e-6)


class LogRatio(layers.Layer):
    """`log N(z; 0, 2^2) - log N(z; 1, 1)`, the best logit."""

    def call(self, z):
        return 0.5 * ((z - 1.0) ** 2 - z**2 / 4.0) - LOG_2


def test_the_best_discriminator_measures_the_divergence():
    """`L_D = 2 log 2 - 2 JSD(prior, codes)`."""
    z = keras.Input((1,))
    x = keras.Input((1,))
    model = AAE(
        (1,),
        prior_std=2.0,
        encoder=keras.Model(x, layers.Identity()(x)),
        decoder=dense_model(1, 1),
        discriminator=keras.Model(z, LogRatio()(z)),
        seed=0,
    )
    n = 40000
    x = np.random.default_rng(0).normal(1.0, 1.0, (n, 1))
    loss = losses_of(model, batch_of(x))["discriminator"]
    p, q = scipy.stats.norm(0.0, 2.0).pdf, scipy.stats.norm(1.0, 1.0).pdf

    def integrand(z):
        m = 0.5 * (p(z) + q(z))
        return 0.5 * (p(z) * np.log(p(z) / m) + q(z) * np.log(q(z) / m))

    divergence, _ = scipy.integrate.quad(integrand, -12.0, 12.0)
    assert divergence > 0.05
    # A standard deviation of about 0.004: the terms vary by 0.6.
    assert loss == pytest.approx(2 * LOG_2 - 2 * divergence, abs=0.02)


# ---- The phases -------------------------------------------------------------


def test_each_phase_updates_its_own_networks_in_order():
    model = points_model()
    networks = ("encoder", "decoder", "discriminator")
    assert changes_by_phase(model, batch_of(points()), networks) == [
        ("autoencoder", {"encoder", "decoder"}),
        ("discriminator", {"discriminator"}),
        ("encoder", {"encoder"}),
    ]


@pytest.mark.parametrize(
    "posterior", ["deterministic", "gaussian", "universal"]
)
def test_gradients_are_isolated(posterior):
    model, batch = points_model(posterior), batch_of(points())
    assert gradients_of(model, "discriminator", batch, "encoder") == 0.0
    assert gradients_of(model, "discriminator", batch, "decoder") == 0.0
    assert gradients_of(model, "discriminator", batch, "discriminator") > 0.0
    assert gradients_of(model, "autoencoder", batch, "discriminator") == 0.0
    assert gradients_of(model, "encoder", batch, "decoder") == 0.0
    # Not zero, but not applied.
    assert gradients_of(model, "encoder", batch, "discriminator") > 0.0
    assert gradients_of(model, "encoder", batch, "encoder") > 0.0


def test_the_encoder_learns_the_prior():
    """Codes that begin around 3 come to lie around 0, as the prior does."""
    x = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    model = points_model(
        prior_std=1.0,
        discriminator=keras.Sequential(
            [
                keras.Input((2,)),
                layers.Dense(16, activation="tanh"),
                layers.Dense(1),
            ]
        ),
    )
    linear(model.encoder, np.eye(3)[:, :2], [3.0, -3.0])
    adam = keras.optimizers.Adam
    model.compile(
        {
            "autoencoder": adam(1e-3),
            "discriminator": keras.optimizers.SGD(0.2),
            "encoder": adam(3e-2),
        },
    )
    model.fit(x, batch_size=64, epochs=30, verbose=0)
    assert np.abs(model.encode(x).mean(axis=0)).max() < 1.0


# ---- Posteriors -------------------------------------------------------------


def test_gaussian_posterior(monkeypatch):
    model, x = points_model("gaussian"), points()
    numbers = np.random.default_rng(1).normal(size=(6, 2))
    # Of the shape (batch, size), which `fix_noise` takes the other way round.
    fix_noise(monkeypatch, aae, numbers.T)
    w_mean, b_mean, w_scale, b_scale = model.encoder.get_weights()
    mean, log_variance = x @ w_mean + b_mean, x @ w_scale + b_scale
    drawn = mean + np.exp(0.5 * log_variance) * numbers
    np.testing.assert_allclose(
        array(model.drawn_code(tensor(x), True)), drawn, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(model.encode(x), mean, rtol=1e-4, atol=1e-5)
    losses = losses_of(model, batch_of(x))
    logits = forward(model.discriminator, drawn)
    assert losses["encoder"] == pytest.approx(
        np.mean(softplus(-logits)), rel=1e-5
    )
    made = forward(model.decoder, drawn)
    assert losses["autoencoder"] == pytest.approx(
        0.5 * np.sum((x - made) ** 2) / 6, rel=1e-5
    )


def threes(n, labels=None, seed=None):
    return tensor(np.full((n, 2), 3.0))


@keras.saving.register_keras_serializable(package="tests")
def fours(n, labels=None, seed=None):
    return tensor(np.full((n, 2), 4.0))


@pytest.mark.parametrize(
    ("prior", "objects", "value"),
    [(threes, {"threes": threes}, 3.0), (fours, {}, 4.0)],
)
def test_a_function_as_prior_is_saved(prior, objects, value, tmp_path):
    model = AAE((3,), (4,), 2, prior=prior, seed=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(
        tmp_path / "model.keras", custom_objects=objects
    )
    codes = array(loaded.prior.sample(4, seed=0))
    np.testing.assert_array_equal(codes, np.full((4, 2), value))


@pytest.mark.parametrize("posterior", ["gaussian", "universal"])
def test_the_discriminator_sees_the_noise_of_the_posterior(
    posterior, monkeypatch
):
    model, x = points_model(posterior), points()
    prior = np.random.default_rng(2).normal(size=(6, 2))
    monkeypatch.setattr(model, "prior_code", lambda batch: tensor(prior))
    numbers = np.random.default_rng(1).normal(size=(6, model.noise_dim))
    fix_noise(monkeypatch, aae, numbers.T)
    kernel, bias, *scale = model.encoder.get_weights()
    if posterior == "gaussian":
        log_variance = x @ scale[0] + scale[1]
        codes = x @ kernel + bias + np.exp(0.5 * log_variance) * numbers
    else:
        codes = np.c_[x, numbers] @ kernel + bias
    real = forward(model.discriminator, prior)
    fake = forward(model.discriminator, codes)
    losses = losses_of(model, batch_of(x))
    assert losses["discriminator"] == pytest.approx(
        np.mean(softplus(-real)) + np.mean(softplus(fake)), rel=1e-5
    )
    assert losses["encoder"] == pytest.approx(
        np.mean(softplus(-fake)), rel=1e-5
    )


def test_gaussian_posterior_without_variance_is_deterministic():
    model, plain, x = points_model("gaussian"), points_model(), points()
    w, b = plain.encoder.get_weights()
    model.encoder.set_weights([w, b, np.zeros_like(w), np.full(2, -60.0)])
    for name in ("decoder", "discriminator"):
        weights = getattr(plain, name).get_weights()
        getattr(model, name).set_weights(weights)
    batch = batch_of(x)
    assert losses_of(model, batch) == pytest.approx(
        losses_of(plain, batch), rel=1e-6
    )


def test_universal_posterior():
    model, x = points_model("universal"), points()
    assert model.noise_dim == 4
    kernel, bias = model.encoder.get_weights()
    np.testing.assert_allclose(
        model.encode(x), x @ kernel[:3] + bias, rtol=1e-4, atol=1e-5
    )
    same = np.repeat(x[:1], 5000, axis=0)
    codes = model.draw_codes(same, seed=0)
    np.testing.assert_array_equal(codes, model.draw_codes(same, seed=0))
    assert not np.allclose(codes, model.draw_codes(same, seed=1), atol=1e-2)
    # The noise is standard normal: five errors of a covariance.
    expected = kernel[3:].T @ kernel[3:]
    np.testing.assert_allclose(
        np.cov(codes.T), expected, atol=5 * np.abs(expected).max() / 50
    )
    trained = array(model.drawn_code(tensor(same), True))
    np.testing.assert_allclose(
        np.cov(trained.T), expected, atol=5 * np.abs(expected).max() / 50
    )


def test_draws_of_a_deterministic_posterior_are_the_codes():
    model, x = points_model(), points()
    np.testing.assert_allclose(
        model.draw_codes(x, seed=0), model.encode(x), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("posterior", "encoder", "word"),
    [
        ("gaussian", dense_model(3, 2), "log-variance"),
        ("deterministic", dense_model(3, 2, 2), "one tensor from one"),
        ("universal", dense_model(3, 2), "the noise"),
        ("gaussian", dense_model(3, 2, 1), "log-variance"),
    ],
)
def test_an_encoder_that_does_not_fit(posterior, encoder, word):
    with pytest.raises(ValueError, match=word):
        AAE((3,), posterior=posterior, encoder=encoder)


# ---- Arguments --------------------------------------------------------------


def test_defaults_are_the_papers():
    parameters = inspect.signature(AAE).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["hidden_units"] == (1000, 1000)
    assert defaults["latent_dim"] == 8
    assert (defaults["prior"], defaults["prior_std"]) == ("normal", 5.0)
    assert defaults["posterior"] == "deterministic"
    model = AAE((5, 4), hidden_units=(40, 30), seed=0)
    units = [
        [layer.units for layer in network.layers if hasattr(layer, "units")]
        for network in (model.encoder, model.decoder, model.discriminator)
    ]
    assert units == [[40, 30, 8], [30, 40, 20], [40, 30, 1]]
    kernel = array(model.discriminator.trainable_variables[2])
    assert np.std(kernel) == pytest.approx(0.01, rel=0.1)
    codes = array(model.prior_code(batch_of(np.zeros((5000, 5, 4)))))
    # Five standard deviations of the estimate.
    assert np.std(codes) == pytest.approx(5.0, rel=0.02)


def test_bare_compile_is_the_papers():
    model = points_model()
    model.compile()
    rates = {
        player: (
            float(model.optimizer[player].learning_rate),
            model.optimizer[player].momentum,
        )
        for player in model.players
    }
    assert rates == {
        "autoencoder": (pytest.approx(0.01), 0.9),
        "discriminator": (pytest.approx(0.1), 0.1),
        "encoder": (pytest.approx(0.1), 0.1),
    }


def test_samples_decode_the_prior():
    def prior(n, labels=None, seed=None):
        return np.arange(2.0 * n).reshape(n, 2)

    model = points_model(prior=prior)
    z = np.arange(10.0).reshape(5, 2)
    np.testing.assert_allclose(
        model.sample(5), forward(model.decoder, z), rtol=1e-4
    )
    np.testing.assert_array_equal(
        array(model.prior_code(batch_of(points(5)))), z
    )


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("sigmoid", 0.0, 1.0), ("tanh", -1.0, 1.0), (None, None, None)],
)
def test_the_range_of_data_is_that_of_the_output(activation, low, high):
    model = AAE((3,), (4,), output_activation=activation, seed=0)
    x = np.array([[-1.5, 0.0, 0.5]])
    if low is None:
        model.check_arrays(x, None)
    else:
        with pytest.raises(ValueError, match=f"from {low:g} to {high:g}"):
            model.check_arrays(x, None)


def test_networks_that_do_not_fit():
    with pytest.raises(ValueError, match=r"decoder .*\(None, 2\).*\(None, 5\)"):
        points_model(decoder=dense_model(5, 3))
    with pytest.raises(ValueError, match="discriminator"):
        points_model(discriminator=dense_model(3, 1))
    with pytest.raises(ValueError, match="posterior='laplace'"):
        AAE((3,), posterior="laplace")
    with pytest.raises(ValueError, match="prior='cauchy'"):
        AAE((3,), prior="cauchy")
