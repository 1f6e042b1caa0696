"""Triple-GAN: its three players, who learns what, its networks."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import Schedule, TripleGAN
from keras_gen.engine import Batch, Labels
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    num_parameters,
    randomize,
    tensor,
)

CONTRACT = {
    "triple_gan": Case(
        image_shape=(12, 12, 1),
        num_classes=3,
        latent_dim=3,
        filters=2,
        hidden_units=4,
        discriminator_units=(4, 3),
        logits=("classifier",),
        # What is averaged is copied, which not all networks can be.
        own=lambda: {"classifier_ema_decay": None},
        activations={"generator": ["sigmoid"]},
        wrong=(
            ({"label_mode": "sample"}, ("label_mode='sample'", "'argmax'")),
            ({"alpha": 1.5}, ("`alpha` must be from 0 to 1", "1.5")),
            ({"entropy_weight": -1.0}, ("entropy_weight=-1.0",)),
            ({"num_classes": 0}, ("num_classes=0",)),
            (
                {"classifier_ema_decay": -0.1},
                ("at least 0", "classifier_ema_decay=-0.1"),
            ),
        ),
    ),
}
LABELS = np.array([2, -1, 1, -1, -1, 0], "int32")
OF_FAKES = np.array([0, 1, 2, 0, 1, 2], "int32")
Z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")


def dense_networks():
    z, labels = keras.Input((3,)), keras.Input((), dtype="int32")
    x = keras.Input((2, 2, 1))
    one_hot, flat = ops.one_hot(labels, 3), layers.Flatten()(x)
    image = layers.Dense(4)(layers.Concatenate()([z, one_hot]))
    score = layers.Dense(1)(layers.Concatenate()([flat, one_hot]))
    image = layers.Reshape((2, 2, 1))(image)
    networks = {
        "generator": keras.Model([z, labels], image),
        "discriminator": keras.Model([x, labels], score),
        "classifier": keras.Model(x, layers.Dense(3)(flat)),
    }
    for seed, network in enumerate(networks.values()):
        randomize(network, seed=seed)
    return networks


def build(**options):
    model = TripleGAN(
        (2, 2, 1),
        num_classes=3,
        latent_dim=3,
        seed=0,
        **{
            "alpha": 0.3,
            "adversarial_weight": 0.8,
            "pseudo_label_weight": 0.2,
            "entropy_weight": 0.4,
            "balance_weight": 0.6,
            **dense_networks(),
            **options,
        },
    )
    model.draw_latents = lambda n, seed=None: tensor(Z)
    return model


@pytest.fixture
def model():
    return build()


def images(n=6):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2, 2, 1)).astype("float32")


def batch(labels=LABELS):
    return Batch(tensor(images()), tensor(labels))


# ---- The networks in NumPy --------------------------------------------------


def affine(network, x):
    kernel, bias = network.get_weights()
    return x @ kernel + bias


def one_hot(labels):
    return np.eye(3, dtype="float32")[labels]


def scores(model, x, labels):
    flat = np.concatenate([x.reshape(len(x), -1), one_hot(labels)], axis=1)
    return affine(model.discriminator, flat)[:, 0]


def log_p(model, x):
    logits = affine(model.classifier, x.reshape(len(x), -1))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def fakes(model):
    return affine(
        model.generator, np.concatenate([Z, one_hot(OF_FAKES)], axis=1)
    )


def softplus(t):
    return np.logaddexp(0, t)


# ---- The losses -------------------------------------------------------------


def check(model, player, expected):
    loss, _ = loss_and_gradients(
        lambda: model.player_loss(player, batch(), False),
        model.player_variables(player),
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


@pytest.mark.parametrize("pseudo_real", [False, True])
def test_the_discriminators_loss(model, pseudo_real):
    """Of real pairs, the classifier's and the generator's."""
    model.pseudo_real = pseudo_real
    predicted = log_p(model, images()).argmax(axis=1)
    given = np.where(LABELS >= 0, LABELS, predicted)
    real = softplus(-scores(model, images(), given))
    real = real.mean() if pseudo_real else real[LABELS >= 0].mean()
    pairs = softplus(scores(model, images(), predicted)).mean()
    fake = softplus(scores(model, fakes(model), OF_FAKES)).mean()
    check(model, "discriminator", real + 0.3 * pairs + 0.7 * fake)


def test_the_generators_loss(model):
    expected = 0.7 * softplus(-scores(model, fakes(model), OF_FAKES)).mean()
    check(model, "generator", expected)


@pytest.mark.parametrize("mode", ["argmax", "integrate"])
def test_the_classifiers_loss(model, mode):
    model.label_mode = mode
    log = log_p(model, images())
    p = np.exp(log)
    labeled = LABELS >= 0
    class_loss = -log[labeled, LABELS[labeled]].mean()
    of_fakes = log_p(model, fakes(model))
    pseudo = -of_fakes[np.arange(6), OF_FAKES].mean()
    entropy = -(p * log).sum(axis=1).mean()
    balance = -np.log(p.mean(axis=0)).mean()
    costs = np.stack(
        [
            p[:, k] * softplus(-scores(model, images(), np.full(6, k)))
            for k in range(3)
        ],
        axis=1,
    )
    if mode == "argmax":
        adversarial = costs[np.arange(6), p.argmax(axis=1)].mean()
    else:
        adversarial = costs.sum(axis=1).mean()
    expected = (
        class_loss
        + 0.2 * pseudo
        + 0.3 * 0.8 * adversarial
        + 0.4 * entropy
        + 0.6 * balance
    )
    check(model, "classifier", expected)


def test_the_value_where_all_pairs_are_alike():
    """The best discriminator is 1/2 then, and the value `-log 4`; in general
    it is `p / (p + p_a)`, with the mixture `p_a` of the others' pairs."""
    p = np.array([[0.3, 0.2], [0.1, 0.4]])
    p_c = np.array([[0.4, 0.1], [0.25, 0.25]])
    p_g = np.array([[0.1, 0.3], [0.4, 0.2]])

    def loss(logits, p_c, p_g, a=0.3):
        return np.sum(
            p * softplus(-logits)
            + a * p_c * softplus(logits)
            + (1 - a) * p_g * softplus(logits)
        )

    assert loss(np.zeros((2, 2)), p, p) == pytest.approx(math.log(4))
    best = np.log(p / (0.3 * p_c + 0.7 * p_g))
    for step in np.eye(4).reshape(4, 2, 2):
        for sign in (0.1, -0.1):
            moved = loss(best + sign * step, p_c, p_g)
            assert moved > loss(best, p_c, p_g)


# ---- Who learns what --------------------------------------------------------


@pytest.mark.parametrize(
    ("player", "learn"),
    [
        ("discriminator", {"discriminator"}),
        ("generator", {"generator", "discriminator"}),
        ("classifier", {"classifier"}),
    ],
)
def test_losses_reach_their_players(model, player, learn):
    """The generator's also reaches the discriminator, which it leaves."""
    _, gradients = loss_and_gradients(
        lambda: model.player_loss(player, batch(), False),
        model.trainable_variables,
    )
    reached = set()
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        if np.any(gradient):
            reached |= {
                name
                for name in ("generator", "discriminator", "classifier")
                if any(
                    variable is v
                    for v in getattr(model, name).trainable_variables
                )
            }
    assert reached == learn
    assert model.players[player] == [player]


def adversarial_gradient(model):
    x = tensor(images())
    return loss_and_gradients(
        lambda: model.classifier_adversarial_loss(x, model.class_logits(x)),
        model.classifier.trainable_variables,
    )


def test_a_certain_discriminator_teaches_the_classifier_nothing(model):
    """Nor does an undecided one, in the mean over all classes."""
    kernel, bias = model.discriminator.get_weights()
    model.discriminator.set_weights([0 * kernel, bias + 100.0])
    loss, gradients = adversarial_gradient(model)
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert max(np.abs(g).max() for g in gradients) < 1e-6
    model.discriminator.set_weights([0 * kernel, 0 * bias])
    assert max(np.abs(g).max() for g in adversarial_gradient(model)[1]) > 1e-3
    model.label_mode = "integrate"
    loss, gradients = adversarial_gradient(model)
    assert loss == pytest.approx(math.log(2), rel=1e-5)
    assert max(np.abs(g).max() for g in gradients) < 1e-6


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_ends_of_alpha(alpha):
    """0: a conditional GAN and a classifier; 1: no generator."""
    model = build(alpha=alpha)
    moved = build(alpha=alpha)
    kernel, bias = moved.discriminator.get_weights()
    moved.discriminator.set_weights([3.0 * kernel, bias - 1.0])
    classifier, generator = (
        [
            float(array(m.player_loss(player, batch(), False)))
            for m in (model, moved)
        ]
        for player in ("classifier", "generator")
    )
    assert (classifier[0] == classifier[1]) == (alpha == 0.0)
    assert generator == [0.0, 0.0] or alpha == 0.0


def test_pseudo_labels_come_later():
    model = build(pseudo_label_weight=Schedule(0.0, 0.1, over=1, after=2))
    without = build(pseudo_label_weight=0.0)
    pseudo = -log_p(model, fakes(model))[np.arange(6), OF_FAKES].mean()
    for epoch, weight in ((0, 0.0), (2, 0.0), (3, 0.1), (9, 0.1)):
        model.epochs_seen.assign(epoch)
        found, base = (
            float(array(m.classifier_loss(batch(), True)))
            for m in (model, without)
        )
        assert found - base == pytest.approx(weight * pseudo, abs=1e-5)
    default = inspect.signature(TripleGAN).parameters["pseudo_label_weight"]
    assert default.default == Schedule(0.0, 0.1, over=1, after=300)


def test_classes_of_generated_images_are_balanced(model):
    labels = array(model.draw_condition(7))
    np.testing.assert_array_equal(labels, [0, 1, 2, 0, 1, 2, 0])


def test_the_average_classifies():
    model = build(classifier_ema_decay=0.99)
    model.compile("sgd")
    old = model.classifier.get_weights()
    model.minimize("classifier", batch())
    new, average = (
        model.classifier.get_weights(),
        model.ema_classifier.get_weights(),
    )
    for a, b, c in zip(old, new, average, strict=True):
        assert np.abs(a - b).max() > 1e-4
        np.testing.assert_allclose(c, 0.99 * a + 0.01 * b, rtol=1e-5, atol=1e-7)
    model.ema_classifier.set_weights([0 * new[0], np.array([0.0, 1.0, 0.0])])
    np.testing.assert_array_equal(model.classify(images()), 1)
    raw = build(classifier_ema_decay=None)
    expected = log_p(raw, images()).argmax(axis=1)
    np.testing.assert_array_equal(raw.classify(images()), expected)


def test_labels_may_be_missing(model):
    assert model.data_spec().y == Labels(3, missing="allowed")
    for player in model.players:
        loss = model.player_loss(player, batch(np.full(6, -1)), False)
        assert np.isfinite(array(loss))


# ---- The networks -----------------------------------------------------------


def test_parameters_are_those_of_the_official_code():
    with keras.StatelessScope(initialize_variables=False):
        model = TripleGAN()
    assert num_parameters(model.classifier) == 279_402
    assert num_parameters(model.generator) == 713_408
    assert num_parameters(model.discriminator) == 1_564_011
    layers_of = model.discriminator.layers
    noise = [x.stddev for x in layers_of if hasattr(x, "stddev")]
    assert noise == [0.3] + [0.5] * 5
    found = model.classifier.layers
    assert [x.level for x in found if hasattr(x, "level")] == [0.5, 0.5]
    assert found[-1].kernel_regularizer.l2 == pytest.approx(1e-4)
    adam = model.default_optimizer()
    assert float(adam.learning_rate) == pytest.approx(1e-3)
    assert (adam.beta_1, adam.epsilon) == (0.5, 1e-8)
    assert (model.prior.low, model.prior.high) == (0.0, 1.0)
    defaults = inspect.signature(TripleGAN).parameters
    assert defaults["alpha"].default == 0.5
    assert defaults["adversarial_weight"].default == 1.0
    assert defaults["pseudo_real"].default is False
    assert defaults["entropy_weight"].default == 0.3
    assert defaults["balance_weight"].default == 1e-3
