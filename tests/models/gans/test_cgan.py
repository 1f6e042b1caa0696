"""The conditional GAN: its networks, and the condition in both of them."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import CGAN
from keras_gen.engine import Batch, Labels, Vector
from keras_gen.layers import BatchNormalization
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    num_parameters,
    one_program,
    randomize,
    tensor,
)

CONTRACT = {
    "cgan": Case(
        input_shape=(3, 2, 1),
        num_classes=3,
        latent_dim=3,
        width=5,
        wrong=(
            ({"architecture": "vgg"}, ("architecture='vgg'", "'conv'")),
            ({"objective": "hinge"}, ("objective='hinge'", "'minimax'")),
            ({"num_classes": 0}, ("num_classes=0",)),
            ({"architecture": "conv"}, ("(3, 2, 1)", "4 divides")),
            ({"width": -1}, ("width=-1",)),
        ),
    ),
    "cgan-conv": Case(
        input_shape=(4, 4, 1),
        num_classes=3,
        architecture="conv",
        latent_dim=3,
        width=2,
    ),
    "cgan-vectors": Case(
        input_shape=(2,),
        condition_dim=2,
        latent_dim=3,
        width=5,
        output_activation=None,
        objective="minimax",
    ),
}
Z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
LABELS = np.array([2, 0, 1, 1, 0, 2], "int32")


def tiny(**options):
    options = {"num_classes": 3, "latent_dim": 3, "width": 5, **options}
    return CGAN(**{"input_shape": (4,), "seed": 0, **options})


def convolutional(**options):
    return tiny(input_shape=(4, 4, 1), architecture="conv", width=2, **options)


def examples(n=6, shape=(4,)):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, *shape)).astype("float32")


# ---- The networks -----------------------------------------------------------


def test_defaults_are_the_papers():
    with keras.StatelessScope(initialize_variables=False):
        model = CGAN()
    assert num_parameters(model.generator) == 2_413_984
    assert num_parameters(model.discriminator) == 1_224_351
    assert (model.prior.low, model.prior.high) == (0.0, 1.0)
    assert (model.latent_dim, model.value_range) == (100, (0.0, 1.0))
    for network, number in ((model.generator, 3), (model.discriminator, 3)):
        levels = [x.level for x in network.layers if hasattr(x, "level")]
        assert levels == [0.5] * number
    assert inspect.signature(CGAN).parameters["architecture"].default == "mlp"
    assert CGAN.presets["conv"] == {"architecture": "conv", "prior": "uniform"}


def test_the_convolutional_networks_are_the_authors_of_the_dcgan():
    """The condition is concatenated to the input of each layer."""
    with keras.StatelessScope(initialize_variables=False):
        model = CGAN.from_preset("conv")
    kernels = [
        [tuple(v.shape) for v in network.trainable_variables if v.ndim > 1]
        for network in (model.generator, model.discriminator)
    ]
    assert kernels == [
        [
            (110, 1024),
            (1034, 7 * 7 * 128),
            (5, 5, 64, 138),
            (5, 5, 1, 74),
        ],
        [
            (5, 5, 11, 64),
            (5, 5, 74, 128),
            (7 * 7 * 128 + 10, 1024),
            (1034, 1),
        ],
    ]
    norms = [
        [x for x in network.layers if isinstance(x, BatchNormalization)]
        for network in (model.generator, model.discriminator)
    ]
    assert [len(found) for found in norms] == [3, 2]
    assert not any(x.trainable_variables for found in norms for x in found)
    assert (model.prior.low, model.prior.high) == (-1.0, 1.0)
    slopes = {
        x.negative_slope
        for x in model.discriminator.layers
        if isinstance(x, layers.LeakyReLU)
    }
    assert slopes == {0.2}


def test_optimizers():
    sgd = tiny().default_optimizer()
    assert sgd.momentum == 0.5
    expected = 0.1 / 1.00004**10_000
    np.testing.assert_allclose(
        float(sgd._learning_rate(10_000)), expected, 1e-2
    )
    adam = convolutional().default_optimizer()
    assert float(adam.learning_rate) == pytest.approx(2e-4)
    assert (adam.beta_1, adam.epsilon) == (0.5, 1e-8)


def test_conditions_are_classes_or_vectors():
    assert tiny().condition == Labels(3)
    assert tiny(condition_dim=2).condition == Vector(2, "condition_dim")
    with pytest.raises(ValueError, match="condition_dim=0"):
        tiny(condition_dim=0)


# ---- The condition ----------------------------------------------------------


@pytest.mark.parametrize("build", [tiny, convolutional])
def test_both_networks_depend_on_the_condition(build):
    model = build()
    for network in (model.generator, model.discriminator):
        randomize(network)
    x = examples(shape=model.input_shape)
    images = [model.generate(Z, labels=k) for k in range(3)]
    scores = [model.discriminate(x, labels=k) for k in range(3)]
    for values in (images, scores):
        for i in range(3):
            assert np.abs(values[i] - values[i - 1]).max() > 1e-4


def test_the_rows_of_latents_and_labels_belong_together():
    model, order = tiny(), np.array([3, 1, 5, 0, 2, 4])
    together = model.generate(Z, labels=LABELS)
    permuted = model.generate(Z[order], labels=LABELS[order])
    np.testing.assert_allclose(permuted, together[order], rtol=1e-5)


def test_without_the_conditions_kernels_it_is_a_gan():
    """Zero kernels and biases of the condition's branch: labels do nothing."""
    model = tiny(latent_dim=4)
    for network in (model.generator, model.discriminator):
        randomize(network)
        # The one layer of three inputs, the classes.
        (layer,) = (
            layer
            for layer in network.layers
            if layer.weights and layer.weights[0].shape[0] == 3
        )
        layer.set_weights([np.zeros(w.shape) for w in layer.weights])
    z = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
    images = [model.generate(z, labels=k) for k in range(3)]
    scores = [model.discriminate(examples(), labels=k) for k in range(3)]
    for values in (images, scores):
        np.testing.assert_allclose(values[0], values[1], rtol=1e-6)
        np.testing.assert_allclose(values[0], values[2], rtol=1e-6)


def test_one_hot_vectors_are_the_classes():
    """With the same weights, a class and its one-hot vector are one thing."""
    classes, vectors = tiny(), tiny(condition_dim=3)
    one_hot = np.eye(3, dtype="float32")[LABELS]
    for name in ("generator", "discriminator"):
        ours = getattr(classes, name)
        randomize(ours)
        getattr(vectors, name).set_weights(ours.get_weights())
    np.testing.assert_allclose(
        classes.generate(Z, labels=LABELS),
        vectors.generate(Z, labels=one_hot),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        classes.discriminate(examples(), labels=LABELS),
        vectors.discriminate(examples(), labels=one_hot),
        rtol=1e-5,
    )


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_of_pairs(player, monkeypatch):
    """The batch's labels go to both networks; dropout is off."""
    model = tiny()
    for network in (model.generator, model.discriminator):
        randomize(network)
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(Z))
    real = model.discriminate(examples(), labels=LABELS)
    fake = model.generate(Z, labels=LABELS)
    fake = model.discriminate(fake, labels=LABELS)
    expected = {
        "discriminator": np.logaddexp(0, -real).mean()
        + np.logaddexp(0, fake).mean(),
        "generator": np.logaddexp(0, -fake).mean(),
    }
    batch = Batch(tensor(examples()), tensor(LABELS))
    loss, _ = loss_and_gradients(
        lambda: model.player_loss(player, batch, training=False),
        model.player_variables(player),
    )
    np.testing.assert_allclose(loss, expected[player], rtol=1e-5)


def test_the_best_discriminator_of_pairs():
    """`D* = p(x, y) / (p(x, y) + q(x, y))`, of the joint distribution."""
    counts_p = np.array([[3, 1], [1, 3]])
    counts_q = np.array([[2, 2], [2, 2]])
    p, q = counts_p / 8, counts_q / 8
    mixture = (p + q) / 2
    divergence = 0.5 * np.sum(p * np.log(p / mixture) + q * np.log(q / mixture))
    game = tiny().objective

    def loss(logits):
        real = np.repeat(logits.ravel(), counts_p.ravel())
        fake = np.repeat(logits.ravel(), counts_q.ravel())
        value = one_program(
            lambda: game.discriminator(tensor(real), tensor(fake))
        )()
        return float(array(value))

    best = np.log(p / q)
    expected = math.log(4) - 2 * divergence
    assert loss(best) == pytest.approx(expected, rel=1e-5)
    # Of the examples alone, the tables agree: without labels nothing is left.
    np.testing.assert_allclose(p.sum(axis=1), q.sum(axis=1))
    assert loss(np.zeros((2, 2))) == pytest.approx(math.log(4), rel=1e-5)
