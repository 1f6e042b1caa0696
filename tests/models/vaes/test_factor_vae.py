import keras
import numpy as np
import pytest
import scipy.special
from keras import layers, ops

from keras_gen import FactorVAE
from keras_gen.distributions import normal
from keras_gen.engine import Batch
from keras_gen.losses import aggregated_posterior
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import (
    check_is_the_vae,
    data,
    fixed_noise,
    loss_of,
    randomized,
)
from tests.numerics import (
    array,
    evaluation_logs,
    fix_noise,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "factor_vae": Case(
        logits=("decoder",),
        parts=2,
        input_shape=(16, 16, 1),
        architecture="mlp",
        latent_dim=3,
        hidden_units=8,
        discriminator_units=(8,),
        wrong=(
            ({"gamma": -1.0}, ("gamma=-1.0", "negative")),
            ({"discriminator_units": (8, 0)}, ("positive", "(8, 0)")),
        ),
    ),
}


def tiny(**options):
    return randomized(FactorVAE, **{"discriminator_units": (8,), **options})


def test_without_gamma_it_is_the_variational_autoencoder(monkeypatch):
    check_is_the_vae(tiny(gamma=0.0), monkeypatch)


def test_gamma_weights_the_mean_difference_of_the_logits(monkeypatch):
    model, x = tiny(gamma=3.0), data()
    mean, log_variance = map(array, model.encoder(x))
    eps = fixed_noise(monkeypatch)[0]
    z = (mean + np.exp(0.5 * log_variance) * eps).astype("float32")
    logits = array(model.discriminator(z))
    expected = np.mean(logits[:, 0] - logits[:, 1])
    assert model.total_correlation(x) == pytest.approx(expected, rel=1e-4)
    found, _ = loss_of(model, x, monkeypatch)
    plain, _ = loss_of(tiny(gamma=0.0), x, monkeypatch)
    assert found - plain == pytest.approx(3.0 * expected, rel=1e-3)


def test_the_discriminators_loss_is_a_cross_entropy(monkeypatch):
    """Of classes 0 for codes and 1 for permuted ones, of the other half."""
    model, x = tiny(), data(8)
    seen = []

    def reverse(z, seed):
        seen.append(array(z))
        return z[::-1] if keras.backend.backend() != "torch" else z.flip(0)

    monkeypatch.setattr(
        "keras_gen.models.vaes.factor_vae.permute_dims", reverse
    )
    fix_noise(monkeypatch, normal, np.zeros((1, 4, 2)))
    loss = array(model.discriminator_loss(Batch(tensor(x)), training=True))
    mean = array(model.encoder(x)[0])
    np.testing.assert_allclose(seen[0], mean[4:], rtol=1e-5)
    real, fake = (
        scipy.special.log_softmax(array(model.discriminator(z)), axis=-1)
        for z in (mean[:4], mean[4:])
    )
    expected = -0.5 * (real[:, 0].mean() + fake[:, 1].mean())
    assert loss == pytest.approx(expected, rel=1e-5)


def test_a_discriminator_that_knows_nothing():
    model, x = tiny(), data()
    for variable in model.discriminator.variables:
        variable.assign(ops.zeros(variable.shape))
    assert model.total_correlation(x) == 0.0
    logs = evaluation_logs(model, x)
    assert logs["discriminator_loss"] == pytest.approx(np.log(2.0), rel=1e-6)
    assert logs["total_correlation"] == 0.0


def test_the_encoder_has_no_gradient_of_the_discriminators_loss():
    model, x = tiny(), data()
    _, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(Batch(tensor(x)), training=True),
        model.encoder.trainable_variables,
    )
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, 0.0)


def test_a_step_updates_each_player_by_its_half(monkeypatch):
    """The codes of the first half are those of before the update, and those
    of the second of after it."""
    model, x = tiny(), data(8)
    before = array(model.encoder(x)[0])
    fix_noise(monkeypatch, normal, np.zeros((1, 4, 2)))
    updates, permuted, ratios = [], [], []

    def minimize(player, loss):
        result = loss()
        updates.append(player)
        randomize(model.encoder, 7)
        return result if isinstance(result, tuple) else (result, None)

    def permute_dims(z, seed):
        permuted.append(array(z))
        return z

    log_ratio = model.log_ratio

    def recorded(z, training=False):
        ratios.append(array(z))
        return log_ratio(z, training)

    monkeypatch.setattr(f"{FactorVAE.__module__}.permute_dims", permute_dims)
    monkeypatch.setattr(model, "minimize", minimize)
    monkeypatch.setattr(model, "log_ratio", recorded)
    model.training_step(Batch(tensor(x)))
    after = array(model.encoder(x)[0])
    assert updates == ["model", "discriminator"]
    np.testing.assert_allclose(permuted[0], after[4:], rtol=1e-5)
    for found, expected in zip(
        ratios, (before[:4], before[:4], after[4:]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_optimal_discriminator_of_correlated_latents():
    """Where it is the logarithm of the ratio of the two densities, `L_D` is
    stationary, and its mean is the total correlation."""
    rho, n = 0.8, 40_000
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=n)
    x = x.astype("float32")
    inputs, z = keras.Input((2,)), keras.Input((2,))
    small = layers.Dense(2, kernel_initializer="zeros", name="v")
    identity = layers.Dense(2, kernel_initializer="identity", name="m")
    encoder = keras.Model(inputs, [identity(inputs), small(inputs)])
    small.bias.assign([-20.0, -20.0])
    first, second = z[:, :1], z[:, 1:]
    features = [first * first, second * second, first * second]
    features = layers.Concatenate()(features)
    discriminator = keras.Model(z, layers.Dense(2)(features))
    model = FactorVAE(
        (2,),
        latent_dim=2,
        architecture="mlp",
        hidden_units=4,
        likelihood="gaussian",
        encoder=encoder,
        discriminator=discriminator,
    )
    square = 0.5 - 0.5 / (1.0 - rho**2)
    kernel = [square, square, rho / (1.0 - rho**2)]
    total_correlation = -0.5 * np.log(1.0 - rho**2)
    discriminator.layers[-1].set_weights(
        [np.stack([kernel, np.zeros(3)], 1), np.array([total_correlation, 0])]
    )
    variables = discriminator.trainable_variables
    _, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(Batch(tensor(x)), training=True),
        variables,
    )
    # Of means of 20,000 terms of about 1, in four standard errors.
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0.0, atol=0.03)
    found = model.total_correlation(x, batch_size=n)
    assert found == pytest.approx(total_correlation, rel=0.05)


def test_permuted_codes_differ_from_step_to_step():
    model, x = tiny(), data()
    z = tensor(array(model.encoder(x)[0]))
    first, second = (
        array(aggregated_posterior.permute_dims(z, model.permutation_seed))
        for _ in range(2)
    )
    assert np.abs(first - second).max() > 0.0


def test_settings_of_the_paper():
    model = FactorVAE((16, 16, 1), filters=2)
    assert (model.architecture, model.gamma) == ("conv", 35.0)
    units = [10, *(1000,) * 6, 2]
    parameters = sum(a * b + b for a, b in zip(units, units[1:], strict=False))
    assert model.discriminator.count_params() == parameters
    adam = model.default_optimizers()
    rates = [float(a.learning_rate) for a in adam.values()]
    assert rates == pytest.approx([1e-4, 1e-4])
    assert (adam["discriminator"].beta_1, adam["discriminator"].beta_2) == (
        0.5,
        0.9,
    )


def test_what_is_logged():
    logs = training_logs(tiny(), data())
    parts = logs["reconstruction_loss"] + logs["kl_divergence"]
    parts += 35.0 * logs["total_correlation"]
    assert logs["model_loss"] == pytest.approx(parts, rel=1e-4)
    assert set(logs) == {*FactorVAE.logged, "model_loss", "discriminator_loss"}
