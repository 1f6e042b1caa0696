import inspect

import keras
import numpy as np
import pytest
import scipy.special

from keras_gen.models.autoencoders import aae_semi
from keras_gen.models.autoencoders.aae_semi import SemiSupervisedAAE
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
from tests.numerics import array, linear, randomize, tensor

NETWORKS = (
    "encoder",
    "decoder",
    "class_discriminator",
    "style_discriminator",
)
LABELS = np.array([2, -1, 0, 1, -1, 2])
KNOWN = LABELS >= 0


def semi(**options):
    """Three classes, points of three numbers, styles of two."""
    model = SemiSupervisedAAE(
        (3,),
        num_classes=3,
        seed=0,
        **{
            "input_noise": 0.0,
            "encoder": dense_model(3, 3, 2),
            "decoder": dense_model(5, 3),
            "class_discriminator": dense_model(3, 1),
            "style_discriminator": dense_model(2, 1),
            **options,
        },
    )
    for index, name in enumerate(NETWORKS):
        randomize(getattr(model, name), index, 0.5)
    return model


def parts_of(model, x):
    """The logits, the probabilities and the styles in NumPy."""
    w_logits, b_logits, w_style, b_style = model.encoder.get_weights()
    logits = x @ w_logits + b_logits
    probabilities = scipy.special.softmax(logits, axis=1)
    return logits, probabilities, x @ w_style + b_style


def fix_priors(monkeypatch, model):
    """Fixes the draws of both priors."""
    rng = np.random.default_rng(1)
    classes = np.eye(3)[rng.integers(0, 3, 6)]
    styles = rng.normal(size=(6, 2))
    for prior, value in ((model.class_prior, classes), (model.prior, styles)):
        monkeypatch.setattr(
            prior, "sample", lambda n, seed, value=value: tensor(value)
        )
    return classes, styles


# ---- The losses -------------------------------------------------------------


def test_losses_in_closed_form(monkeypatch):
    model, x = semi(), points()
    classes, styles = fix_priors(monkeypatch, model)
    logits, y, z = parts_of(model, x)
    made = forward(model.decoder, np.c_[y, z])
    log_p = scipy.special.log_softmax(logits, axis=1)
    of_classes = model.class_discriminator
    of_styles = model.style_discriminator
    losses = losses_of(model, batch_of(x, LABELS))
    assert losses == pytest.approx(
        {
            "autoencoder": 0.5 * np.sum((x - made) ** 2) / 6,
            "class_discriminator": np.mean(
                softplus(-forward(of_classes, classes))
            )
            + np.mean(softplus(forward(of_classes, y))),
            "style_discriminator": np.mean(
                softplus(-forward(of_styles, styles))
            )
            + np.mean(softplus(forward(of_styles, z))),
            "encoder": np.mean(softplus(-forward(of_classes, y)))
            + np.mean(softplus(-forward(of_styles, z))),
            "classifier": -log_p[KNOWN, LABELS[KNOWN]].mean(),
        },
        rel=1e-5,
    )
    hits = logits.argmax(axis=1)[KNOWN] == LABELS[KNOWN]
    assert 0.0 < hits.mean() < 1.0
    logs = model.get_metrics_result()
    assert float(logs["accuracy"]) == pytest.approx(hits.mean())


def test_discriminators_of_zeros():
    model = semi()
    linear(model.class_discriminator, np.zeros((3, 1)), [0.0])
    linear(model.style_discriminator, np.zeros((2, 1)), [0.0])
    losses = losses_of(model, batch_of(points(), LABELS))
    assert losses["class_discriminator"] == pytest.approx(2 * LOG_2, rel=1e-6)
    assert losses["style_discriminator"] == pytest.approx(2 * LOG_2, rel=1e-6)
    assert losses["encoder"] == pytest.approx(2 * LOG_2, rel=1e-6)


def test_without_labels_nothing_is_learnt_of_classes():
    model = semi()
    batch = batch_of(points(), np.full(6, -1))
    assert losses_of(model, batch)["classifier"] == 0.0
    assert gradients_of(model, "classifier", batch, "encoder") == 0.0


def test_phases_of_the_unlabelled_alone(monkeypatch):
    """All but the supervised phase are as if the labelled were not there."""
    model, x = semi(labelled_in_all_phases=False), points()
    losses = losses_of(model, batch_of(x, LABELS))
    few = losses_of(model, batch_of(x[~KNOWN], LABELS[~KNOWN]))
    all_of_them = losses_of(semi(), batch_of(x, LABELS))
    for player in ("autoencoder", "encoder"):
        assert losses[player] == pytest.approx(few[player], rel=1e-5)
        assert losses[player] != pytest.approx(all_of_them[player], rel=1e-2)
    assert losses["classifier"] == pytest.approx(all_of_them["classifier"])
    classes, _ = fix_priors(monkeypatch, model)
    real = np.mean(softplus(-forward(model.class_discriminator, classes)))
    _, y, _ = parts_of(model, x)
    fake = softplus(forward(model.class_discriminator, y))[~KNOWN]
    losses = losses_of(model, batch_of(x, LABELS))
    assert losses["class_discriminator"] == pytest.approx(
        real + np.mean(fake), rel=1e-5
    )
    # A batch in which all have labels has nothing to reconstruct.
    losses = losses_of(model, batch_of(x, np.zeros(6)))
    assert losses["autoencoder"] == losses["encoder"] == 0.0


def test_workers_share_the_number_of_labels(monkeypatch):
    """Two workers' losses have the loss of the whole batch as their mean."""
    model, x = semi(labelled_in_all_phases=False), points()
    players = ("autoencoder", "encoder", "classifier")
    whole = losses_of(model, batch_of(x, LABELS))
    accuracy = float(model.get_metrics_result()["accuracy"])
    halves = (np.array([0, 2, 3]), np.array([1, 4, 5]))
    labelled = [KNOWN[half].mean() for half in halves]
    assert labelled == [1.0, pytest.approx(1 / 3)]
    model.reset_metrics()
    parts = []
    for own, other in ((0, 1), (1, 0)):

        def replica_mean(share, own=own, other=other):
            known = np.isclose(float(array(share)), labelled[own])
            there = labelled[other] if known else 1 - labelled[other]
            return (share + there) / 2

        monkeypatch.setattr(aae_semi, "replica_mean", replica_mean)
        half = halves[own]
        parts.append(losses_of(model, batch_of(x[half], LABELS[half])))
    for player in players:
        mean = (parts[0][player] + parts[1][player]) / 2
        assert mean == pytest.approx(whole[player], rel=1e-5)
    logged = float(model.get_metrics_result()["accuracy"])
    assert logged == pytest.approx(accuracy, rel=1e-5)


def test_noise_is_added_to_what_the_encoder_sees_in_training():
    model = semi(input_noise=0.3)
    linear(model.encoder, np.eye(3), np.zeros(3), layer=1)
    x = np.full((4000, 3), 0.5)
    noisy = array(model.encoded(tensor(x), True)[0])
    # Five standard deviations of the estimate of a standard deviation.
    assert np.std(noisy - x) == pytest.approx(0.3, rel=0.04)
    assert np.mean(noisy - x) == pytest.approx(0.0, abs=0.02)
    again = array(model.encoded(tensor(x), True)[0])
    assert not np.allclose(noisy, again, atol=1e-2)
    np.testing.assert_allclose(array(model.encoded(tensor(x))[0]), x)
    # The clean example is to be reconstructed.
    assert model.target(batch_of(x, np.zeros(4000))).shape == (4000, 3)
    np.testing.assert_array_equal(
        array(model.target(batch_of(x, np.zeros(4000)))), x
    )


# ---- The phases -------------------------------------------------------------


def test_each_phase_updates_its_own_networks_in_order():
    model = semi()
    batch = batch_of(points(), LABELS)
    assert changes_by_phase(model, batch, NETWORKS) == [
        ("autoencoder", {"encoder", "decoder"}),
        ("class_discriminator", {"class_discriminator"}),
        ("style_discriminator", {"style_discriminator"}),
        ("encoder", {"encoder"}),
        ("classifier", {"encoder"}),
    ]


def test_gradients_are_isolated():
    model, batch = semi(), batch_of(points(), LABELS)
    for player in ("class_discriminator", "style_discriminator"):
        assert gradients_of(model, player, batch, "encoder") == 0.0
        assert gradients_of(model, player, batch, player) > 0.0
        assert gradients_of(model, "encoder", batch, player) > 0.0
        assert gradients_of(model, "autoencoder", batch, player) == 0.0
        assert gradients_of(model, "classifier", batch, player) == 0.0
    assert gradients_of(model, "encoder", batch, "decoder") == 0.0
    assert gradients_of(model, "classifier", batch, "decoder") == 0.0


def test_priors_of_classes_and_styles(monkeypatch):
    """One-hot classes that are all as likely; standard normal styles."""
    model = semi()
    seen = {}

    def record(discriminator, real, fake, batch, training):
        seen[discriminator.name] = array(real)
        return 0.0

    object.__setattr__(model, "separation_loss", record)
    batch = batch_of(np.zeros((6000, 3)), np.zeros(6000))
    model.class_discriminator_loss(batch, True)
    model.style_discriminator_loss(batch, True)
    classes = seen[model.class_discriminator.name]
    styles = seen[model.style_discriminator.name]
    assert set(np.unique(classes)) == {0.0, 1.0} and classes.shape == (6000, 3)
    # A standard deviation of 0.006.
    assert np.abs(classes.mean(axis=0) - 1 / 3).max() < 0.03
    assert np.std(styles) == pytest.approx(1.0, rel=0.04)
    assert styles.shape == (6000, 2)


def test_bare_compile_is_the_papers():
    model = semi()
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
        "class_discriminator": (pytest.approx(0.1), 0.1),
        "style_discriminator": (pytest.approx(0.1), 0.1),
        "encoder": (pytest.approx(0.1), 0.1),
        "classifier": (pytest.approx(0.1), 0.9),
    }


def test_defaults_are_the_papers():
    parameters = inspect.signature(SemiSupervisedAAE).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["hidden_units"] == (1000, 1000)
    assert defaults["latent_dim"] == defaults["num_classes"] == 10
    assert (defaults["prior"], defaults["prior_std"]) == ("normal", 1.0)
    assert defaults["input_noise"] == 0.3
    assert defaults["initial_std"] == 0.01
    model = SemiSupervisedAAE((3,), (4, 5), 2, 3, seed=0)
    shapes = [tuple(v.shape) for v in model.decoder.trainable_variables[::2]]
    assert shapes == [(5, 5), (5, 4), (4, 3)]


# ---- Inference --------------------------------------------------------------


def test_inference():
    model, x = semi(input_noise=0.3), points()
    logits, y, z = parts_of(model, x)
    made = forward(model.decoder, np.c_[y, z])
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(model.class_probabilities(x), y, **close)
    np.testing.assert_array_equal(model.classify(x), logits.argmax(axis=1))
    np.testing.assert_allclose(model.encode(x), z, **close)
    np.testing.assert_allclose(model.reconstruct(x), made, **close)
    own = forward(model.decoder, np.c_[np.eye(3)[[0, 1, 2] * 2], z])
    np.testing.assert_allclose(model.decode(z, [0, 1, 2] * 2), own, **close)
    np.testing.assert_allclose(model.sample(6, styles=z), own, **close)
    # Lines between what the model itself makes of the ends.
    lines = model.interpolate(x[:2], x[2:4], steps=3)
    np.testing.assert_allclose(lines[:, 0], made[:2], **close)
    np.testing.assert_allclose(lines[:, 2], made[2:4], **close)
    images = model.traverse(x[0], dims=[0], values=[z[0, 0]])
    np.testing.assert_allclose(images[0], made[:1], **close)


def test_served_functions():
    model, x = semi(), points()
    signatures = model.signatures()
    assert list(signatures) == [
        "serving_default",
        "encode",
        "classify",
        "decode",
    ]
    np.testing.assert_allclose(
        array(signatures["classify"].fn(tensor(x))),
        model.class_probabilities(x),
        rtol=1e-5,
    )
    z = tensor(model.encode(x))
    labels = keras.ops.convert_to_tensor([0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(
        array(signatures["decode"].fn(z, labels)),
        model.decode(array(z), array(labels)),
        rtol=1e-5,
    )


def test_wrong_networks_and_data():
    with pytest.raises(ValueError, match=r"\(batch, 3\).*\(None, 4\)"):
        semi(encoder=dense_model(3, 4, 2))
    with pytest.raises(ValueError, match="logits of shape"):
        semi(encoder=dense_model(3, 3))
    with pytest.raises(ValueError, match="class_discriminator"):
        semi(class_discriminator=dense_model(2, 1))
    with pytest.raises(ValueError, match="style_discriminator"):
        semi(style_discriminator=dense_model(3, 1))
    with pytest.raises(ValueError, match="prior='cauchy'"):
        semi(prior="cauchy")
    model = semi()
    model.compile("sgd")
    with pytest.raises(ValueError, match="without labels"):
        model.fit(points(), batch_size=6, verbose=0)
    with pytest.raises(ValueError, match=r"shape \(batch,\).*3\).*argmax"):
        model.fit(points(), np.eye(3)[LABELS], batch_size=6, verbose=0)
    with pytest.raises(ValueError, match="from -2 to 3"):
        y = np.array([0, 3, -2, 1, 1, 0])
        model.fit(points(), y, batch_size=6, verbose=0)


def test_weighted_mean():
    terms = tensor([1.0, 3.0])
    assert float(aae_semi.weighted_mean(terms, None)) == 2.0
    assert float(aae_semi.weighted_mean(terms, tensor([2.0, 0.0]))) == 1.0
