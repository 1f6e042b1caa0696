import numpy as np
import pytest

from keras_gen import SVAE, VAE
from keras_gen.distributions import HypersphericalUniform, VonMisesFisher
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import SHAPE, data
from tests.numerics import (
    array,
    linear,
    randomize,
    run_as_programs,
    tensor,
    training_logs,
)

CONTRACT = {
    "s_vae": Case(
        logits=("decoder",),
        # An estimate, of rejection sampling.
        biased=("model",),
        input_shape=SHAPE,
        latent_dim=5,
        hidden_units=(8, 6),
        warmup_epochs=3,
        wrong=(
            ({"latent_dim": 1}, ("latent_dim=1", "at least 2")),
            ({"warmup_epochs": -1}, ("warmup_epochs=-1", "negative")),
        ),
    ),
}


def tiny(latent_dim=3, **options):
    options = {"hidden_units": 8, "warmup_epochs": 0, "seed": 0, **options}
    model = SVAE(SHAPE, latent_dim=latent_dim, **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2)
    return model


def fix_draws(monkeypatch, z):
    """Makes the draws of the posterior `z`, of shape `(batch, latent_dim)`."""
    z = tensor(z[None])
    monkeypatch.setattr(VonMisesFisher, "draw", lambda *arguments: z)


def parameters(model, x):
    """Mean directions and concentrations, from the encoder's outputs."""
    mean, concentration = map(array, model.encoder(x))
    direction = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    return direction, 1.0 + np.log1p(np.exp(concentration[:, 0]))


def test_posterior():
    model, x = tiny(), data()
    q = model.posterior(tensor(x))
    direction, concentration = parameters(model, x)
    np.testing.assert_allclose(array(q.mean_direction), direction, 1e-4, 1e-5)
    found = array(q.concentration)[:, 0]
    np.testing.assert_allclose(found, concentration, rtol=1e-5)
    np.testing.assert_allclose(model.encode(x), direction, 1e-4, 1e-5)
    # No direction is better than none that is NaN.
    for layer in (-1, -2):
        linear(
            model.encoder,
            array(model.encoder.layers[layer].kernel) * 0.0,
            array(model.encoder.layers[layer].bias) * 0.0,
            layer,
        )
    assert np.all(np.isfinite(model.reconstruct(x)))


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_loss(monkeypatch, weight):
    """The formulas of three dimensions, which are elementary."""
    model, x = tiny(), data()
    direction, k = parameters(model, x)
    z = np.roll(direction, 1, axis=0)
    fix_draws(monkeypatch, z)
    model.kl_weight = weight
    logits = array(model.decoder(z)).reshape(6, -1)
    flat = x.reshape(6, -1)
    log_p = np.sum(flat * logits - np.logaddexp(0.0, logits), axis=-1)
    kl = k / np.tanh(k) - 1.0 + np.log(k / np.sinh(k))
    logs = training_logs(model, x)
    assert logs["reconstruction_loss"] == pytest.approx(-log_p.mean(), rel=1e-5)
    assert logs["kl_divergence"] == pytest.approx(kl.mean(), rel=1e-4)
    assert logs["elbo"] == pytest.approx((log_p - kl).mean(), rel=1e-5)
    expected = np.mean(weight * kl - log_p)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_by_monte_carlo_the_divergence_is_that_of_the_draws(monkeypatch):
    model, x = tiny(estimator="monte_carlo"), data()
    direction, k = parameters(model, x)
    z = np.roll(direction, 1, axis=0)
    fix_draws(monkeypatch, z)
    cosine = np.sum(z * direction, axis=-1)
    log_q = k * cosine + np.log(k / (4.0 * np.pi * np.sinh(k)))
    expected = np.mean(log_q + np.log(4.0 * np.pi))
    found = training_logs(model, x)["kl_divergence"]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("estimator", ["analytic", "monte_carlo"])
def test_the_bound_has_the_correction_of_the_gradient(monkeypatch, estimator):
    """All that depends on the draws passes through it."""
    model, x = tiny(5, estimator=estimator), data()
    z = np.roll(parameters(model, x)[0], 1, axis=0)
    fix_draws(monkeypatch, z)
    plain = training_logs(model, x)
    monkeypatch.setattr(VonMisesFisher, "corrected", lambda self, z, v: 2.0 * v)
    doubled = training_logs(model, x)
    for name, times in (
        ("reconstruction_loss", 2.0),
        ("kl_divergence", 1.0 if estimator == "analytic" else 2.0),
    ):
        expected = times * plain[name]
        assert doubled[name] == pytest.approx(expected, rel=1e-5), name


def test_kl_annealing():
    model = SVAE(SHAPE, hidden_units=4, warmup_epochs=4)
    weights = []
    for epoch in (0, 1, 4, 9):
        model.epochs_seen.assign(epoch)
        weights.append(float(array(model.term_weights()["kl_divergence"])))
    assert weights == [0.0, 0.25, 1.0, 1.0]
    assert SVAE(SHAPE, hidden_units=4, warmup_epochs=0).kl_weight == 1.0


@pytest.mark.parametrize("latent_dim", [2, 3, 6])
def test_a_decoder_that_ignores_the_code_has_an_exact_likelihood(
    monkeypatch, latent_dim
):
    """Then the importance weights `p(z) / q(z|x)` have the mean 1."""
    model, x = tiny(latent_dim), data()
    run_as_programs(monkeypatch, model)
    logits = np.random.default_rng(4).normal(size=12)
    kernel = np.zeros((8, 12))
    linear(model.decoder, kernel, logits, layer=-2)
    flat = x.reshape(6, -1)
    exact = np.sum(flat * logits - np.logaddexp(0.0, logits), axis=-1)
    found = model.log_likelihood(x, num_samples=4000)
    np.testing.assert_allclose(found, exact, atol=0.2)
    np.testing.assert_allclose(model.elbo(x)["log_likelihood"], exact, 1e-4)


def test_paths_are_great_circles():
    model = tiny(4)
    rng = np.random.default_rng(0)
    ends = rng.normal(size=(2, 5, 4))
    ends /= np.linalg.norm(ends, axis=-1, keepdims=True)
    codes = model.codes_between(*ends.astype("float32"), 7)
    np.testing.assert_allclose(codes[:, 0], ends[0], atol=1e-5)
    np.testing.assert_allclose(codes[:, -1], ends[1], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=-1), 1.0, rtol=1e-5)
    cosine = np.sum(codes[:, 1:] * codes[:, :-1], axis=-1)
    angle = np.arccos(np.sum(ends[0] * ends[1], axis=-1)) / 6.0
    np.testing.assert_allclose(
        np.arccos(cosine), angle[:, None].repeat(6, 1), 1e-2
    )
    same = model.codes_between(ends[0], ends[0], 3)
    np.testing.assert_allclose(same, ends[0][:, None].repeat(3, 1), atol=1e-5)
    opposite = model.codes_between(ends[0], -ends[0], 5)
    np.testing.assert_allclose(opposite[:, -1], -ends[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(opposite, axis=-1), 1.0, 1e-5)
    middle = np.sum(opposite[:, 2] * ends[0], axis=-1)
    np.testing.assert_allclose(middle, 0.0, atol=1e-5)
    assert model.interpolate(data(), data()[::-1], steps=4).shape == (
        6,
        4,
        *SHAPE,
    )


def test_traversals_stay_on_the_sphere():
    model = tiny(3)
    codes = np.array([[0.6, 0.0, 0.8]] * 3 + [[1.0, 0.0, 0.0]], "float32")
    found = model.with_latent(codes, 0, np.array([-1.0, 0.0, 0.5, 0.5]))
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0, rtol=1e-5)
    expected = [[-1, 0, 0], [0, 0, 1], [0.5, 0, 0.75**0.5], [0.5, 0, 0.75**0.5]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert model.traverse(data()[0]).shape == (3, 7, *SHAPE)
    with pytest.raises(ValueError, match="values from -2 to 1.5"):
        model.traverse(data()[0], values=[-2.0, 1.5])


def test_the_grid_is_even_over_the_sphere(monkeypatch):
    model = tiny(3)
    seen = []
    monkeypatch.setattr(model, "decode_rows", seen.append)
    model.latent_grid(20)
    codes = seen[0].reshape(-1, 3)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(codes.mean(axis=0), 0.0, atol=1e-6)
    second = codes.T @ codes / len(codes)
    np.testing.assert_allclose(second, np.eye(3) / 3.0, atol=2e-3)
    with pytest.raises(ValueError, match="latent_dim=4"):
        tiny(4).latent_grid()


def test_samples_are_decoded_from_the_sphere():
    model = tiny(4)
    z = array(model.sample_latents(50, seed=0)[0])
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1.0, rtol=1e-5)
    assert model.prior == HypersphericalUniform(4)


def test_settings_of_the_paper():
    model = SVAE()
    config = model.get_config()
    assert config["hidden_units"] == (256, 128)
    assert (config["latent_dim"], config["warmup_epochs"]) == (11, 100)
    optimizer = model.default_optimizer()
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
    assert type(optimizer).__name__ == "Adam"
    expected = [784 * 256 + 256, 256 * 128 + 128, 128 * 11 + 11, 128 + 1]
    assert model.encoder.count_params() == sum(expected)
    expected = [11 * 128 + 128, 128 * 256 + 256, 256 * 784 + 784]
    assert model.decoder.count_params() == sum(expected)
    relu = [layer.activation.__name__ for layer in model.encoder.layers[2:4]]
    assert relu == ["relu", "relu"]
    assert isinstance(model, VAE)
