"""The adversarial autoencoder: its game, its posteriors, its prior."""

import inspect

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from keras import layers

from keras_gen import AAE, LabelPriorAAE, SupervisedAAE
from keras_gen.backend import noise
from tests.contract.case import Case
from tests.models.autoencoders.aae_helpers import (
    CLOSE,
    LABELS,
    aae,
    batch_of,
    fix_samples,
    forward,
    labels_for,
    linear_model,
    losses_of,
    networks_reached,
    phases_of,
    points,
    randomized,
    rates_of,
    softplus,
)
from tests.numerics import array, linear, tensor

POSTERIORS = ("deterministic", "gaussian", "universal")
SMALL = {"input_shape": (6, 5, 1), "hidden_units": (8, 6), "initial_std": 0.5}
CONTRACT = {
    "aae": Case(
        **SMALL,
        latent_dim=3,
        wrong=(
            ({"posterior": "laplace"}, ("posterior='laplace'", "'gaussian'")),
            ({"prior": "cauchy"}, ("prior='cauchy'", "'swiss_roll'")),
            ({"prior": "mixture"}, ("size 2", "size 3", "latent_dim=2")),
            ({"prior_std": 0.0}, ("std=0.0", "above 0")),
            ({"labels": "encoder"}, ("labels='encoder'", "'decoder'")),
            ({"labels": "decoder"}, ("together", "num_classes=None")),
        ),
    ),
    "aae-gaussian": Case(
        **SMALL, latent_dim=3, posterior="gaussian", prior="uniform"
    ),
    "aae-universal": Case(
        **SMALL,
        latent_dim=2,
        posterior="universal",
        noise_dim=4,
        prior="swiss_roll",
    ),
    "aae-label_prior": Case(
        "LabelPriorAAE",
        **SMALL,
        num_classes=3,
        wrong=(
            ({"prior": "normal"}, ("3 components", "no components")),
            ({"latent_dim": 3}, ("size 2", "size 3", "latent_dim=2")),
        ),
    ),
    "aae-supervised": Case(
        "SupervisedAAE", **SMALL, latent_dim=3, num_classes=3
    ),
    "aae-semi_supervised": Case(
        "SemiSupervisedAAE",
        **SMALL,
        latent_dim=3,
        num_classes=3,
        use_labeled_in_all_phases=False,
        # The classes do not depend on the output of the style.
        unmoved={"classifier": 2},
        wrong=(
            ({"code": "added"}, ("code='added'", "'summed'")),
            ({"prior": "cauchy"}, ("prior='cauchy'", "'swiss_roll'")),
        ),
    ),
    "aae-clustering": Case(
        "ClusteringAAE", **SMALL, latent_dim=3, num_classes=3
    ),
    "aae-dim_reduction": Case(
        "DimReductionAAE",
        **SMALL,
        num_classes=3,
        # Heads that are not pushed apart do not move.
        head_distance=9.0,
        unmoved={"classifier": 2},
    ),
    "aae-dim_reduction_clusters": Case(
        "DimReductionAAE",
        **SMALL,
        num_classes=3,
        supervised=False,
        head_distance=9.0,
    ),
}


def with_labels(z, labels, y):
    """What decoder and discriminator are given, in NumPy."""
    for_decoder = for_discriminator = z
    if labels == "decoder":
        for_decoder = np.c_[np.eye(3)[y], z]
    if labels == "discriminator":
        # The class after the last is that of the unlabeled.
        for_discriminator = np.c_[z, np.eye(4)[np.where(y < 0, 3, y)]]
    return for_decoder, for_discriminator


def codes_of(model, x, eps):
    """Codes for given noise, in NumPy."""
    kernel, bias, *rest = model.encoder.get_weights()
    if model.posterior == "universal":
        return np.c_[x, eps] @ kernel + bias
    codes = x @ kernel + bias
    if model.posterior == "gaussian":
        codes += np.exp(0.5 * (x @ rest[0] + rest[1])) * eps
    return codes


# ---- The losses -------------------------------------------------------------


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("labels", [None, "discriminator", "decoder"])
def test_losses_in_closed_form(posterior, labels, monkeypatch):
    model, x, y = aae(posterior, labels), points(), labels_for(labels)
    rng = np.random.default_rng(1)
    prior, eps = rng.normal(size=(6, 2)), rng.normal(size=(6, model.noise_dim))
    seen = fix_samples(monkeypatch, model.prior, prior)
    monkeypatch.setattr(noise, "normal", lambda shape, seed: tensor(eps))
    given, fakes = with_labels(codes_of(model, x, eps), labels, y)
    made = forward(model.decoder, given)
    real = forward(model.discriminator, with_labels(prior, labels, y)[1])
    fake = forward(model.discriminator, fakes)
    expected = {
        "autoencoder": 0.5 * np.sum((x - made) ** 2) / 6,
        "discriminator": np.mean(softplus(-real)) + np.mean(softplus(fake)),
        "encoder": np.mean(softplus(-fake)),
    }
    for training in (True, False):
        losses = losses_of(model, batch_of(x, y), training)
        assert losses == pytest.approx(expected, rel=1e-5)
    for components in seen:
        if labels == "discriminator":
            np.testing.assert_array_equal(array(components), LABELS)
        else:
            assert components is None


def test_images_are_summed_over_all_axes():
    model = randomized(AAE, **SMALL, latent_dim=3)
    x = np.random.default_rng(0).uniform(size=(6, 6, 5, 1)).astype("float32")
    loss = array(model.autoencoder_loss(batch_of(x), True))
    error = np.sum((x - model.reconstruct(x)) ** 2) / 6
    assert loss == pytest.approx(0.5 * error, rel=1e-5)


def test_targets_of_the_users_own():
    """Without labels, `fit(x, y)` makes `y` out of `x`."""
    model, x = aae(), points()
    target = points(7)[1:]
    made = forward(model.decoder, forward(model.encoder, x))
    batch = model.prepared((x, target))
    assert losses_of(model, batch)["autoencoder"] == pytest.approx(
        0.5 * np.sum((target - made) ** 2) / 6, rel=1e-5
    )


def test_a_discriminator_of_zeros():
    model = aae()
    linear(model.discriminator, np.zeros((2, 1)), [0.0])
    losses = losses_of(model, batch_of(points()))
    assert losses["discriminator"] == pytest.approx(2 * np.log(2.0), rel=1e-6)
    assert losses["encoder"] == pytest.approx(np.log(2.0), rel=1e-6)


class LogRatio(layers.Layer):
    """`log N(z; 0, 2^2) - log N(z; 1, 1)`, the best logit."""

    def call(self, z):
        return 0.5 * ((z - 1.0) ** 2 - z**2 / 4.0) - np.log(2.0)


def test_the_best_discriminator_measures_the_divergence():
    """`L_D = 2 log 2 - 2 JSD(prior, codes)`."""
    model = AAE(
        (1,),
        prior_std=2.0,
        encoder=keras.Sequential([keras.Input((1,)), layers.Identity()]),
        discriminator=keras.Sequential([keras.Input((1,)), LogRatio()]),
        hidden_units=(),
        seed=0,
    )
    x = np.random.default_rng(0).normal(1.0, 1.0, (40000, 1))
    loss = array(model.discriminator_loss(batch_of(x), True))
    p, q = scipy.stats.norm(0.0, 2.0).pdf, scipy.stats.norm(1.0, 1.0).pdf

    def integrand(z):
        m = 0.5 * (p(z) + q(z))
        return 0.5 * (p(z) * np.log(p(z) / m) + q(z) * np.log(q(z) / m))

    divergence, _ = scipy.integrate.quad(integrand, -12.0, 12.0)
    assert divergence > 0.05
    # A standard error of about 0.004: the terms vary by 0.6.
    assert loss == pytest.approx(2 * np.log(2.0) - 2 * divergence, abs=0.02)


# ---- The phases -------------------------------------------------------------


@pytest.mark.parametrize("labels", [None, "discriminator", "decoder"])
def test_each_phase_updates_its_own_networks_in_order(labels):
    batch = batch_of(points(), labels_for(labels))
    assert phases_of(aae(labels=labels), batch) == [
        ("autoencoder", {"encoder", "decoder"}),
        ("discriminator", {"discriminator"}),
        ("encoder", {"encoder"}),
    ]


@pytest.mark.parametrize(
    ("posterior", "labels"),
    [
        ("deterministic", None),
        ("gaussian", "discriminator"),
        ("universal", "decoder"),
    ],
)
def test_gradients_are_isolated(posterior, labels):
    batch = batch_of(points(), labels_for(labels))
    assert networks_reached(aae(posterior, labels), batch) == {
        "autoencoder": {"encoder", "decoder"},
        "discriminator": {"discriminator"},
        # That of the discriminator is not applied.
        "encoder": {"encoder", "discriminator"},
    }


def test_the_encoder_learns_the_prior():
    """Codes that begin around 3 come to lie around 0, as the prior does."""
    model = aae(
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
    x = points(256)
    # Many epochs in one.
    model.fit(np.tile(x, (30, 1)), batch_size=64, verbose=0)
    assert np.abs(model.encode(x).mean(axis=0)).max() < 1.0


# ---- Posteriors -------------------------------------------------------------


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_codes_without_noise_and_with_it(posterior):
    model, x = aae(posterior), points()
    kernel, bias, *rest = model.encoder.get_weights()
    np.testing.assert_allclose(model.encode(x), x @ kernel[:3] + bias, **CLOSE)
    same = np.repeat(x[:1], 5000, axis=0)
    codes = model.sample_codes(same, seed=0)
    np.testing.assert_array_equal(codes, model.sample_codes(same, seed=0))
    if posterior == "deterministic":
        np.testing.assert_allclose(codes, model.encode(same), rtol=1e-6)
        return
    other = model.sample_codes(same, seed=1)
    assert not np.allclose(codes, other, atol=1e-2)
    slopes = kernel[3:]
    if posterior == "gaussian":
        slopes = np.diag(np.exp(0.5 * (x[0] @ rest[0] + rest[1])))
    expected = slopes.T @ slopes
    # The noise is standard normal: five standard errors of a covariance.
    tolerance = 5 * np.abs(expected).max() / 50
    trained = array(model.sample_code(tensor(same), True))
    for draws in (codes, other, model.sample_codes(same), trained):
        np.testing.assert_allclose(np.cov(draws.T), expected, atol=tolerance)


def test_gaussian_posterior_without_variance_is_deterministic():
    model, plain = aae("gaussian"), aae()
    w, b = plain.encoder.get_weights()
    model.encoder.set_weights([w, b, np.zeros_like(w), np.full(2, -60.0)])
    for name in ("decoder", "discriminator"):
        weights = getattr(plain, name).get_weights()
        getattr(model, name).set_weights(weights)
    batch = batch_of(points())
    # The least deviation, exp(-10), is 5e-5.
    assert losses_of(model, batch) == pytest.approx(
        losses_of(plain, batch), rel=1e-4
    )


# ---- The prior --------------------------------------------------------------


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
    linear_model(AAE, prior=prior).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(
        tmp_path / "model.keras", custom_objects=objects
    )
    codes = array(loaded.prior.sample(4, seed=0))
    np.testing.assert_array_equal(codes, np.full((4, 2), value))


def test_samples_decode_the_prior():
    def prior(n, labels=None, seed=None):
        return np.arange(2.0 * n).reshape(n, 2)

    model = aae(prior=prior)
    z = np.arange(10.0).reshape(5, 2)
    np.testing.assert_allclose(
        model.sample(5), forward(model.decoder, z), rtol=1e-4
    )


# ---- Arguments --------------------------------------------------------------


def dense_model(size, *units):
    """One linear layer for each output."""
    x = keras.Input((size,))
    return keras.Model(x, [layers.Dense(n)(x) for n in units])


@pytest.mark.parametrize(
    ("posterior", "units", "words"),
    [
        ("gaussian", (2,), "outputs of shape (None, 2), (None, 2)"),
        ("gaussian", (2, 1), "outputs of shape (None, 2), (None, 2)"),
        ("deterministic", (2, 2), "outputs of shape (None, 2)."),
        ("universal", (2,), "inputs of shape (None, 3), (None, None)"),
    ],
)
def test_an_encoder_that_does_not_fit(posterior, units, words):
    with pytest.raises(ValueError) as error:
        AAE((3,), posterior=posterior, encoder=dense_model(3, *units))
    assert f"`encoder` of AAE must have {words}" in str(error.value)


@pytest.mark.parametrize(
    ("labels", "decoder", "discriminator"),
    [(None, 2, 2), ("discriminator", 2, 6), ("decoder", 5, 2)],
)
def test_networks_that_do_not_fit(labels, decoder, discriminator):
    """What they are given has the size of codes and one-hot labels."""
    for name, size, wrong in (
        ("decoder", decoder, dense_model(7, 3)),
        ("discriminator", discriminator, dense_model(7, 1)),
    ):
        words = rf"`{name}` .*\(None, {size}\)\. .*\(None, 7\)"
        with pytest.raises(ValueError, match=words):
            aae(labels=labels, **{name: wrong})


def test_an_own_decoder_has_a_range_of_its_own():
    x = points()
    own = aae(output_activation="sigmoid", decoder=dense_model(2, 3))
    own.check_data(x, x)
    with pytest.raises(ValueError, match="from 0 to 1"):
        aae(output_activation="sigmoid").check_data(x, x)


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("sigmoid", 0.0, 1.0), ("tanh", -1.0, 1.0), (None, None, None)],
)
def test_the_range_of_data_is_that_of_the_output(activation, low, high):
    x = np.array([[-1.5, 0.0, 0.5]])
    for labels, y in ((None, x), ("discriminator", np.array([0]))):
        model = aae(output_activation=activation, labels=labels)
        if low is None:
            model.check_data(x, y)
        else:
            with pytest.raises(ValueError, match=f"from {low:g} to {high:g}"):
                model.check_data(x, y)


def test_defaults_are_the_papers():
    model = AAE((6, 5, 1), hidden_units=(8, 6), seed=0)
    networks = (model.encoder, model.decoder, model.discriminator)
    units = [
        [layer.units for layer in network.layers if hasattr(layer, "units")]
        for network in networks
    ]
    assert units == [[8, 6, 8], [6, 8, 30], [8, 6, 1]]
    kernels = [
        weight.ravel()
        for network in networks
        for weight in network.get_weights()
        if weight.ndim == 2
    ]
    # 790 draws: a relative standard error of 0.025.
    assert np.std(np.concatenate(kernels)) == pytest.approx(0.01, rel=0.1)
    # Five standard errors.
    assert np.std(array(model.prior.sample(5000, seed=0))) == pytest.approx(
        5.0, rel=0.02
    )
    assert rates_of(model) == {
        "autoencoder": (0.01, 0.9),
        "discriminator": (0.1, 0.1),
        "encoder": (0.1, 0.1),
    }


@pytest.mark.parametrize(
    ("cls", "defaults"),
    [
        (AAE, {"latent_dim": 8, "prior_std": 5.0, "labels": None}),
        (
            LabelPriorAAE,
            {"latent_dim": 2, "prior": "mixture", "labels": "discriminator"},
        ),
        (
            SupervisedAAE,
            {"latent_dim": 15, "prior_std": 1.0, "labels": "decoder"},
        ),
    ],
)
def test_defaults_of_the_papers_experiments(cls, defaults):
    expected = {
        "hidden_units": (1000, 1000),
        "posterior": "deterministic",
        "prior": "normal",
        "num_classes": None if cls is AAE else 10,
        **defaults,
    }
    parameters = inspect.signature(cls).parameters
    assert {name: parameters[name].default for name in expected} == expected
    options = {} if cls is AAE else {"num_classes": 3}
    model = linear_model(cls, **options)
    assert model.labels == expected["labels"]
    if cls is LabelPriorAAE:
        assert model.prior.num_components == 3
