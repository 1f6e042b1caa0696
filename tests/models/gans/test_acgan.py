"""The auxiliary classifier GAN: its losses, its classes, its networks."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import ACGAN
from keras_gen.engine import Batch, Labels
from keras_gen.layers import BatchNormalization
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "acgan": Case(
        image_shape=(4, 4, 1),
        num_classes=3,
        latent_dim=3,
        filters=(3, 2),
        discriminator_filters=2,
        logits=("discriminator",),
        wrong=(
            ({"objective": "hinge"}, ("objective='hinge'", "'minimax'")),
            ({"image_shape": (6, 4, 1)}, ("(6, 4, 1)", "4 divides")),
            ({"num_classes": 0}, ("num_classes=0",)),
            ({"class_weight": -1.0}, ("class_weight=-1.0",)),
        ),
    ),
}
LABELS = np.array([2, 0, 1, 1, 0, 2], "int32")


def tiny(**options):
    options = {"num_classes": 3, "latent_dim": 3, "filters": (3, 2), **options}
    return ACGAN(
        **{
            "image_shape": (4, 4, 1),
            "discriminator_filters": 2,
            "seed": 0,
            **options,
        }
    )


@pytest.fixture(scope="module")
def model():
    """Without batch normalization and dropout: small dense networks."""
    z, labels = keras.Input((3,)), keras.Input((), dtype="int32")
    x = layers.Concatenate()([z, ops.one_hot(labels, 3)])
    x = layers.Reshape((4, 4, 1))(layers.Dense(16, "tanh")(x))
    images = keras.Input((4, 4, 1))
    h = layers.Flatten()(images)
    heads = [layers.Dense(1)(h), layers.Dense(3)(h)]
    model = tiny(
        generator=keras.Model([z, labels], x),
        discriminator=keras.Model(images, heads),
        class_weight=0.7,
    )
    randomize(model.generator, seed=1)
    randomize(model.discriminator)
    return model


def images(n=6):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, 4, 4, 1)).astype("float32")


def batch(labels=LABELS):
    return Batch(tensor(images()), tensor(labels))


def entropy(labels, logits):
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels]


# ---- The losses -------------------------------------------------------------


@pytest.fixture
def fakes(monkeypatch, model):
    """The same latents and classes of generated images in each update."""
    z = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
    labels = np.array([0, 1, 2, 2, 1, 0], "int32")
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(z))
    monkeypatch.setattr(model, "draw_condition", lambda n: tensor(labels))
    return model.generate(z, labels=labels), labels


def outputs(model, x):
    source, classes = model.discriminator(tensor(x))
    return array(source)[:, 0], array(classes)


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_against_numpy(model, fakes, player):
    fake, labels = fakes
    real_source, real_classes = outputs(model, images())
    fake_source, fake_classes = outputs(model, fake)
    expected = {
        "discriminator": np.logaddexp(0, -real_source).mean()
        + np.logaddexp(0, fake_source).mean()
        + 0.7 * entropy(LABELS, real_classes).mean()
        + 0.7 * entropy(labels, fake_classes).mean(),
        "generator": np.logaddexp(0, -fake_source).mean()
        + 0.7 * entropy(labels, fake_classes).mean(),
    }
    loss, gradients = loss_and_gradients(
        lambda: model.player_loss(player, batch(), training=False),
        model.trainable_variables,
    )
    np.testing.assert_allclose(loss, expected[player], rtol=1e-5)
    own = {id(v) for v in model.player_variables(player)}
    if player == "discriminator":
        for variable, gradient in zip(
            model.trainable_variables, gradients, strict=True
        ):
            assert np.any(gradient) == (id(variable) in own), variable.path


def test_where_nothing_is_known():
    """Zero logits: `2 log 2 + 2 log K`, and `log 2 + log K`."""
    model = tiny()
    for layer in model.discriminator.layers[-2:]:
        layer.set_weights([np.zeros(w.shape) for w in layer.get_weights()])
    logs = training_logs(model, images(), LABELS)
    k = math.log(3)
    assert logs["discriminator_loss"] == pytest.approx(
        2 * math.log(2) + 2 * k, rel=1e-5
    )
    assert logs["generator_loss"] == pytest.approx(math.log(2) + k, rel=1e-5)
    assert logs["class_loss_real"] == pytest.approx(k, rel=1e-5)
    assert logs["class_loss_fake"] == pytest.approx(k, rel=1e-5)


def test_without_class_weight_it_is_a_gan(model, fakes, monkeypatch):
    monkeypatch.setattr(model, "class_weight", 0.0)
    real, _ = outputs(model, images())
    fake, _ = outputs(model, fakes[0])
    loss, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(batch(), training=False),
        model.discriminator.trainable_variables,
    )
    expected = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    head = model.discriminator.layers[-1].trainable_variables
    of_head = {id(v) for v in head}
    for variable, gradient in zip(
        model.discriminator.trainable_variables, gradients, strict=True
    ):
        assert np.any(gradient) == (id(variable) not in of_head)


def test_classes_teach_the_generator(model, fakes, monkeypatch):
    """Of the source alone, it gets another gradient."""
    found = []
    for weight in (0.0, 1.0):
        monkeypatch.setattr(model, "class_weight", weight)
        found.append(
            loss_and_gradients(
                lambda: model.generator_loss(batch(), training=False),
                model.generator.trainable_variables,
            )[1]
        )
    for without, with_classes in zip(*found, strict=True):
        assert np.abs(without - with_classes).max() > 1e-4


def test_images_without_a_label_count_in_the_source_alone(model, fakes):
    """And a batch without any is finite."""
    fake, labels = fakes
    real, classes = outputs(model, images())
    source, fake_classes = outputs(model, fake)
    game = np.logaddexp(0, -real).mean() + np.logaddexp(0, source).mean()
    game += 0.7 * entropy(labels, fake_classes).mean()
    some = np.array([2, -1, 1, -1, -1, 0])
    labeled = some >= 0
    of_some = entropy(some[labeled], classes[labeled]).mean()
    for given, expected in ((some, of_some), (np.full(6, -1), 0.0)):
        loss = model.discriminator_loss(batch(given), training=False)
        np.testing.assert_allclose(array(loss), game + 0.7 * expected, 1e-5)
    assert model.data_spec().y == Labels(3, missing="allowed")


def test_classes_of_generated_images_are_drawn_uniformly(model):
    labels = array(model.draw_condition(6000))
    counts = np.bincount(labels, minlength=3) / 6000
    np.testing.assert_allclose(counts, 1 / 3, atol=0.02)


def test_classification_is_by_the_second_head(model):
    _, logits = outputs(model, images())
    np.testing.assert_array_equal(model.classify(images()), logits.argmax(1))
    source, _ = outputs(model, images())
    np.testing.assert_allclose(model.discriminate(images()), source, rtol=1e-5)


def test_the_generator_depends_on_the_class(model):
    z = np.zeros((2, 3), "float32")
    first, second = (model.generate(z, labels=k) for k in (0, 1))
    assert np.abs(first - second).max() > 1e-3


# ---- The networks -----------------------------------------------------------


def test_the_papers_tables():
    with keras.StatelessScope(initialize_variables=False):
        paper, cifar = ACGAN(), ACGAN.from_preset("cifar10")
    for model, maps, side, inputs in (
        (paper, [768, 384, 256, 192, 3], 8, 110),
        (cifar, [384, 192, 96, 3], 4, 110),
    ):
        kernels = [v for v in model.generator.trainable_variables if v.ndim > 1]
        assert tuple(kernels[0].shape) == (inputs, side * side * maps[0])
        shapes = [tuple(v.shape) for v in kernels[1:]]
        pairs = zip(maps[1:], maps[:-1], strict=True)
        assert shapes == [(5, 5, *pair) for pair in pairs]
        norms = [
            isinstance(x, BatchNormalization) for x in model.generator.layers
        ]
        assert sum(norms) == len(maps) - 2
        convs = [
            x
            for x in model.discriminator.layers
            if isinstance(x, layers.Conv2D)
        ]
        assert [x.filters for x in convs] == [16, 32, 64, 128, 256, 512]
        assert [x.strides[0] for x in convs] == [2, 1, 2, 1, 2, 1]
        assert all(x.kernel_size == (3, 3) for x in convs)
        found = model.discriminator.layers
        assert sum(isinstance(x, BatchNormalization) for x in found) == 5
        assert [x.level for x in found if hasattr(x, "level")] == [0.5] * 6
        assert not any(hasattr(x, "stddev") for x in found)
        slopes = [
            x.negative_slope for x in found if isinstance(x, layers.LeakyReLU)
        ]
        assert slopes == [0.2] * 6
        initializers = [
            x.kernel_initializer
            for x in [*model.generator.layers, *found]
            if hasattr(x, "kernel")
        ]
        assert {(x.mean, x.stddev) for x in initializers} == {(0.0, 0.02)}
    adam = paper.default_optimizer()
    assert float(adam.learning_rate) == pytest.approx(2e-4)
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.5, 0.999, 1e-8)
    defaults = inspect.signature(ACGAN).parameters
    assert defaults["latent_dim"].default == 100
    assert defaults["class_weight"].default == 1.0


def test_activation_noise_is_an_option():
    found = tiny(activation_noise=0.1).discriminator.layers
    assert [x.stddev for x in found if hasattr(x, "stddev")] == [0.1] * 6
