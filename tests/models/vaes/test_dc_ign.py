"""DC-IGN: what is clamped, the loss, and its gradients at the heads."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import DCIGN, VAE, Schedule
from keras_gen.distributions import Normal, normal
from keras_gen.engine import Batch
from keras_gen.models.vaes.dc_ign import dc_ign
from tests.contract.case import Case
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    evaluation_logs,
    fix_noise,
    gradient,
    loss_and_gradients,
    one_program,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "dc_ign": Case(
        logits=("decoder",),
        # Latents that are clamped have other gradients.
        biased=("model",),
        image_shape=(8, 8, 1),
        latent_dim=6,
        filters=4,
        wrong=(
            ({"clamp": "last"}, ("clamp='last'", "'mean'", "'first'")),
            ({"image_shape": (6, 8, 1)}, ("150 x 150", "(6, 8, 1)")),
            ({"invariance_weight": -1.0}, ("negative", "weight=-1.0")),
            ({"filters": 2}, ("at least 4", "filters=2")),
            (
                {"groups": {"pose": 3, "light": 2}},
                ("'pose': 3", "latent_dim=6", "None"),
            ),
        ),
    ),
    "dc_ign-first": Case(
        # Latents that are clamped have other gradients.
        biased=("model",),
        image_shape=(8, 8, 1),
        latent_dim=6,
        groups={"pose": 2, "light": 1, "rest": None},
        clamp="first",
        invariance_weight=Schedule(
            0.1, 1.0, over=2, interpolation="exponential"
        ),
        filters=4,
    ),
}

SHAPE = (4, 3, 1)
GROUPS = {"pose": 1, "light": 2, "rest": None}
# Which of the five latents are active, for the three groups and for all.
ACTIVE = {
    0: [True, False, False, False, False],
    1: [False, True, True, False, False],
    2: [False, False, False, True, True],
    -1: [True] * 5,
}
every_group = pytest.mark.parametrize("group", list(ACTIVE))
every_clamp = pytest.mark.parametrize("clamp", ["mean", "first"])


def networks(latent_dim=5, shape=SHAPE):
    x = keras.Input(shape)
    h = layers.Dense(8, activation="tanh")(layers.Flatten()(x))
    heads = [layers.Dense(latent_dim)(h), layers.Dense(latent_dim)(h)]
    z = keras.Input((latent_dim,))
    h = layers.Dense(8, activation="tanh")(z)
    y = layers.Reshape(shape)(layers.Dense(int(np.prod(shape)))(h))
    return {"encoder": keras.Model(x, heads), "decoder": keras.Model(z, y)}


def tiny(**options):
    options = {"groups": GROUPS, **networks(), **options}
    model = DCIGN(SHAPE, 5, seed=0, **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2)
    return model


def data(n=6, shape=SHAPE):
    return np.random.default_rng(0).uniform(size=(n, *shape)).astype("float32")


def heads_and_noise(n=6):
    """Mean and log-variance of a batch, and noise for them."""
    rng = np.random.default_rng(3)
    heads = [rng.normal(size=(n, 5)), rng.normal(size=(n, 5)) - 1]
    return heads, rng.normal(size=(1, n, 5))


def set_heads(model, mean, log_variance):
    """Gives all batches one posterior."""
    # Past Keras' tracking of attributes.
    object.__setattr__(
        model, "posterior", lambda x, training=False: Normal(mean, log_variance)
    )


def batch_of(x, group):
    return Batch(tensor(x), ops.full((len(x),), group, dtype="int32"))


def expected_bound(model, x, mean, log_variance, eps):
    """Reconstruction loss and divergence, written out in NumPy."""
    z = mean + np.exp(log_variance / 2) * eps[0]
    logits = array(model.decoder(tensor(z)))
    p = 1 / (1 + np.exp(-logits))
    log_likelihood = x * np.log(p) + (1 - x) * np.log(1 - p)
    divergence = mean**2 + np.exp(log_variance) - 1 - log_variance
    return -log_likelihood.sum() / len(x), divergence.sum() / 2 / len(x)


@pytest.fixture(scope="module")
def model():
    """One model, only to be looked at."""
    return tiny()


# ---- The clamp --------------------------------------------------------------


@every_group
@every_clamp
def test_clamped_heads_vary_in_active_latents_alone(clamp, group):
    model = tiny(clamp=clamp)
    head = heads_and_noise()[0][0].astype("float32")
    active = model.active_latents(ops.full((6,), group, dtype="int32"))
    np.testing.assert_array_equal(array(active), [ACTIVE[group]] * 6)
    found = array(model.clamped(tensor(head), active))
    on = np.array(ACTIVE[group])
    np.testing.assert_array_equal(found[:, on], head[:, on])
    assert np.ptp(found[:, ~on], axis=0).max(initial=0.0) == 0.0
    common = head.mean(axis=0) if clamp == "mean" else head[0]
    np.testing.assert_allclose(found[0, ~on], common[~on], rtol=1e-5)


@every_group
def test_without_noise_the_code_is_the_clamped_mean(monkeypatch, model, group):
    x = data()
    fix_noise(monkeypatch, normal, np.zeros((1, 6, 5)))
    z, mean = map(
        array,
        one_program(
            lambda: (
                model.bound(batch_of(x, group), training=True).z[0],
                model.posterior(tensor(x)).mean,
            )
        )(),
    )
    on = np.array(ACTIVE[group])
    np.testing.assert_array_equal(z[:, on], mean[:, on])
    assert np.ptp(z[:, ~on], axis=0).max(initial=0.0) == 0.0
    np.testing.assert_allclose(z[0, ~on], mean.mean(axis=0)[~on], rtol=1e-5)


def test_noise_stays_different_for_each_image(monkeypatch):
    """Clamped latents have a common distribution, not a common draw."""
    model, x = tiny(), data()
    heads, eps = heads_and_noise()
    fix_noise(monkeypatch, normal, eps)
    set_heads(model, *map(tensor, heads))
    bound = model.bound(batch_of(x, 0))
    common = [head.mean(axis=0) for head in heads]
    mean, log_variance = (
        np.where(ACTIVE[0], head, c)
        for head, c in zip(heads, common, strict=True)
    )
    z = mean + np.exp(log_variance / 2) * eps
    np.testing.assert_allclose(array(bound.z), z, rtol=1e-5)
    expected = -0.5 * (np.log(2 * np.pi) + z**2).sum(axis=-1)
    np.testing.assert_allclose(array(bound.log_prior), expected, rtol=1e-5)


# ---- The loss ---------------------------------------------------------------


@every_group
@every_clamp
def test_loss_is_averaged_over_the_batch(monkeypatch, clamp, group):
    model, x = tiny(clamp=clamp, invariance_weight=0.3), data()
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, normal, eps)
    heads = [array(head) for head in model.encoder(x)]
    on = np.array(ACTIVE[group])
    clamped, apart = [], 0.0
    for head in heads:
        mean = head.mean(axis=0)
        common = mean if clamp == "mean" else head[0]
        clamped.append(np.where(on, head, common))
        # Deviations from the mean, whatever the latents are set to.
        apart += ((head - mean)[:, ~on] ** 2).sum() / 6
    reconstruction, divergence = expected_bound(model, x, *clamped, eps)
    expected = {
        "loss": reconstruction + divergence + 0.3 * apart / 2,
        "reconstruction_loss": reconstruction,
        "kl_divergence": divergence,
        "elbo": -reconstruction - divergence,
        "invariance_loss": apart / 2,
    }
    y = np.full((6, 1), group)
    for logs_of in (training_logs, evaluation_logs):
        logs = logs_of(model, x, y)
        assert logs == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_weight_is_multiplied_by_the_same_factor_each_epoch():
    schedule = Schedule(0.1, 10.0, over=4, interpolation="exponential")
    model = tiny(invariance_weight=schedule)
    x, y = data(), np.zeros((6, 1))
    for epochs, expected in ((0, 0.1), (1, 0.1**0.5), (4, 10.0), (9, 10.0)):
        model.epochs_seen.assign(epochs)
        weight = model.term_weights()["invariance_loss"]
        assert float(array(weight)) == pytest.approx(expected, rel=1e-5)
        logs = evaluation_logs(model, x, y)
        assert logs["loss"] + logs["elbo"] == pytest.approx(
            expected * logs["invariance_loss"], rel=1e-3
        )
    assert logs["invariance_loss"] > 0.01


@pytest.mark.parametrize(
    ("clamp", "weight"), [("mean", 0.3), ("first", 0.3), ("mean", 0.0)]
)
def test_gradients_at_the_heads(monkeypatch, clamp, weight):
    """Of the bound for active latents, of the deviations for the others."""
    with double_precision():
        model, x = tiny(clamp=clamp, invariance_weight=weight), data()
        heads, eps = heads_and_noise()
        fix_noise(monkeypatch, normal, eps)
        common = [h.mean(axis=0) if clamp == "mean" else h[0] for h in heads]
        for group in (0, 1, 2):
            on = np.array(ACTIVE[group])
            clamped = [
                np.where(on, head, c)
                for head, c in zip(heads, common, strict=True)
            ]

            def loss(both, group=group):
                set_heads(model, both[0], both[1])
                return model.model_loss(batch_of(x, group), training=True)

            def bound(both):
                set_heads(model, both[0], both[1])
                return -ops.mean(model.bound(Batch(tensor(x))).elbo)

            found = gradient(loss, np.array(heads))
            assert found.dtype == "float64"
            of_bound = gradient(bound, np.array(clamped))
            assert np.abs(of_bound[..., ~on]).min() > 1e-4
            np.testing.assert_allclose(
                found[..., on], of_bound[..., on], rtol=1e-9, atol=1e-12
            )
            rest = found[..., ~on]
            for head, slope in zip(heads, rest, strict=True):
                deviations = weight * (head - head.mean(axis=0)) / len(x)
                np.testing.assert_allclose(
                    slope, deviations[:, ~on], rtol=1e-9, atol=1e-12
                )
            np.testing.assert_allclose(rest.sum(axis=1), 0, atol=1e-12)
            if weight == 0.0:
                assert not rest.any()


def test_gradient_of_the_bound_matches_finite_differences(monkeypatch):
    with double_precision():
        model, x = tiny(), data(2)
        heads, eps = heads_and_noise(2)
        fix_noise(monkeypatch, normal, eps)
        batch = batch_of(x, -1)

        def loss(both):
            set_heads(model, both[0], both[1])
            return model.model_loss(batch, training=True)

        program = one_program(loss)
        expected = difference_quotients(
            lambda both: array(program(tensor(both))), heads
        )
        np.testing.assert_allclose(
            gradient(loss, np.array(heads)), expected, rtol=1e-6, atol=1e-9
        )


def test_identical_images_have_no_invariance_gradient(monkeypatch):
    x = np.repeat(data(1), 6, axis=0)
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, normal, eps)
    found = {}
    with double_precision():
        for weight in (0.0, 100.0):
            model = tiny(invariance_weight=weight)
            found[weight] = loss_and_gradients(
                lambda model=model: model.model_loss(
                    batch_of(x, 0), training=True
                ),
                model.trainable_variables,
            )
    assert found[0.0][0] == pytest.approx(found[100.0][0], rel=1e-6)
    for left, right in zip(found[0.0][1], found[100.0][1], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-9)


@pytest.mark.parametrize(
    ("groups", "group"), [(GROUPS, -1), ({"all": None}, 0), ({"all": 5}, -1)]
)
def test_all_latents_active_is_the_plain_autoencoder(
    monkeypatch, groups, group
):
    x = data()
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, normal, eps)
    model = tiny(groups=groups, invariance_weight=7.0)
    plain = VAE(
        SHAPE, latent_dim=5, encoder=model.encoder, decoder=model.decoder
    )
    variables = model.trainable_variables
    loss, gradients = loss_and_gradients(
        lambda: model.model_loss(batch_of(x, group), training=True), variables
    )
    expected_loss, expected = loss_and_gradients(
        lambda: plain.model_loss(Batch(tensor(x)), training=True), variables
    )
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for found, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-6)


def test_bound_of_the_model_is_not_clamped(monkeypatch, model):
    x = data()
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, normal, eps)
    heads = [array(head) for head in model.encoder(x)]
    reconstruction, divergence = expected_bound(model, x, *heads, eps)
    parts = model.elbo(x)
    assert -parts["log_likelihood"].mean() == pytest.approx(
        reconstruction, rel=1e-5
    )
    assert parts["kl_divergence"].mean() == pytest.approx(divergence, rel=1e-5)


def test_several_draws_share_one_clamp(monkeypatch):
    model, x = tiny(num_samples=2), data()
    eps = np.random.default_rng(4).normal(size=(2, 6, 5))
    fix_noise(monkeypatch, normal, eps)
    logs = training_logs(model, x, np.zeros(6))
    heads = [array(head) for head in model.encoder(x)]
    clamped = [np.where(ACTIVE[0], head, head.mean(axis=0)) for head in heads]
    expected = [expected_bound(model, x, *clamped, draw[None]) for draw in eps]
    reconstruction, divergence = np.mean(expected, axis=0)
    assert logs["reconstruction_loss"] == pytest.approx(
        reconstruction, rel=1e-4
    )
    assert logs["kl_divergence"] == pytest.approx(divergence, rel=1e-4)


def test_workers_share_the_mean_and_the_first_image(monkeypatch):
    """As the second of two workers, whose other has heads of zeros."""
    head = heads_and_noise()[0][0].astype("float32")
    nothing = ops.zeros((6, 5), dtype="bool")
    by_mean, by_first = tiny(), tiny(clamp="first")
    monkeypatch.setattr(dc_ign, "replica", lambda: (1, 2))
    monkeypatch.setattr(dc_ign, "replica_mean", lambda x: x / 2)
    means = array(by_mean.clamped(tensor(head), nothing))
    np.testing.assert_allclose(means[0], head.mean(axis=0) / 2, rtol=1e-5)
    found = float(array(dc_ign.invariance(tensor(head), nothing)))
    expected = ((head - head.mean(axis=0) / 2) ** 2).sum() / 2 / 6
    assert found == pytest.approx(expected, rel=1e-5)
    # The first image is the other worker's.
    firsts = array(by_first.clamped(tensor(head), nothing))
    np.testing.assert_array_equal(firsts, np.zeros((6, 5)))
    monkeypatch.setattr(dc_ign, "replica", lambda: (0, 2))
    firsts = array(by_first.clamped(tensor(head), nothing))
    np.testing.assert_allclose(firsts, np.tile(head[0], (6, 1)), rtol=1e-6)
