import keras
import numpy as np
import pytest

from keras_gen import RateDistortionVAE, Schedule
from keras_gen.distributions import Normal, normal
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import (
    SHAPE,
    check_is_the_vae,
    data,
    fixed_noise,
)
from tests.numerics import (
    array,
    fix_noise,
    linear,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

TINY = dict(input_shape=SHAPE, architecture="mlp", latent_dim=3, hidden_units=8)
CONTRACT = {
    "elbo": Case(
        logits=("decoder",),
        num_components=4,
        wrong=(
            ({"marginal": "flow"}, ("'flow'", "'vampprior'")),
            ({"beta": -1.0}, ("beta=-1.0", "negative")),
            ({"target_rate": -1.0}, ("target_rate=-1.0", "negative")),
            ({"target_weight": 0.0}, ("target_weight=0.0", "above 0")),
            ({"num_components": 0}, ("num_components=0", "above 0")),
        ),
        **TINY,
    ),
    "elbo-vampprior": Case(
        num_components=4,
        marginal="vampprior",
        target_rate=2.0,
        inferring=("encoder",),
        **TINY,
    ),
    "elbo-learned_normal": Case(
        marginal="learned_normal", beta=Schedule(0.0, 1.0, over=2), **TINY
    ),
}


def tiny(**options):
    """A model whose marginal is as it starts, unlike its networks."""
    options = {"num_components": 3, "marginal": "normal", **options}
    options = {"latent_dim": 2, "hidden_units": 8, "seed": 0, **options}
    model = RateDistortionVAE(SHAPE, architecture="mlp", **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2)
    return model


# ---- Weights and targets ----------------------------------------------------


def test_at_beta_1_it_is_the_variational_autoencoder(monkeypatch):
    check_is_the_vae(tiny(), monkeypatch)


@pytest.mark.parametrize("estimator", ["analytic", "monte_carlo"])
def test_beta_weights_the_rate(estimator):
    model = tiny(beta=3.0, estimator=estimator)
    logs = training_logs(model, data())
    expected = logs["reconstruction_loss"] + 3.0 * logs["kl_divergence"]
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    rate = logs["kl_divergence"] + logs["reconstruction_loss"]
    assert logs["elbo"] == pytest.approx(-rate, rel=1e-4)


@pytest.mark.parametrize("target", [0.0, 0.5, 1e3])
def test_the_distance_to_the_target_rate(monkeypatch, target):
    """Of the mean rate, whose sign the gradient has."""
    model = tiny(target_rate=target, target_weight=7.0, beta=99.0)
    fixed_noise(monkeypatch)
    logs = training_logs(model, data())
    gap = abs(logs["kl_divergence"] - target)
    assert logs["rate_gap"] == pytest.approx(gap, rel=1e-4)
    expected = logs["reconstruction_loss"] + 7.0 * gap
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)

    def slopes(model):
        fixed_noise(monkeypatch)
        return loss_and_gradients(
            lambda: model.model_loss(Batch(tensor(data())), training=True),
            model.encoder.trainable_variables,
        )[1]

    sign = 1.0 if logs["kl_divergence"] > target else -1.0
    same = tiny(beta=1.0)
    same.term_weights = lambda: {"kl_divergence": 7.0 * sign}
    for a, b in zip(slopes(model), slopes(same), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


# ---- Marginals --------------------------------------------------------------


def rates(model, x, eps):
    """`log e(z|x) - log m(z)` of one draw, by the model's distributions."""
    mean, log_variance = map(array, model.encoder(x))
    z = mean + np.exp(0.5 * log_variance) * eps
    q = Normal(tensor(mean), tensor(log_variance))
    z = tensor(z.astype("float32"))
    return array(q.log_prob(z)) - array(model.prior.log_prob(z))


@pytest.mark.parametrize("marginal", ["mixture", "vampprior"])
def test_the_rate_of_a_mixture_is_that_of_the_draw(monkeypatch, marginal):
    model, x = tiny(marginal=marginal), data()
    for index, variable in enumerate(model.marginal_parameters.weights):
        rng = np.random.default_rng(index)
        variable.assign(rng.uniform(0.1, 0.9, variable.shape))
    eps = fixed_noise(monkeypatch)[0]
    found = training_logs(model, x)["kl_divergence"]
    assert found == pytest.approx(rates(model, x, eps).mean(), rel=1e-3)


def test_a_mixture_of_learned_components():
    model = tiny(marginal="mixture")
    mean, log_variance, logits = (
        array(value) for value in model.marginal_parameters.values()
    )
    assert mean.shape == (3, 2) and len(np.unique(mean)) == 6
    assert np.all(log_variance == 0.0) and np.all(logits == 0.0)
    z = tensor(np.zeros((1, 2)))
    expected = np.mean(np.exp(-0.5 * (mean**2).sum(-1)) / (2.0 * np.pi))
    found = array(model.prior.log_prob(z))[0]
    assert found == pytest.approx(np.log(expected), rel=1e-4)


def test_a_vampprior_is_the_mean_of_posteriors():
    model = tiny(marginal="vampprior")
    inputs = model.marginal_parameters
    rng = np.random.default_rng(0)
    inputs.inputs.assign(rng.normal(0.5, 1.0, inputs.inputs.shape))
    u = array(inputs.values())
    assert u.min() == 0.0 and u.max() == 1.0
    mean, log_variance = map(array, model.encoder(u))
    np.testing.assert_allclose(
        array(model.prior.components.mean), mean, rtol=1e-4
    )
    assert model.sample(5, seed=0).shape == (5, *SHAPE)
    start = tiny(marginal="vampprior").marginal_parameters.inputs
    assert array(start).mean() == pytest.approx(0.05, abs=0.01)


def test_a_learned_normal_marginal_has_a_closed_form():
    """It starts as N(0, I), and is best at the moments of the codes."""
    model, x = tiny(marginal="learned_normal"), data()
    start = training_logs(model, x)["kl_divergence"]
    plain = training_logs(tiny(), x)["kl_divergence"]
    assert start == pytest.approx(plain, rel=1e-5)
    mean, log_variance = map(array, model.encoder(x))
    parameters = model.marginal_parameters
    center = mean.mean(axis=0)
    variance = np.exp(log_variance).mean(axis=0) + mean.var(axis=0)
    parameters.mean.assign(center[None])
    parameters.log_variance.assign(np.log(variance)[None])
    best = training_logs(model, x)["kl_divergence"]
    expected = 0.5 * (np.log(variance) - log_variance).sum(-1).mean()
    assert best == pytest.approx(expected, rel=1e-4)
    assert best < start
    _, slopes = loss_and_gradients(
        lambda: model.model_loss(Batch(tensor(x)), training=True),
        [parameters.mean, parameters.log_variance],
    )
    for slope in slopes:
        np.testing.assert_allclose(slope, 0.0, atol=1e-5)
    assert not parameters.logits.trainable


# ---- The linear model, whose optimum is known -------------------------------

EIGENVALUES, SCALE = np.array([4.0, 1.0, 0.3]), 0.6


def optimum(beta):
    """A linear model at reverse water-filling, and data of three axes."""
    model = RateDistortionVAE(
        (3,),
        latent_dim=3,
        architecture="mlp",
        hidden_units=(),
        likelihood="gaussian",
        scale=SCALE,
        marginal="normal",
        beta=beta,
    )
    noise = beta * SCALE**2
    w = np.sqrt(np.maximum(EIGENVALUES - noise, 0.0))
    variance = noise / (w**2 + noise)
    mean, log_variance = model.encoder.layers[-2:]
    mean.kernel.assign(np.diag(w / (w**2 + noise)))
    log_variance.kernel.assign(np.zeros((3, 3)))
    log_variance.bias.assign(np.log(variance))
    linear(model.decoder, np.diag(w), np.zeros(3), layer=-2)
    mean.bias.assign(np.zeros(3))
    axes = np.diag(np.sqrt(3.0 * EIGENVALUES))
    return model, np.concatenate([axes, -axes]).astype("float32")


def signs():
    """Noise of the moments of N(0, I): all corners of a cube."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * 2.0 - 1.0
    return corners[:, None].repeat(6, axis=1)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 5.0])
def test_the_curve_of_the_linear_model(monkeypatch, beta):
    """Rate and distortion in closed form, where no gradient is left."""
    model, x = optimum(beta)
    model.num_samples = 8
    fix_noise(monkeypatch, normal, signs())
    noise = beta * SCALE**2
    rate = 0.5 * np.sum(np.log(np.maximum(EIGENVALUES / noise, 1.0)))
    error = np.sum(np.minimum(EIGENVALUES, noise))
    distortion = error / (2.0 * SCALE**2)
    distortion += 1.5 * np.log(2.0 * np.pi * SCALE**2)
    logs = training_logs(model, x)
    assert logs["kl_divergence"] == pytest.approx(rate, rel=1e-4, abs=1e-5)
    found = logs["reconstruction_loss"]
    assert found == pytest.approx(distortion, rel=1e-4)
    if beta == 1.0:
        # The likelihood of probabilistic principal components.
        values = np.maximum(EIGENVALUES, SCALE**2)
        fits = np.log(2.0 * np.pi * values) + EIGENVALUES / values
        assert -logs["elbo"] == pytest.approx(0.5 * fits.sum(), rel=1e-4)
    fix_noise(monkeypatch, normal, signs())
    _, slopes = loss_and_gradients(
        lambda: model.model_loss(Batch(tensor(x)), training=True),
        model.trainable_variables,
    )
    for slope in slopes:
        np.testing.assert_allclose(slope, 0.0, atol=2e-4)


def test_a_target_is_reached():
    """From the optimum at `beta=1`, whose rate is 2."""
    best, x = optimum(1.0)
    changes = {"target_rate": 3.0, "seed": 0}
    model = RateDistortionVAE(**{**best.get_config(), **changes})
    model.set_weights(best.get_weights())
    model.compile(
        keras.optimizers.Adam(0.03),
        run_eagerly=keras.backend.backend() != "jax",
    )
    model.fit(x, batch_size=6, epochs=50, verbose=0)
    rate = model.elbo(x)["kl_divergence"].mean()
    assert abs(rate - 3.0) < 0.5 < 3.0 - best.elbo(x)["kl_divergence"].mean()


def test_a_grid_needs_the_quantiles_of_the_marginal():
    assert tiny().latent_grid(2).shape == (2, 2, *SHAPE)
    with pytest.raises(ValueError, match="marginal='mixture'"):
        tiny(marginal="mixture").latent_grid(2)


def test_what_a_mixture_holds_counts_among_the_draws():
    assert tiny().draw_size == 12
    assert tiny(marginal="mixture").draw_size == 12
    assert tiny(marginal="mixture", num_components=9).draw_size == 18


def test_settings():
    model = RateDistortionVAE(num_components=2, filters=2, hidden_units=4)
    config = model.get_config()
    assert (config["latent_dim"], config["architecture"]) == (64, "conv")
    assert (config["marginal"], config["beta"]) == ("mixture", 1.0)
    rate = model.default_optimizer().learning_rate
    assert float(rate) == pytest.approx(1e-3)
