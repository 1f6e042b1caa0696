"""Adversarial autoencoders that classify, or find clusters, or do both."""

import inspect

import keras
import numpy as np
import pytest
import scipy.special
from scipy.spatial.distance import pdist

from keras_gen import ClusteringAAE, DimReductionAAE, SemiSupervisedAAE
from keras_gen.losses import classification
from keras_gen.models.autoencoders.aae import semi_supervised
from tests.models.autoencoders.aae_helpers import (
    CLOSE,
    LABELS,
    batch_of,
    fix_samples,
    forward,
    linear_model,
    losses_of,
    networks_reached,
    phases_of,
    points,
    rates_of,
    softplus,
)
from tests.numerics import array, linear, tensor

KNOWN = LABELS >= 0
# The first and the second are far apart.
HEADS = np.array([[2.0, 0.0], [0.0, 2.0], [0.3, 0.4]])


def semi(code="concatenated", **options):
    """Three classes, points of three components, styles of two."""
    options = {"num_classes": 3, "input_noise": 0.0, "code": code, **options}
    model = linear_model(SemiSupervisedAAE, **options)
    if code == "summed":
        linear(model.heads, HEADS)
    return model


def clusters(**options):
    return semi(supervised=False, **options)


def labels_of(model):
    return LABELS if model.supervised else None


def parts_of(model, x):
    """The class logits, the class probabilities and the styles, in NumPy."""
    w_logits, b_logits, w_style, b_style = model.encoder.get_weights()
    logits = x @ w_logits + b_logits
    probabilities = scipy.special.softmax(logits, axis=1)
    return logits, probabilities, x @ w_style + b_style


def join(model, classes, styles):
    """What the decoder is given, in NumPy."""
    if model.summed:
        return classes @ HEADS + styles
    return np.c_[classes, styles]


def identical_logits(model):
    """Makes the class logits the three components of a point."""
    layer = model.encoder.get_layer("class_logits")
    layer.set_weights([np.eye(3), np.zeros(3)])


def fix_priors(monkeypatch, model):
    """Fixes the draws from both priors."""
    rng = np.random.default_rng(1)
    classes = np.eye(3)[rng.integers(0, 3, 6)]
    styles = rng.normal(size=(6, 2))
    fix_samples(monkeypatch, model.class_prior, classes)
    fix_samples(monkeypatch, model.prior, styles)
    return classes, styles


# ---- The losses -------------------------------------------------------------

VARIANTS = [
    {},
    {"use_labeled_in_all_phases": False},
    {"code": "summed", "head_distance": 3.0},
    {"code": "summed", "use_labeled_in_all_phases": False},
    {"supervised": False},
    {"supervised": False, "use_labeled_in_all_phases": False},
    {"supervised": False, "code": "summed"},
]


@pytest.mark.parametrize("options", VARIANTS)
def test_losses_in_closed_form(options, monkeypatch):
    model, x = semi(**options), points()
    model.compile("sgd")
    classes, styles = fix_priors(monkeypatch, model)
    logits, y, z = parts_of(model, x)
    errors = np.sum((x - forward(model.decoder, join(model, y, z))) ** 2, 1)
    of_classes, of_styles = model.class_discriminator, model.style_discriminator
    # The examples of the phases without supervision.
    used = np.full(6, True)
    if model.supervised and not model.use_labeled_in_all_phases:
        used = ~KNOWN

    def separation(network, real, fake):
        return np.mean(softplus(-forward(network, real))) + np.mean(
            softplus(forward(network, fake[used]))
        )

    expected = {
        "autoencoder": 0.5 * np.mean(errors[used]),
        "class_discriminator": separation(of_classes, classes, y),
        "style_discriminator": separation(of_styles, styles, z),
        "encoder": np.mean(softplus(-forward(of_classes, y[used])))
        + np.mean(softplus(-forward(of_styles, z[used]))),
    }
    hits = logits.argmax(axis=1)[KNOWN] == LABELS[KNOWN]
    assert 0.0 < hits.mean() < 1.0
    if model.supervised:
        log_p = scipy.special.log_softmax(logits, axis=1)
        expected["classifier"] = -log_p[KNOWN, LABELS[KNOWN]].mean()
    if model.summed:
        distances = pdist(HEADS)
        expected["heads"] = np.maximum(model.head_distance - distances, 0).sum()
    for training in (True, False):
        losses = losses_of(model, batch_of(x, labels_of(model)), training)
        assert losses == pytest.approx(expected, rel=1e-5)
    logs = model.get_metrics_result()
    assert ("accuracy" in logs) == model.supervised
    if model.supervised:
        assert float(logs["accuracy"]) == pytest.approx(hits.mean())
    assert float(logs["squared_error"]) == pytest.approx(
        np.mean(errors), rel=1e-5
    )


def test_discriminators_of_zeros():
    model = semi()
    linear(model.class_discriminator, np.zeros((3, 1)), [0.0])
    linear(model.style_discriminator, np.zeros((2, 1)), [0.0])
    losses = losses_of(model, batch_of(points(), LABELS))
    for player in ("class_discriminator", "style_discriminator", "encoder"):
        assert losses[player] == pytest.approx(2 * np.log(2.0), rel=1e-6)


def test_without_labels_nothing_is_learned_of_classes():
    model, y = semi(), np.full(6, -1)
    model.check_data(points(), y)
    batch = batch_of(points(), y)
    assert losses_of(model, batch)["classifier"] == 0.0
    assert networks_reached(model, batch, ["classifier"]) == {
        "classifier": set()
    }


@pytest.mark.parametrize("code", ["concatenated", "summed"])
def test_phases_of_the_unlabeled_alone(code):
    """The labeled examples are for the supervised phase, and for no other."""
    model, x = semi(code, use_labeled_in_all_phases=False), points()
    losses = losses_of(model, batch_of(x, LABELS))
    others = np.where(KNOWN[:, None], -x, x)
    same = losses_of(model, batch_of(others, LABELS))
    whole = losses_of(semi(code), batch_of(x, LABELS))
    for player in ("autoencoder", "encoder"):
        assert losses[player] == pytest.approx(same[player], rel=1e-5)
        assert losses[player] != pytest.approx(whole[player], rel=1e-2)
    assert losses["classifier"] == pytest.approx(whole["classifier"])
    assert losses["classifier"] != pytest.approx(same["classifier"], rel=1e-2)
    # A batch in which all have labels has nothing to reconstruct.
    losses = losses_of(model, batch_of(x, np.zeros(6)))
    assert losses["autoencoder"] == losses["encoder"] == 0.0


def test_workers_share_the_number_of_labels(monkeypatch):
    """Two workers' losses have the loss of the whole batch as their mean."""
    model, x = semi(use_labeled_in_all_phases=False), points()
    model.compile("sgd")
    players = ("autoencoder", "encoder", "classifier")
    whole = losses_of(model, batch_of(x, LABELS), players=players)
    accuracy = float(model.get_metrics_result()["accuracy"])
    halves = (np.array([0, 2, 3]), np.array([1, 4, 5]))
    labeled = [KNOWN[half].mean() for half in halves]
    assert labeled == [1.0, pytest.approx(1 / 3)]
    model.reset_metrics()
    parts = []
    for own, other in ((0, 1), (1, 0)):

        def replica_mean(fraction, own=own, other=other):
            known = np.isclose(float(array(fraction)), labeled[own])
            there = labeled[other] if known else 1 - labeled[other]
            return (fraction + there) / 2

        for module in (semi_supervised, classification):
            monkeypatch.setattr(module, "replica_mean", replica_mean)
        batch = batch_of(x[halves[own]], LABELS[halves[own]])
        parts.append(losses_of(model, batch, players=players))
    for player in players:
        mean = (parts[0][player] + parts[1][player]) / 2
        assert mean == pytest.approx(whole[player], rel=1e-5)
    logged = float(model.get_metrics_result()["accuracy"])
    assert logged == pytest.approx(accuracy, rel=1e-5)


def test_noise_is_added_to_what_the_encoder_sees_in_training():
    model = semi(input_noise=0.3)
    identical_logits(model)
    x = np.full((4000, 3), 0.5)
    noisy = array(model.encoded(tensor(x), True)[0])
    # Five standard errors of a standard deviation.
    assert np.std(noisy - x) == pytest.approx(0.3, rel=0.04)
    assert np.mean(noisy - x) == pytest.approx(0.0, abs=0.02)
    again = array(model.encoded(tensor(x), True)[0])
    assert not np.allclose(noisy, again, atol=1e-2)
    np.testing.assert_allclose(array(model.encoded(tensor(x))[0]), x)
    # The clean example is to be reconstructed.
    target = model.target(batch_of(x, np.zeros(4000)))
    np.testing.assert_array_equal(array(target), x)


def test_priors_of_classes_and_styles(monkeypatch):
    """One-hot vectors of equally probable classes; standard normal styles."""
    model, seen = semi(), {}

    def record(discriminator, real, fake, batch, training):
        seen[discriminator.name] = array(real)

    monkeypatch.setattr(model, "discriminator_loss", record)
    batch = batch_of(np.zeros((6000, 3)), np.zeros(6000))
    model.class_discriminator_loss(batch, True)
    model.style_discriminator_loss(batch, True)
    classes = seen[model.class_discriminator.name]
    styles = seen[model.style_discriminator.name]
    assert set(np.unique(classes)) == {0.0, 1.0} and classes.shape == (6000, 3)
    # A standard error of 0.006.
    assert np.abs(classes.mean(axis=0) - 1 / 3).max() < 0.03
    assert np.std(styles) == pytest.approx(1.0, rel=0.04)
    assert styles.shape == (6000, 2)


# ---- The phases -------------------------------------------------------------


@pytest.mark.parametrize("supervised", [True, False])
@pytest.mark.parametrize("code", ["concatenated", "summed"])
def test_each_phase_updates_its_own_networks_in_order(supervised, code):
    model = semi(code, supervised=supervised, head_distance=2.0)
    heads = {"heads"} if code == "summed" else set()
    batch = batch_of(points(), labels_of(model))
    assert phases_of(model, batch) == [
        ("autoencoder", {"encoder", "decoder"} | heads),
        ("class_discriminator", {"class_discriminator"}),
        ("style_discriminator", {"style_discriminator"}),
        ("encoder", {"encoder"}),
        *([("classifier", {"encoder"})] if supervised else []),
        *([("heads", heads)] if heads else []),
    ]


def test_gradients_are_isolated():
    model = semi("summed", head_distance=2.0)
    assert networks_reached(model, batch_of(points(), LABELS)) == {
        "autoencoder": {"encoder", "decoder", "heads"},
        "class_discriminator": {"class_discriminator"},
        "style_discriminator": {"style_discriminator"},
        # Those of the discriminators are not applied.
        "encoder": {"encoder", "class_discriminator", "style_discriminator"},
        "classifier": {"encoder"},
        "heads": {"heads"},
    }


# ---- Inference --------------------------------------------------------------


def test_inference():
    model, x = semi(input_noise=0.3), points()
    logits, y, z = parts_of(model, x)
    made = forward(model.decoder, np.c_[y, z])
    np.testing.assert_allclose(model.class_probabilities(x), y, **CLOSE)
    np.testing.assert_array_equal(model.classify(x), logits.argmax(axis=1))
    np.testing.assert_array_equal(model.assign(x), model.classify(x))
    np.testing.assert_allclose(model.encode(x), z, **CLOSE)
    np.testing.assert_allclose(model.reconstruct(x), made, **CLOSE)
    np.testing.assert_allclose(array(model(tensor(x))), made, **CLOSE)
    labels = [0, 1, 2] * 2
    own = forward(model.decoder, np.c_[np.eye(3)[labels], z])
    for result in (
        model.decode(z, labels=labels),
        model.decode(z),
        model.reconstruct(x, labels=labels),
    ):
        np.testing.assert_allclose(result, own, **CLOSE)


def test_lines_and_traversals():
    """Of the model's own classes, or of those that are given."""
    model, x = semi(), points()
    _, y, z = parts_of(model, x)
    made = forward(model.decoder, np.c_[y, z])
    lines = model.interpolate(x[:2], x[2:4], steps=3)
    middle = np.c_[y[:2] + y[2:4], z[:2] + z[2:4]] / 2
    for at, expected in (
        (0, made[:2]),
        (1, forward(model.decoder, middle)),
        (2, made[2:4]),
    ):
        np.testing.assert_allclose(lines[:, at], expected, **CLOSE)
    lines = model.interpolate(x[:2], x[2:4], steps=3, labels=[1, 2])
    for at, ends in ((0, x[:2]), (2, x[2:4])):
        expected = model.reconstruct(ends, labels=[1, 2])
        np.testing.assert_allclose(lines[:, at], expected, **CLOSE)
    values = [z[0, 0], 4.0]
    styles = np.stack([values, z[0, [1, 1]]], axis=1)
    for labels in (None, 2):
        label = model.classify(x[:1])[0] if labels is None else labels
        images = model.traverse(x[0], dims=[0], values=values, labels=labels)
        expected = model.decode(styles, labels=label)
        np.testing.assert_allclose(images[0], expected, **CLOSE)


def test_served_functions():
    model, x = semi(), points()
    signatures = model.signatures()
    assert set(signatures) == {
        "serving_default",
        "encode",
        "classify",
        "decode",
    }
    np.testing.assert_allclose(
        array(signatures["classify"].fn(tensor(x))),
        model.class_probabilities(x),
        rtol=1e-5,
    )
    z = tensor(model.encode(x))
    labels = keras.ops.convert_to_tensor([0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(
        array(signatures["decode"].fn(z, labels)),
        model.decode(array(z), labels=array(labels)),
        rtol=1e-5,
    )
    assert "labels" not in semi("summed").signatures()["decode"].inputs


def test_summed_codes_are_heads_and_styles(monkeypatch):
    model, x = semi("summed"), points()
    _, y, z = parts_of(model, x)
    code = y @ HEADS + z
    made = forward(model.decoder, code)
    np.testing.assert_allclose(model.encode(x), code, **CLOSE)
    np.testing.assert_allclose(model.decode(code), made, **CLOSE)
    np.testing.assert_allclose(model.reconstruct(x), made, **CLOSE)
    lines = model.interpolate(x[:2], x[2:4], steps=2)
    np.testing.assert_allclose(lines[:, 1], made[2:4], **CLOSE)
    assert model.traverse(x[0]).shape == (2, 7, 3)
    # Samples lie around the heads of their classes: by default each in turn.
    styles = np.random.default_rng(1).normal(size=(4, 2))
    fix_samples(monkeypatch, model.prior, styles)
    for labels in (None, [2, 2, 0, 1]):
        heads = HEADS[[0, 1, 2, 0] if labels is None else labels]
        np.testing.assert_allclose(
            model.sample(4, labels=labels),
            forward(model.decoder, heads + styles),
            **CLOSE,
        )


# ---- Clusters ---------------------------------------------------------------


def test_a_cluster_takes_the_class_of_its_most_probable_example(tmp_path):
    model = clusters()
    identical_logits(model)
    x = np.diag([3.0, 2.0, 1.0])[[0, 0, 1, 2, 1]].astype("float32")
    x[1] *= 2.0
    np.testing.assert_array_equal(model.assign(x), [0, 0, 1, 2, 1])
    with pytest.raises(ValueError, match="label_clusters"):
        model.classify(x)
    # The second example is the most probable of the first cluster; the third
    # is as probable in its own as the last, which comes later.
    found = model.label_clusters(x, np.array([7, 5, 8, 5, 6]))
    np.testing.assert_array_equal(found, [5, 8, 5])
    np.testing.assert_array_equal(model.classify(x), [5, 5, 8, 5, 8])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.classify(x), [5, 5, 8, 5, 8])
    with pytest.raises(ValueError, match="5 examples and 4 classes"):
        model.label_clusters(x, np.zeros(4))


def test_the_most_probable_example_may_be_of_another_cluster():
    model = clusters()
    identical_logits(model)
    x = np.array([[4.0, 2.0, 0.0], [4.0, 0.0, 3.0]], "float32")
    np.testing.assert_array_equal(model.assign(x), [0, 0])
    np.testing.assert_array_equal(model.label_clusters(x, [8, 9]), [8, 8, 9])


def test_clusters_with_heads_are_labeled_as_well():
    model, x = clusters(code="summed"), points()
    with pytest.raises(ValueError, match="label_clusters"):
        model.classify(x)
    labels = model.label_clusters(x, np.arange(6))
    np.testing.assert_array_equal(model.classify(x), labels[model.assign(x)])


def test_classes_are_no_clusters():
    with pytest.raises(ValueError, match="`supervised` must be False"):
        semi().label_clusters(points(), LABELS)


# ---- Arguments --------------------------------------------------------------


def encoder_of(*units):
    x = keras.Input((3,))
    outputs = [keras.layers.Dense(n)(x) for n in units]
    return keras.Model(x, outputs)


def network_of(size, units):
    return keras.Sequential([keras.Input((size,)), keras.layers.Dense(units)])


@pytest.mark.parametrize(
    ("name", "network", "words"),
    [
        ("encoder", lambda: encoder_of(4, 2), r"\(None, 3\), \(None, None\)"),
        ("encoder", lambda: encoder_of(3), r"\(None, 3\), \(None, None\)"),
        ("decoder", lambda: network_of(2, 3), r"\(None, 5\)"),
        ("class_discriminator", lambda: network_of(2, 1), r"\(None, 3\)"),
        ("style_discriminator", lambda: network_of(3, 1), r"\(None, 2\)"),
    ],
)
def test_networks_that_do_not_fit(name, network, words):
    with pytest.raises(ValueError, match=f"`{name}` .* {words}"):
        semi(**{name: network()})


def test_bare_compile_is_the_papers():
    rates = {
        "autoencoder": (0.01, 0.9),
        "class_discriminator": (0.1, 0.1),
        "style_discriminator": (0.1, 0.1),
        "encoder": (0.1, 0.1),
        "classifier": (0.1, 0.9),
    }
    assert rates_of(semi()) == rates
    assert rates_of(semi("summed")) == {**rates, "heads": (0.01, 0.9)}


@pytest.mark.parametrize(
    ("cls", "defaults"),
    [
        (SemiSupervisedAAE, {}),
        (
            ClusteringAAE,
            {
                "supervised": False,
                "hidden_units": (3000, 3000),
                "latent_dim": 5,
                "num_classes": 16,
            },
        ),
        (DimReductionAAE, {"code": "summed", "latent_dim": 2}),
    ],
)
def test_defaults_are_the_papers(cls, defaults):
    expected = {
        "hidden_units": (1000, 1000),
        "latent_dim": 10,
        "num_classes": 10,
        "supervised": True,
        "code": "concatenated",
        "head_distance": 1.0,
        "prior": "normal",
        "prior_std": 1.0,
        "input_noise": 0.3,
        "initial_std": 0.01,
        **defaults,
    }
    parameters = inspect.signature(cls).parameters
    assert {name: parameters[name].default for name in expected} == expected
    model = linear_model(cls, num_classes=3)
    assert model.supervised == expected["supervised"]
    assert model.summed == (expected["code"] == "summed")
    kernel = model.decoder.trainable_variables[0]
    assert tuple(kernel.shape) == (2 if model.summed else 5, 3)
