import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import AAE, BetaVAE, InfoVAE
from keras_gen.distributions import IsotropicNormal
from keras_gen.losses.maximum_mean_discrepancy import (
    gaussian_kernel,
    inverse_multiquadric_kernel,
    maximum_mean_discrepancy,
)
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import (
    SHAPE,
    check_equal,
    check_is_the_vae,
    data,
    fixed_noise,
    loss_of,
    randomized,
)
from tests.numerics import array, randomize, tensor, training_logs

CONTRACT = {
    "info_vae": Case(
        logits=("decoder",),
        input_shape=(8, 8, 1),
        latent_dim=3,
        hidden_units=8,
        filters=(2, 3),
        wrong=(
            ({"alpha": 1.5}, ("alpha=1.5", "at most 1")),
            ({"alpha": 0.0, "lambda_": 0.5}, ("lambda_=0.5", "1 - alpha")),
            ({"divergence": "kl"}, ("'kl'", "'adversarial'")),
            ({"kernel": "linear"}, ("'linear'", "'gaussian'")),
            ({"bandwidth": 0.0}, ("bandwidth=0.0", "above 0")),
        ),
    ),
    "info_vae-adversarial": Case(
        logits=("decoder",),
        input_shape=SHAPE,
        architecture="mlp",
        latent_dim=3,
        hidden_units=8,
        discriminator_units=(8,),
        divergence="adversarial",
        alpha=0.5,
    ),
}
PRIOR = np.random.default_rng(5).normal(size=(6, 2))


def tiny(**options):
    return randomized(InfoVAE, **{"discriminator_units": 8, **options})


@pytest.fixture
def fixed_prior(monkeypatch):
    """The draws from the prior, which are the same each time."""
    draws = tensor(PRIOR)
    monkeypatch.setattr(IsotropicNormal, "draw", lambda *arguments: draws)


@pytest.mark.parametrize("divergence", ["mmd", "adversarial"])
def test_without_alpha_it_is_the_variational_autoencoder(
    monkeypatch, fixed_prior, divergence
):
    """Whatever the divergence."""
    options = {"alpha": 0.0, "lambda_": 1.0, "divergence": divergence}
    check_is_the_vae(tiny(**options), monkeypatch)


def test_with_weights_that_add_up_to_1_it_is_the_beta_vae(
    monkeypatch, fixed_prior
):
    model = tiny(alpha=-2.0, lambda_=3.0)
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    beta = BetaVAE(SHAPE, latent_dim=2, beta=3.0, **networks)
    expected = loss_of(beta, data(), monkeypatch)
    check_equal(loss_of(model, data(), monkeypatch), expected)


KERNELS = {
    "gaussian": lambda squares: gaussian_kernel(squares, 2.0 / 2.0**0.5),
    "inverse_multiquadric": lambda squares: inverse_multiquadric_kernel(
        squares, 2
    ),
}


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("kernel", list(KERNELS))
def test_the_mmd_vae(monkeypatch, fixed_prior, kernel, unbiased):
    """`alpha = 1`: no KL divergence of each example, and a weight of lambda."""
    model, x = tiny(lambda_=40.0, kernel=kernel, unbiased=unbiased), data()
    eps = fixed_noise(monkeypatch)[0]
    mean, log_variance = map(array, model.encoder(x))
    z = mean + np.exp(0.5 * log_variance) * eps
    mmd = float(
        array(
            maximum_mean_discrepancy(
                tensor(z), tensor(PRIOR), KERNELS[kernel], unbiased
            )
        )
    )
    logs = training_logs(model, x)
    assert logs["mmd"] == pytest.approx(mmd, abs=1e-5)
    expected = logs["reconstruction_loss"] + 40.0 * mmd
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    assert logs["kl_divergence"] > 0.1


def test_bandwidth(monkeypatch, fixed_prior):
    fixed_noise(monkeypatch)
    narrow = training_logs(tiny(bandwidth=0.3), data())["mmd"]
    official = training_logs(tiny(), data())["mmd"]
    same = training_logs(tiny(bandwidth=2.0**0.5), data())["mmd"]
    assert official == pytest.approx(same, rel=1e-5)
    assert abs(narrow - official) > 0.01


def test_the_arithmetic_of_the_official_code(monkeypatch, fixed_prior):
    """The mean squared error of a pixel, and the discrepancy: times the
    pixels, that is this loss, but for the constant of the density."""
    z_in, x_in = keras.Input((2,)), layers.Dense(12, "sigmoid")
    decoder = keras.Model(z_in, layers.Reshape(SHAPE)(x_in(z_in)))
    options = dict(likelihood="gaussian", scale=0.5**0.5, lambda_=12.0)
    model, x = tiny(decoder=decoder, **options), data()
    randomize(decoder, 3)
    eps = fixed_noise(monkeypatch)[0]
    mean, log_variance = map(array, model.encoder(x))
    z = mean + np.exp(0.5 * log_variance) * eps
    pixels = np.mean((x - array(decoder(z))) ** 2)

    def kernel(a, b):
        squares = np.mean((a[:, None] - b[None]) ** 2, axis=-1) / 2.0
        return np.mean(np.exp(-squares))

    mmd = kernel(z, z) + kernel(PRIOR, PRIOR) - 2.0 * kernel(z, PRIOR)
    constant = 12 * 0.5 * np.log(np.pi)
    expected = 12.0 * (pixels + mmd) + constant
    found = training_logs(model, x)["loss"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_adversarial_divergence_is_the_adversarial_autoencoders(
    monkeypatch, fixed_prior
):
    """The encoder's and the discriminator's losses, for one encoder."""
    model, x = tiny(divergence="adversarial", lambda_=3.0), data()
    networks = {
        "encoder": model.encoder,
        "decoder": model.decoder,
        "discriminator": model.discriminator,
    }
    aae = AAE(SHAPE, posterior="gaussian", prior_std=1.0, **networks)
    eps = fixed_noise(monkeypatch)[0]
    logs = training_logs(model, x)
    monkeypatch.setattr(
        "keras_gen.models.autoencoders.aae.aae.noise.normal",
        lambda *arguments, **options: tensor(eps),
    )
    expected = training_logs(aae, x)
    for name, peer in (
        ("adversarial", "encoder_loss"),
        ("discriminator_loss", "discriminator_loss"),
    ):
        assert logs[name] == pytest.approx(expected[peer], rel=1e-4), name
    total = logs["reconstruction_loss"] + 3.0 * logs["adversarial"]
    assert logs["model_loss"] == pytest.approx(total, rel=1e-5)


def test_draws_from_the_prior_are_fresh():
    """Also where the codes are the same."""
    model = tiny(latent_dim=2)
    codes = tensor(PRIOR[None])
    model.draw_codes = lambda *arguments: codes
    losses = {training_logs(model, data())["mmd"] for _ in range(3)}
    assert len(losses) == 3


def test_networks_can_be_saved_alone(tmp_path):
    model = InfoVAE((8, 8, 1), filters=(2, 3), hidden_units=4, latent_dim=2)
    model.encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    x = np.ones((1, 8, 8, 1), "float32")
    for a, b in zip(model.encoder(x), loaded(x), strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-5)


def test_settings_of_the_official_code():
    model = InfoVAE((28, 28, 1))
    config = model.get_config()
    assert (config["alpha"], config["latent_dim"]) == (1.0, 20)
    assert (model.lambda_, config["unbiased"]) == (1000.0, False)
    assert tiny(divergence="adversarial").lambda_ == 1.0
    convolutions = [16 * 64 + 64, 16 * 64 * 128 + 128]
    dense = [49 * 128 * 1024 + 1024, 2 * (1024 * 20 + 20)]
    assert model.encoder.count_params() == sum(convolutions + dense)
    dense = [20 * 1024 + 1024, 1024 * 49 * 128 + 49 * 128]
    convolutions = [16 * 128 * 64 + 64, 16 * 64 + 1]
    assert model.decoder.count_params() == sum(convolutions + dense)
    leaky = array(model.encoder.layers[1].activation(tensor([-2.0, 3.0])))
    np.testing.assert_allclose(leaky, [-0.2, 3.0], rtol=1e-6)
    plain = array(model.decoder.layers[1].activation(tensor([-2.0, 3.0])))
    np.testing.assert_allclose(plain, [0.0, 3.0])
    optimizer = model.default_optimizer()
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
