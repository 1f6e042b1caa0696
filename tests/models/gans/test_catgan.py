"""The categorical GAN: its entropies, its labels, its clusters."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import CatGAN
from keras_gen.engine import Batch, Labels
from keras_gen.layers import AdditiveNoise, BatchNormalization
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    randomize,
    tensor,
)

CONTRACT = {
    "catgan": Case(
        input_shape=(3, 2, 1),
        num_classes=3,
        supervised=True,
        latent_dim=3,
        generator_units=4,
        hidden_units=(5, 4),
        activations={"generator": ["sigmoid"]},
        wrong=(
            ({"num_classes": 0}, ("num_classes=0",)),
            ({"class_weight": -1.0}, ("class_weight=-1.0",)),
            ({"output_activation": "relu"}, ("'relu'", "'sigmoid'")),
        ),
    ),
    "catgan-clusters": Case(
        input_shape=(2,),
        num_classes=4,
        latent_dim=3,
        generator_units=4,
        hidden_units=5,
        output_activation=None,
    ),
}
LABELS = np.array([2, -1, 1, -1, -1, 0], "int32")
Z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")


@pytest.fixture(params=[False, True], ids=["clusters", "labels"])
def model(request, monkeypatch):
    """Linear networks: without noise and batch normalization."""
    z, x = keras.Input((3,)), keras.Input((4,))
    networks = {
        "generator": keras.Model(z, layers.Dense(4)(z)),
        "discriminator": keras.Model(x, layers.Dense(3)(x)),
    }
    model = CatGAN(
        (4,),
        num_classes=3,
        supervised=request.param,
        class_weight=0.7,
        latent_dim=3,
        seed=0,
        **networks,
    )
    for seed, network in enumerate(networks.values()):
        randomize(network, seed=seed)
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(Z))
    return model


def examples(n=6):
    return np.random.default_rng(0).normal(size=(n, 4)).astype("float32")


def batch(model):
    y = tensor(LABELS) if model.supervised else None
    return Batch(tensor(examples()), y)


def affine(network, x):
    kernel, bias = network.get_weights()
    return x @ kernel + bias


def entropies(logits):
    """The marginal and the conditional entropy, and log-probabilities."""
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    mean = p.mean(axis=0)
    conditional = -(p * log_p).sum(axis=1).mean()
    return -(mean * np.log(mean)).sum(), conditional, log_p


# ---- The losses -------------------------------------------------------------


def test_losses_against_numpy(model):
    real = affine(model.discriminator, examples())
    fake = affine(model.discriminator, affine(model.generator, Z))
    marginal, conditional, log_p = entropies(real)
    marginal_fake, conditional_fake, _ = entropies(fake)
    expected = conditional - marginal - conditional_fake
    if model.supervised:
        labeled = LABELS >= 0
        chosen = log_p[labeled, LABELS[labeled]]
        expected -= 0.7 * chosen.mean()
    loss, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(batch(model), False),
        model.trainable_variables,
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    own = {id(v) for v in model.discriminator.trainable_variables}
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        assert np.any(gradient) == (id(variable) in own), variable.path
    loss, _ = loss_and_gradients(
        lambda: model.generator_loss(batch(model), False),
        model.generator.trainable_variables,
    )
    expected = conditional_fake - marginal_fake
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-6)


def set_predictions(model, monkeypatch, real, fake):
    """What is predicted of data, and of what is generated."""
    predictions = {True: tensor(fake), False: tensor(real)}
    generated = model.generate_for
    seen = []

    def generate_for(batch, training=False):
        seen.append(generated(batch, training))
        return seen[-1]

    def class_logits(x, training=False):
        values = array(x)
        is_fake = any(np.array_equal(values, array(s)) for s in seen)
        return predictions[is_fake]

    monkeypatch.setattr(model, "generate_for", generate_for)
    monkeypatch.setattr(model, "class_logits", class_logits)


@pytest.mark.parametrize(
    ("real", "fake", "discriminator", "generator"),
    [
        # Certain and balanced of data, uncertain of samples: the least.
        (60.0 * np.eye(3)[[0, 1, 2] * 2], 0 * Z, -2.0, 0.0),
        (0 * Z, 0 * Z, -1.0, 0.0),
        # The generator's least: certain and balanced samples.
        (0 * Z, 60.0 * np.eye(3)[[0, 1, 2] * 2], 0.0, -1.0),
        # All samples of one category: certain, but not balanced.
        (0 * Z, 60.0 * np.eye(3)[[1] * 6], 0.0, 0.0),
    ],
)
def test_what_the_players_want(
    model, monkeypatch, real, fake, discriminator, generator
):
    """In units of `log K`."""
    if model.supervised:
        model.class_weight = 0.0
    set_predictions(model, monkeypatch, real, fake)
    loss = float(array(model.discriminator_loss(batch(model), False)))
    assert loss == pytest.approx(discriminator * math.log(3), abs=1e-5)
    loss = float(array(model.generator_loss(batch(model), False)))
    assert loss == pytest.approx(generator * math.log(3), abs=1e-5)


def test_scores_are_certainties(model):
    logits = affine(model.discriminator, examples())
    _, _, log_p = entropies(logits)
    expected = (np.exp(log_p) * log_p).sum(axis=1)
    np.testing.assert_allclose(
        model.discriminate(examples()), expected, rtol=1e-4
    )


# ---- Classes and clusters ---------------------------------------------------


def test_labels_are_taken_where_there_are_some(model):
    spec = model.data_spec().y
    if model.supervised:
        assert spec == Labels(3, missing="allowed")
        assert {"classification_loss", "accuracy"} <= set(model.logged)
    else:
        assert spec is None and "accuracy" not in model.logged


def test_classes_are_the_most_probable(model):
    best = affine(model.discriminator, examples()).argmax(axis=1)
    np.testing.assert_array_equal(model.assign(examples()), best)
    if model.supervised:
        np.testing.assert_array_equal(model.classify(examples()), best)
        return
    with pytest.raises(ValueError, match="The clusters must have labels"):
        model.classify(examples())
    names = model.label_clusters(examples(), [5, 6, 7, 8, 9, 4])
    np.testing.assert_array_equal(model.classify(examples()), names[best])


# ---- The networks -----------------------------------------------------------


def test_networks():
    with keras.StatelessScope(initialize_variables=False):
        model = CatGAN()
    kernels = [
        [tuple(v.shape) for v in network.weights if v.ndim == 2]
        for network in (model.discriminator, model.generator)
    ]
    assert kernels == [
        [
            (784, 1000),
            (1000, 500),
            (500, 250),
            (250, 250),
            (250, 250),
            (250, 10),
        ],
        [(100, 500), (500, 500), (500, 784)],
    ]
    found = model.discriminator.layers
    noise = [x.stddev for x in found if isinstance(x, AdditiveNoise)]
    assert noise == [0.3] + [0.5] * 5
    assert sum(isinstance(x, BatchNormalization) for x in found) == 5
    assert (model.prior.low, model.prior.high) == (0.0, 1.0)
    defaults = inspect.signature(CatGAN).parameters
    assert defaults["supervised"].default is False
    assert defaults["class_weight"].default == 1.0
    adam = model.default_optimizer()
    assert float(adam.learning_rate) == pytest.approx(2e-4)
    assert adam.beta_1 == 0.5
