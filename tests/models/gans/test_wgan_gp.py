import inspect

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers, ops

from keras_gen import WGANGP
from keras_gen.engine import Batch
from keras_gen.layers import ConditionalBatchNormalization, LayerNormalization
from keras_gen.models.gans.wgan_gp import wgan_gp
from keras_gen.networks.mlp import dense_layers
from tests.contract.case import Case
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    evaluation_logs,
    gradient,
    linear,
    loss_and_gradients,
    one_program,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "wgan_gp": Case(
        input_shape=(28, 28, 1),
        latent_dim=3,
        architecture="conv",
        width=2,
        critic_steps=2,
        updates={"critic": 2},
        # The bias of the score cancels out between real and fake.
        unmoved={"critic": 1},
        activations={"generator": ["sigmoid"]},
        wrong=(
            ({"architecture": "vit"}, ("architecture='vit'", "'resnet'")),
            ({"input_shape": (32, 32, 1)}, ("(28, 28, None)", "(32, 32")),
            ({"num_classes": 3}, ("num_classes=3", "'resnet'", "'conv'")),
            ({"critic_steps": 0}, ("critic_steps=0", "above 0")),
            ({"penalty_target": 0.0}, ("penalty_target=0.0", "above 0")),
        ),
    ),
    "wgan_gp-classes": Case(
        input_shape=(6, 5, 1),
        latent_dim=3,
        num_classes=3,
        critic_steps=2,
        updates={"critic": 2},
        unmoved={"critic": 1},
        given=lambda: {
            "generator": generator_of_classes(3, (6, 5, 1), 3),
            "critic": critic_of_classes((6, 5, 1), 3),
        },
    ),
}


def generator_of_classes(size, shape, num_classes):
    """From a vector and a class to an example."""
    z, labels = keras.Input((size,)), keras.Input((), dtype="int32")
    x = layers.Dense(int(np.prod(shape)), use_bias=False)(z)
    x = ConditionalBatchNormalization(num_classes)(x, labels)
    x = layers.Activation("tanh", dtype="float32")(layers.Reshape(shape)(x))
    return keras.Model([z, labels], x)


def critic_of_classes(shape, num_classes):
    """From an example to a score and class logits."""
    x = examples = keras.Input(shape)
    x = layers.Dense(8, activation="tanh")(layers.Flatten()(x))
    return keras.Model(
        examples, [layers.Dense(1)(x), layers.Dense(num_classes)(x)]
    )


class HalfSquare(layers.Layer):
    """`||x||^2 / 2`, as a critic."""

    def call(self, x):
        return 0.5 * ops.sum(ops.square(x), axis=-1, keepdims=True)


def dense_model(inputs_dim, outputs_dim):
    x = keras.Input((inputs_dim,))
    return keras.Model(x, layers.Dense(outputs_dim)(x))


def points_model(critic=None, **options):
    """A linear generator of points and, if not given, a linear critic."""
    options = {"critic_steps": 2, **options}
    model = WGANGP(
        (3,),
        architecture="mlp",
        latent_dim=2,
        generator=dense_model(2, 3),
        critic=critic or dense_model(3, 1),
        seed=0,
        **options,
    )
    model.compile("sgd")
    return model


def half_square():
    x = keras.Input((3,))
    return keras.Model(x, HalfSquare()(x))


def points(n=6):
    return np.random.default_rng(0).normal(size=(n, 3))


def batch_of(x, y=None):
    return Batch(tensor(x), y)


def fix_draws(monkeypatch, model, z=None, position=None):
    """Fixes the latents and the positions on the lines; records shapes."""
    shapes = []

    def uniform(shape, seed, *args, **options):
        shapes.append(tuple(int(size) for size in shape))
        return tensor(np.broadcast_to(position, shape))

    def draw(n, seed=None):
        assert int(n) == len(z)
        return tensor(z)

    if position is not None:
        monkeypatch.setattr(wgan_gp.noise, "uniform", uniform)
    if z is not None:
        monkeypatch.setattr(model, "draw_latents", draw)
    return shapes


def critic_loss(model, x):
    return float(array(model.critic_loss(batch_of(x), training=True)))


def logged(model):
    results = model.get_metrics_result()
    return {name: float(array(value)) for name, value in results.items()}


# ---- The penalty ------------------------------------------------------------


@pytest.mark.parametrize("penalty_weight", [0.0, 10.0])
def test_linear_critic(monkeypatch, penalty_weight):
    with double_precision():
        model = points_model(penalty_weight=penalty_weight)
        rng = np.random.default_rng(1)
        w, real = rng.normal(size=(3, 1)), points()
        linear(model.critic, w, [0.7])
        z = rng.normal(size=(6, 2))
        fake = array(model.generator(z))
        norm = np.linalg.norm(w)
        for position in (0.0, 0.3):
            fix_draws(monkeypatch, model, z, position)
            model.reset_metrics()
            loss, (by_w, by_b) = loss_and_gradients(
                lambda: model.critic_loss(batch_of(real), training=True),
                model.critic.trainable_variables,
            )
            estimate = float(((real.mean(0) - fake.mean(0)) @ w)[0])
            assert loss == pytest.approx(
                penalty_weight * (norm - 1) ** 2 - estimate
            )
            slope = (fake.mean(0) - real.mean(0))[:, None]
            slope = slope + penalty_weight * 2 * (norm - 1) * w / norm
            np.testing.assert_allclose(by_w, slope, rtol=1e-9)
            np.testing.assert_allclose(by_b, [0.0], atol=1e-12)
            logs = logged(model)
            assert logs["wasserstein_estimate"] == pytest.approx(
                estimate, rel=1e-5
            )
            assert logs["gradient_norm"] == pytest.approx(norm, rel=1e-5)
            assert logs["gradient_penalty"] == pytest.approx(
                (norm - 1) ** 2, rel=1e-4
            )


@pytest.mark.parametrize("position", [0.0, 1.0, None])
def test_quadratic_critic(monkeypatch, position):
    model, real = points_model(half_square()), points()
    z = np.random.default_rng(1).normal(size=(6, 2))
    fake = array(model.generator(z.astype("float32")))
    if position is None:
        position = np.linspace(0.1, 0.9, 6)
    shapes = fix_draws(monkeypatch, model, z, position)
    loss = critic_loss(model, real)
    assert shapes == [(6,)]
    between = real + (np.ones(6) * position)[:, None] * (fake - real)
    penalty = np.mean((np.linalg.norm(between, axis=1) - 1) ** 2)
    difference = 0.5 * np.mean(np.sum(fake**2 - real**2, axis=1))
    assert loss == pytest.approx(difference + 10.0 * penalty, rel=1e-4)


@pytest.mark.parametrize("one_sided", [False, True])
def test_target_and_side(monkeypatch, one_sided):
    model = points_model(
        half_square(),
        penalty_weight=3.0,
        penalty_target=2.0,
        one_sided=one_sided,
    )
    fix_draws(monkeypatch, model, np.zeros((6, 2)), 0.0)
    real = points() * np.linspace(0.2, 3.0, 6)[:, None]
    loss = critic_loss(model, real)
    excess = np.linalg.norm(real, axis=1) / 2.0 - 1.0
    assert excess.min() < 0.0 < excess.max()
    if one_sided:
        excess = np.maximum(excess, 0.0)
    expected = 3.0 * np.mean(excess**2) - 0.5 * np.mean(np.sum(real**2, 1))
    assert loss == pytest.approx(expected, rel=1e-4)


def test_optimum_for_two_points(monkeypatch):
    distance, weight = 0.8, 10.0
    with double_precision():
        model = points_model(penalty_weight=weight)
        for variable in model.generator.trainable_variables:
            variable.assign(np.zeros(variable.shape))
        real = np.zeros((6, 3))
        real[:, 1] = distance
        best = 1 + distance / (2 * weight)
        linear(model.critic, [[0.0], [best], [0.0]], [0.0])
        loss, (by_w, _) = loss_and_gradients(
            lambda: model.critic_loss(batch_of(real), training=True),
            model.critic.trainable_variables,
        )
        estimate = logged(model)["wasserstein_estimate"]
    assert by_w[1, 0] == pytest.approx(0.0, abs=1e-9)
    assert -loss == pytest.approx(distance + distance**2 / (4 * weight))
    assert estimate == pytest.approx(best * distance)


def test_equal_batches_leave_the_penalty(monkeypatch):
    model = points_model(half_square())
    z = np.random.default_rng(1).normal(size=(6, 2))
    fix_draws(monkeypatch, model, z, 0.4)
    real = array(model.generator(z.astype("float32")))
    penalty = np.mean((np.linalg.norm(real, axis=1) - 1) ** 2)
    assert critic_loss(model, real) == pytest.approx(10.0 * penalty, rel=1e-5)


def normalized_critic():
    x = inputs = keras.Input((3,))
    x = LayerNormalization()(layers.Dense(6, activation="tanh")(x))
    model = keras.Model(inputs, layers.Dense(1)(layers.ReLU()(x)))
    randomize(model, 3, 1.0)
    return model


def test_gradients_are_those_of_each_example():
    with double_precision():
        model, x = points_model(normalized_critic()), points()

        def scores(x):
            return model.discriminate_step(x, training=True)

        joint = gradient(scores, x)
        single = np.concatenate([gradient(scores, row[None]) for row in x])
    np.testing.assert_allclose(joint, single, rtol=1e-9)


def test_the_penalty_trains_the_critic(monkeypatch):
    with double_precision():
        model = points_model(normalized_critic())
        z = np.random.default_rng(1).normal(size=(6, 2))
        fix_draws(monkeypatch, model, z, 0.4)

        def loss():
            return model.critic_loss(batch_of(points()), training=True)

        variables = model.critic.trainable_variables
        _, gradients = loss_and_gradients(loss, variables)
        check_directions(loss, variables, gradients)


# ---- The game ---------------------------------------------------------------


def test_the_critics_loss_has_no_gradient_of_the_generator():
    model = points_model()
    for player, has_gradient in (("critic", False), ("generator", True)):
        _, gradients = loss_and_gradients(
            lambda player=player: model.player_loss(
                player, batch_of(points()), True
            ),
            model.generator.trainable_variables,
        )
        for value in gradients:
            assert value.any() == has_gradient


def test_generator_loss_is_the_negative_score(monkeypatch):
    model = points_model(half_square())
    z = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")
    fix_draws(monkeypatch, model, z, 0.4)
    scores = array(model.critic(model.generator(z)))
    for logs in (
        training_logs(model, points()),
        evaluation_logs(model, points()),
    ):
        assert logs["generator_loss"] == pytest.approx(-scores.mean(), rel=1e-5)
        assert logs["critic_loss"] == pytest.approx(
            10.0 * logs["gradient_penalty"] - logs["wasserstein_estimate"],
            rel=1e-5,
        )


@pytest.mark.parametrize("factor", [1, 2])
def test_a_round_gives_each_critic_update_fresh_data(monkeypatch, factor):
    """Several updates of the critic, then one of the generator."""
    model = points_model(critic_steps=3, generator_batch_factor=factor)
    seen, drawn, draw_latents = [], [], model.draw_latents

    def minimize(player, batch):
        seen.append((player, array(batch.x)))
        one_program(lambda: model.player_loss(player, batch, training=True))()

    def draw(n, seed=None):
        drawn.append(int(n))
        return draw_latents(n, seed)

    monkeypatch.setattr(model, "draw_latents", draw)
    # What a differentiated function sees is not a number on every backend.
    monkeypatch.setattr(model, "minimize", minimize)
    model.training_step(batch_of(points(9)))
    assert [player for player, _ in seen] == ["critic"] * 3 + ["generator"]
    parts = [x for player, x in seen if player == "critic"]
    np.testing.assert_allclose(np.concatenate(parts), points(9), rtol=1e-6)
    assert [len(part) for part in parts] == [3, 3, 3]
    assert drawn == [3, 3, 3, 3 * factor]


def test_optimizers_are_those_of_algorithm_1():
    optimizers = points_model().default_optimizers()
    assert list(optimizers) == ["critic", "generator"]
    for optimizer in optimizers.values():
        config = optimizer.get_config()
        assert config["learning_rate"] == pytest.approx(1e-4)
        assert (config["beta_1"], config["beta_2"]) == (0.0, 0.9)
        assert config["epsilon"] == pytest.approx(1e-8)


def test_defaults_are_the_papers():
    parameters = inspect.signature(WGANGP).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["input_shape"] == (32, 32, 3)
    assert defaults["architecture"] == "resnet"
    assert defaults["critic_steps"] == 5
    assert defaults["generator_batch_factor"] == 1
    assert defaults["penalty_weight"] == 10.0
    assert defaults["penalty_target"] == 1.0
    assert defaults["one_sided"] is False
    assert defaults["critic_class_weight"] == 1.0
    assert defaults["generator_class_weight"] == 0.1
    assert defaults["latent_dim"] == 128
    assert defaults["prior"] == "normal"
    assert WGANGP.presets == {
        "paper": {"generator_batch_factor": 2},
        "small": {"architecture": "conv", "width": 24, "critic_steps": 2},
        "smoke": {"architecture": "conv", "width": 8},
    }


def test_scores_are_those_of_inference_but_in_training():
    x = keras.Input((3,))
    dropped = layers.Dropout(0.5, seed=1)(layers.Dense(9)(x))
    model = points_model(keras.Model(x, layers.Dense(1)(dropped)))
    x = tensor(points())
    expected = array(model.critic(x, training=False))[:, 0]
    found = array(model.discriminate_step(x))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    found = array(model.discriminate_step(x, training=True))
    assert np.abs(found - expected).max() > 1e-3


# ---- With classes -----------------------------------------------------------


def by_class(**options):
    shape = (2, 3, 1)
    model = WGANGP(
        shape,
        latent_dim=3,
        num_classes=4,
        generator=generator_of_classes(3, shape, 4),
        critic=critic_of_classes(shape, 4),
        seed=0,
        **options,
    )
    for seed, network in enumerate((model.generator, model.critic)):
        randomize(network, seed)
    model.compile("sgd")
    return model


@pytest.fixture(scope="module")
def classes():
    return by_class()


def cross_entropy(labels, logits):
    log_p = scipy.special.log_softmax(logits, axis=-1)
    return -log_p[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize(
    ("options", "weights", "training"),
    [
        ({}, (1.0, 0.1), True),
        (
            {"critic_class_weight": 3.0, "generator_class_weight": 0.5},
            (3.0, 0.5),
            False,
        ),
    ],
)
def test_classes_add_their_terms(monkeypatch, options, weights, training):
    model = by_class(**options)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(5, 2, 3, 1)).astype("float32")
    labels, drawn = np.array([0, 3, 1, 1, 2]), np.array([2, 2, 0, 1, 3])
    z = rng.normal(size=(5, 3)).astype("float32")
    fix_draws(monkeypatch, model, z, 0.5)
    monkeypatch.setattr(
        wgan_gp.noise,
        "labels",
        lambda shape, n, seed: ops.convert_to_tensor(drawn),
    )
    # The fakes of the critic have the labels of its real images.
    fake, of_generator = (
        array(model.generator([z, each], training=training))
        for each in (labels, drawn)
    )
    hidden, last = dense_layers(model.critic)[:2]
    w, b, v, c = map(array, [*hidden.weights, *last.weights])
    assert v.shape == (8, 1)

    def score(x):
        return (np.tanh(x.reshape(5, 6) @ w + b) @ v + c)[:, 0]

    between = (0.5 * (real + fake)).reshape(5, 6)
    slopes = ((1 - np.tanh(between @ w + b) ** 2) * v[:, 0]) @ w.T
    norms = np.linalg.norm(slopes, axis=-1)
    logits = array(model.critic(real)[1])
    fake_logits = array(model.critic(of_generator)[1])
    class_loss = cross_entropy(labels, logits)
    class_loss_fake = cross_entropy(drawn, fake_logits)
    estimate = score(real).mean() - score(fake).mean()
    penalty = np.mean((norms - 1) ** 2)
    expected = {
        "critic_loss": 10 * penalty - estimate + weights[0] * class_loss,
        "generator_loss": weights[1] * class_loss_fake
        - score(of_generator).mean(),
        "wasserstein_estimate": estimate,
        "gradient_penalty": penalty,
        "gradient_norm": norms.mean(),
        "class_loss_real": class_loss,
        "class_loss_fake": class_loss_fake,
    }
    logs_of = training_logs if training else evaluation_logs
    assert logs_of(model, real, labels) == pytest.approx(
        expected, rel=1e-3, abs=1e-5
    )


def test_labels_of_generated_images_are_uniform(classes):
    drawn = array(classes.draw_condition(4000))
    counts = np.bincount(drawn, minlength=4)
    # A standard deviation of 27 around 1000.
    assert len(counts) == 4 and np.abs(counts - 1000).max() < 140


def test_classes_of_generated_images(classes):
    z = np.random.default_rng(0).normal(size=(4, 3))
    labels = np.array([2, 0, 1, 2], "int32")
    images = classes.generate(z, labels=labels)
    expected = array(classes.generator([z.astype("float32"), labels]))
    np.testing.assert_allclose(images, expected, atol=1e-6)
    # By default, each class in turn.
    in_turn = classes.generate(z)
    np.testing.assert_allclose(
        in_turn, classes.generate(z, labels=[0, 1, 2, 3]), atol=1e-6
    )
    assert not np.allclose(images, in_turn, atol=1e-3)
    lines = classes.interpolate_latents(z[:2], z[2:], steps=3, labels=[1, 2])
    middle = (z[:2] + z[2:]) / 2.0
    for i, between in enumerate((z[:2], middle, z[2:])):
        expected = classes.generate(between, labels=[1, 2])
        np.testing.assert_allclose(lines[:, i], expected, atol=1e-4)
    with pytest.raises(ValueError, match="4 integers from 0 to 3"):
        classes.generate(z, labels=[0, 1])


def test_samples_have_the_classes_that_are_asked_for(classes):
    samples = classes.sample(4, seed=0, labels=[1, 1, 2, 3])
    again = classes.sample(4, seed=0, labels=[1, 1, 3, 2])
    np.testing.assert_allclose(samples[:2], again[:2], atol=1e-6)
    assert np.abs(samples[2:] - again[2:]).max() > 1e-4
    for labels in ([0, 1], [0, 1, 2, 4], [0, 1, 2, -1]):
        with pytest.raises(ValueError, match="integers from 0 to 3"):
            classes.sample(4, labels=labels)


def test_scores_need_no_labels(classes):
    x = np.random.default_rng(0).normal(size=(4, 2, 3, 1)).astype("float32")
    expected = array(classes.critic(x)[0])[:, 0]
    for labels in (None, [0, 1, 2, 3]):
        scores = classes.discriminate(x, labels=labels)
        np.testing.assert_allclose(scores, expected, rtol=1e-5)
