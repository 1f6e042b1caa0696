"""DC-IGN: what is clamped, the loss, and its gradients at the heads."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.engine import Batch
from keras_gen.models.autoencoders import dc_ign
from keras_gen.models.autoencoders.dc_ign import DCIGN
from keras_gen.models.vaes import vae
from keras_gen.models.vaes.vae import VAE
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    fix_noise,
    gradient,
    loss_and_gradients,
    randomize,
    tensor,
)

SHAPE = (4, 3, 1)
GROUPS = {"pose": 1, "light": 2, "rest": None}
# Which of the five entries are active, for the three groups and for all.
ACTIVE = {
    0: [True, False, False, False, False],
    1: [False, True, True, False, False],
    2: [False, False, False, True, True],
    -1: [True] * 5,
}


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
    rng = np.random.default_rng(3)
    heads = [rng.normal(size=(n, 5)), rng.normal(size=(n, 5)) - 1]
    return heads, rng.normal(size=(1, n, 5))


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


# ---- The clamp --------------------------------------------------------------


@pytest.mark.parametrize("group", list(ACTIVE))
@pytest.mark.parametrize("clamp", ["mean", "first"])
def test_clamped_heads_vary_in_active_entries_alone(clamp, group):
    model = tiny(clamp=clamp)
    head = heads_and_noise()[0][0].astype("float32")
    active = model.active_entries(ops.full((6,), group, dtype="int32"))
    np.testing.assert_array_equal(array(active), [ACTIVE[group]] * 6)
    found = array(model.clamped(tensor(head), active))
    on = np.array(ACTIVE[group])
    np.testing.assert_array_equal(found[:, on], head[:, on])
    assert np.ptp(found[:, ~on], axis=0).max(initial=0.0) == 0.0
    common = head.mean(axis=0) if clamp == "mean" else head[0]
    np.testing.assert_allclose(found[0, ~on], common[~on], rtol=1e-5)


@pytest.mark.parametrize("group", list(ACTIVE))
def test_without_noise_the_decoder_sees_the_clamped_means(monkeypatch, group):
    model, x = tiny(), data()
    fix_noise(monkeypatch, dc_ign, np.zeros((1, 6, 5)))
    seen, decoder = [], model.decoder

    def recording(z, training):
        seen.append(array(z))
        return decoder(z, training=training)

    # Past Keras' tracking of attributes.
    object.__setattr__(model, "decoder", recording)
    heads = model.posterior(tensor(x))
    model.clamped_loss(batch_of(x, group), heads, training=True)
    on = np.array(ACTIVE[group])
    mean = array(heads[0])
    np.testing.assert_array_equal(seen[0][:, on], mean[:, on])
    assert np.ptp(seen[0][:, ~on], axis=0).max(initial=0.0) == 0.0
    np.testing.assert_allclose(
        seen[0][0, ~on], mean.mean(axis=0)[~on], rtol=1e-5
    )


def test_noise_stays_different_for_each_image(monkeypatch):
    """Clamped entries have a common distribution, not a common draw."""
    model, x = tiny(), data()
    heads, eps = heads_and_noise()
    fix_noise(monkeypatch, dc_ign, eps)
    terms = model.bound_terms(
        tensor(x), *(tensor(np.tile(head[:1], (6, 1))) for head in heads)
    )
    mean, log_variance = heads[0][0], heads[1][0]
    z = mean + np.exp(log_variance / 2) * eps[0]
    expected = -0.5 * (np.log(2 * np.pi) + z**2).sum(axis=-1)
    np.testing.assert_allclose(array(terms.log_prior)[0], expected, rtol=1e-5)


# ---- The loss ---------------------------------------------------------------


@pytest.mark.parametrize("group", list(ACTIVE))
@pytest.mark.parametrize("clamp", ["mean", "first"])
def test_loss_is_averaged_over_the_batch(monkeypatch, clamp, group):
    model, x = tiny(clamp=clamp, invariance_scale=0.3), data()
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, dc_ign, eps)
    heads = [array(head) for head in model.encoder(x)]
    on = np.array(ACTIVE[group])
    clamped, apart = [], 0.0
    for head in heads:
        mean = head.mean(axis=0)
        common = mean if clamp == "mean" else head[0]
        clamped.append(np.where(on, head, common))
        # Deviations from the mean, whatever the entries are set to.
        apart += ((head - mean)[:, ~on] ** 2).sum() / 6
    reconstruction, divergence = expected_bound(model, x, *clamped, eps)
    expected = {
        "loss": reconstruction + divergence + 0.3 / 2 * apart,
        "reconstruction_loss": reconstruction,
        "kl_divergence": divergence,
        "invariance_loss": 0.3 / 2 * apart,
    }
    losses = []
    object.__setattr__(
        model, "minimize", lambda player, loss_fn: losses.append(loss_fn())
    )
    pair = tensor(x), ops.full((6, 1), group, dtype="int64")
    logs = model.run_step(model.training_step, pair)
    logs["loss"] = losses[0]
    for found in (logs, model.run_step(model.evaluation_step, pair)):
        found = {name: float(array(value)) for name, value in found.items()}
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("epochs", "expected"), [(0, 0.1), (1, 0.1**0.5), (4, 10.0), (9, 10.0)]
)
def test_scale_is_multiplied_by_the_same_number_each_epoch(epochs, expected):
    model = tiny(initial_scale=0.1, invariance_scale=10.0, schedule_epochs=4)
    model.epochs_seen.assign(epochs)
    assert float(model.scale()) == pytest.approx(expected, rel=1e-5)
    pair = tensor(data()), ops.zeros((6, 1), dtype="int64")
    losses = [
        float(
            array(each.run_step(each.evaluation_step, pair)["invariance_loss"])
        )
        for each in (model, tiny(invariance_scale=1.0))
    ]
    assert losses[0] == pytest.approx(expected * losses[1], rel=1e-4)


@pytest.mark.parametrize("group", [0, 1, 2])
@pytest.mark.parametrize(
    ("clamp", "scale"), [("mean", 0.3), ("first", 0.3), ("mean", 0.0)]
)
def test_gradients_at_the_heads(monkeypatch, clamp, scale, group):
    """Of the bound for active entries, of the deviations for the others."""
    with double_precision():
        model, x = tiny(clamp=clamp, invariance_scale=scale), data()
        heads, eps = heads_and_noise()
        fix_noise(monkeypatch, dc_ign, eps)
        on = np.array(ACTIVE[group])
        common = [h.mean(axis=0) if clamp == "mean" else h[0] for h in heads]
        clamped = [
            np.where(on, head, c) for head, c in zip(heads, common, strict=True)
        ]
        for which in (0, 1):

            def replaced(value, all_heads, which=which):
                parts = [tensor(head) for head in all_heads]
                parts[which] = value
                return parts

            def loss(value):
                return model.clamped_loss(
                    batch_of(x, group), replaced(value, heads), training=True
                )

            def bound(value):
                terms = model.bound_terms(tensor(x), *replaced(value, clamped))
                return ops.mean(terms.kl_divergence - terms.log_likelihood)

            found = gradient(loss, heads[which])
            assert found.dtype == "float64"
            of_bound = gradient(bound, clamped[which])
            np.testing.assert_allclose(
                found[:, on], of_bound[:, on], rtol=1e-9, atol=1e-12
            )
            assert np.abs(of_bound[:, ~on]).min() > 1e-4
            head = heads[which]
            deviations = scale * (head - head.mean(axis=0)) / len(x)
            np.testing.assert_allclose(
                found[:, ~on], deviations[:, ~on], rtol=1e-9, atol=1e-12
            )
            np.testing.assert_allclose(found[:, ~on].sum(axis=0), 0, atol=1e-12)
            if scale == 0.0:
                assert not found[:, ~on].any()


def test_gradient_of_the_bound_matches_finite_differences(monkeypatch):
    with double_precision():
        model, x = tiny(), data(2)
        (mean, log_variance), eps = heads_and_noise(2)
        fix_noise(monkeypatch, dc_ign, eps)
        batch = batch_of(x, -1)

        def loss(value):
            heads = [tensor(mean), value]
            return model.clamped_loss(batch, heads, training=True)

        expected = difference_quotients(
            lambda value: array(loss(tensor(value))), log_variance
        )
        np.testing.assert_allclose(
            gradient(loss, log_variance), expected, rtol=1e-6, atol=1e-9
        )


def test_identical_images_have_no_invariance_gradient(monkeypatch):
    x = np.repeat(data(1), 6, axis=0)
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, dc_ign, eps)
    found = {}
    with double_precision():
        for scale in (0.0, 100.0):
            model = tiny(invariance_scale=scale)
            found[scale] = loss_and_gradients(
                lambda model=model: model.clamped_loss(
                    batch_of(x, 0), model.posterior(tensor(x)), training=True
                ),
                model.trainable_variables,
            )
    assert found[0.0][0] == pytest.approx(found[100.0][0], rel=1e-6)
    for left, right in zip(found[0.0][1], found[100.0][1], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-9)


@pytest.mark.parametrize(
    ("groups", "number"), [(GROUPS, -1), ({"all": None}, 0), ({"all": 5}, -1)]
)
def test_all_entries_active_is_the_plain_autoencoder(
    monkeypatch, groups, number
):
    x = data()
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, dc_ign, eps)
    model = tiny(groups=groups, invariance_scale=7.0)
    plain = VAE(SHAPE, 5, encoder=model.encoder, decoder=model.decoder)
    # Both take their noise from the same module.
    assert vae.noise is dc_ign.noise
    variables = model.trainable_variables
    loss, gradients = loss_and_gradients(
        lambda: model.clamped_loss(
            batch_of(x, number), model.posterior(tensor(x)), training=True
        ),
        variables,
    )
    plain.num_samples = 1
    expected_loss, expected = loss_and_gradients(
        lambda: sum(plain.bound_losses(tensor(x), training=True)), variables
    )
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for found, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=1e-6)


def test_bound_of_the_model_is_not_clamped(monkeypatch):
    model, x = tiny(), data()
    _, eps = heads_and_noise()
    fix_noise(monkeypatch, dc_ign, eps)
    heads = [array(head) for head in model.encoder(x)]
    reconstruction, divergence = expected_bound(model, x, *heads, eps)
    parts = model.elbo(x)
    assert -parts["log_likelihood"].mean() == pytest.approx(
        reconstruction, rel=1e-5
    )
    assert parts["kl_divergence"].mean() == pytest.approx(divergence, rel=1e-5)


def test_workers_share_the_mean_and_the_first_image(monkeypatch):
    """As the second of two workers, whose other has heads of zeros."""
    head = heads_and_noise()[0][0].astype("float32")
    nothing = ops.zeros((6, 5), dtype="bool")
    monkeypatch.setattr(dc_ign, "replica", lambda: (1, 2))
    monkeypatch.setattr(dc_ign, "replica_mean", lambda x: x / 2)
    means = array(tiny().clamped(tensor(head), nothing))
    np.testing.assert_allclose(means[0], head.mean(axis=0) / 2, rtol=1e-5)
    found = float(array(dc_ign.invariance(tensor(head), nothing)))
    expected = ((head - head.mean(axis=0) / 2) ** 2).sum() / 2 / 6
    assert found == pytest.approx(expected, rel=1e-5)
    # The first image is the other worker's.
    firsts = array(tiny(clamp="first").clamped(tensor(head), nothing))
    np.testing.assert_array_equal(firsts, np.zeros((6, 5)))
    monkeypatch.setattr(dc_ign, "replica", lambda: (0, 2))
    firsts = array(tiny(clamp="first").clamped(tensor(head), nothing))
    np.testing.assert_allclose(firsts, np.tile(head[0], (6, 1)), rtol=1e-6)
