import inspect

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers, ops

from keras_gen import WGANGP
from keras_gen.engine import Batch
from keras_gen.layers import (
    BatchNormalization,
    LayerNormalization,
)
from keras_gen.models.gans import wgan_gp
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    gradient,
    linear,
    loss_and_gradients,
    randomize,
    tensor,
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
    return WGANGP(
        (3,),
        latent_dim=2,
        architecture="mlp",
        generator=dense_model(2, 3),
        critic=critic or dense_model(3, 1),
        seed=0,
        **options,
    )


def half_square():
    x = keras.Input((3,))
    return keras.Model(x, HalfSquare()(x))


def points(n=6):
    return np.random.default_rng(0).normal(size=(n, 3))


def fix_draws(monkeypatch, model, z=None, position=None):
    """Fixes the latents and the positions on the lines; records shapes."""
    shapes = []

    def uniform(shape, seed, *args, **options):
        shapes.append(tuple(int(size) for size in shape))
        return tensor(np.broadcast_to(position, shape))

    if position is not None:
        monkeypatch.setattr(wgan_gp.noise, "uniform", uniform)
    if z is not None:
        monkeypatch.setattr(model, "draw_latents", lambda size: tensor(z))
    return shapes


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
                lambda: model.critic_loss(tensor(real), None, True),
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
    loss = float(array(model.critic_loss(tensor(real), None, True)))
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
    loss = float(array(model.critic_loss(tensor(real), None, True)))
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
            lambda: model.critic_loss(tensor(real), None, True),
            model.critic.trainable_variables,
        )
    assert by_w[1, 0] == pytest.approx(0.0, abs=1e-9)
    assert -loss == pytest.approx(distance + distance**2 / (4 * weight))
    assert logged(model)["wasserstein_estimate"] == pytest.approx(
        best * distance
    )


def test_equal_batches_leave_the_penalty(monkeypatch):
    model = points_model(half_square())
    z = np.random.default_rng(1).normal(size=(6, 2))
    fix_draws(monkeypatch, model, z, 0.4)
    real = array(model.generator(z.astype("float32")))
    loss = float(array(model.critic_loss(tensor(real), None, True)))
    penalty = np.mean((np.linalg.norm(real, axis=1) - 1) ** 2)
    assert loss == pytest.approx(10.0 * penalty, rel=1e-5)


def critic_with(norm):
    x = inputs = keras.Input((3,))
    x = layers.Dense(6, activation="tanh")(x)
    x = norm(x) if norm else x
    model = keras.Model(inputs, layers.Dense(1)(layers.ReLU()(x)))
    randomize(model, 3, 1.0)
    return model


@pytest.mark.parametrize(
    ("norm", "is_separate"),
    [(None, True), (LayerNormalization, True), (BatchNormalization, False)],
)
def test_gradients_are_those_of_each_example(norm, is_separate):
    model, x = points_model(critic_with(norm and norm())), points()

    def scores(x):
        return model.scores(x, training=True)

    joint = gradient(scores, x)
    single = np.concatenate([gradient(scores, row[None]) for row in x])
    if is_separate:
        np.testing.assert_allclose(joint, single, atol=1e-5)
    else:
        assert np.abs(joint - single).max() > 0.01


def test_the_penalty_trains_the_critic(monkeypatch):
    with double_precision():
        model = points_model(critic_with(LayerNormalization()))
        z = np.random.default_rng(1).normal(size=(6, 2))
        fix_draws(monkeypatch, model, z, 0.4)

        def loss():
            return model.critic_loss(tensor(points()), None, True)

        variables = model.critic.trainable_variables
        _, gradients = loss_and_gradients(loss, variables)
        check_directions(loss, variables, gradients)


# ---- The game ---------------------------------------------------------------


def test_the_critics_loss_has_no_gradient_of_the_generator():
    model = points_model(critic_with(None))
    _, gradients = loss_and_gradients(
        lambda: model.critic_loss(tensor(points()), None, True),
        model.generator.trainable_variables,
    )
    for value in gradients:
        np.testing.assert_array_equal(value, 0.0)
    _, gradients = loss_and_gradients(
        lambda: model.generator_loss(6, True),
        model.generator.trainable_variables,
    )
    assert min(np.abs(value).max() for value in gradients) > 0.0


def test_generator_loss_is_the_negative_score(monkeypatch):
    model = points_model(critic_with(None))
    z = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")
    fix_draws(monkeypatch, model, z)
    scores = array(model.critic(model.generator(z)))
    loss = float(array(model.generator_loss(6, True)))
    assert loss == pytest.approx(-scores.mean(), rel=1e-5)


def test_a_round_gives_each_critic_update_fresh_data(monkeypatch):
    model, x = points_model(critic_steps=3), points(9)
    seen, drawn = [], []
    critic_loss, draw_latents = model.critic_loss, model.draw_latents

    def record(real, labels, training):
        seen.append(array(real))
        return critic_loss(real, labels, training)

    def draw(size):
        drawn.append(int(size))
        return draw_latents(size)

    monkeypatch.setattr(model, "critic_loss", record)
    monkeypatch.setattr(model, "draw_latents", draw)
    # What a differentiated function sees is not a number on every backend.
    monkeypatch.setattr(model, "minimize", lambda player, loss_fn: loss_fn())
    model.training_step(Batch(tensor(x)))
    np.testing.assert_allclose(np.concatenate(seen), x, rtol=1e-6)
    assert [len(part) for part in seen] == [3, 3, 3]
    assert drawn == [3, 3, 3, 3]


def test_a_round_is_several_critic_updates_and_one_of_the_generator():
    model = points_model(critic_steps=3)
    model.compile()
    for _ in range(2):
        model.training_step(Batch(tensor(points(9))))
    iterations = {
        name: int(array(model.optimizer[name].iterations))
        for name in ("critic", "generator")
    }
    assert iterations == {"critic": 6, "generator": 2}


def test_optimizers_are_those_of_algorithm_1():
    model = points_model()
    model.compile()
    for optimizer in model.optimizer.optimizers:
        config = optimizer.get_config()
        assert config["learning_rate"] == pytest.approx(1e-4)
        assert (config["beta_1"], config["beta_2"]) == (0.0, 0.9)


def test_defaults_are_the_papers():
    parameters = inspect.signature(WGANGP).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["critic_steps"] == 5
    assert defaults["penalty_weight"] == 10.0
    assert defaults["penalty_target"] == 1.0
    assert defaults["one_sided"] is False
    assert defaults["critic_class_weight"] == 1.0
    assert defaults["generator_class_weight"] == 0.1
    assert defaults["latent_dim"] == 128


# ---- With classes -----------------------------------------------------------


def by_class(**options):
    model = WGANGP(
        (32, 32, 1), latent_dim=3, width=2, num_classes=4, seed=0, **options
    )
    randomize(model.critic, 1, 0.3)
    return model


def cross_entropy(labels, logits):
    log_p = scipy.special.log_softmax(logits, axis=-1)
    return -log_p[np.arange(len(labels)), labels].mean()


def test_classes_add_their_terms(monkeypatch):
    weights = {"critic_class_weight": 3.0, "generator_class_weight": 0.5}
    model, plain = by_class(**weights), by_class()
    plain.generator.set_weights(model.generator.get_weights())
    rng = np.random.default_rng(0)
    real = rng.normal(size=(5, 32, 32, 1)).astype("float32")
    labels = np.array([0, 3, 1, 1, 2])
    given = ops.convert_to_tensor(labels)
    z = tensor(rng.normal(size=(5, 3)))
    fake = array(model.generator([z, given], training=True))
    (score_real, logits_real), (score_fake, logits_fake) = (
        map(array, model.critic(x)) for x in (real, fake)
    )
    losses = []
    monkeypatch.setattr(
        wgan_gp.noise,
        "labels",
        lambda shape, n, seed: given,
    )
    for each in (model, plain):
        fix_draws(monkeypatch, each, z, 0.5)
        each.reset_metrics()
        losses.append(
            (
                float(array(each.critic_loss(tensor(real), given, True))),
                float(array(each.generator_loss(5, True))),
                logged(each),
            )
        )
    class_loss = cross_entropy(labels, logits_real)
    for (critic_loss, generator_loss, logs), (a, b) in zip(
        losses, ((3.0, 0.5), (1.0, 0.1)), strict=True
    ):
        assert logs["class_loss_real"] == pytest.approx(class_loss, rel=1e-4)
        # The fakes of the critic have the labels of its real images.
        assert logs["wasserstein_estimate"] == pytest.approx(
            score_real.mean() - score_fake.mean(), rel=1e-3, abs=1e-5
        )
        assert critic_loss == pytest.approx(
            a * class_loss
            - logs["wasserstein_estimate"]
            + 10.0 * logs["gradient_penalty"],
            rel=1e-4,
        )
        assert generator_loss == pytest.approx(
            b * cross_entropy(labels, logits_fake) - score_fake.mean(),
            rel=1e-3,
        )


def test_labels_of_generated_images_are_uniform():
    model = by_class()
    drawn = array(wgan_gp.noise.labels((4000,), 4, model.label_seed))
    counts = np.bincount(drawn, minlength=4)
    # A standard deviation of 27 around 1000.
    assert len(counts) == 4 and np.abs(counts - 1000).max() < 140


def test_classes_of_generated_images():
    model = by_class()
    randomize(model.generator)
    z = np.random.default_rng(0).normal(size=(4, model.latent_dim))
    labels = np.array([2, 0, 1, 2], "int32")
    images = model.generate(z, labels)
    expected = model.generator([z.astype("float32"), labels])
    np.testing.assert_allclose(images, array(expected), atol=1e-6)
    assert not np.allclose(images, model.generate(z), atol=1e-3)
    lines = model.interpolate(z[:2], z[2:], steps=3, labels=[1, 2])
    ends = model.generate(z[2:], [1, 2])
    np.testing.assert_allclose(lines[:, -1], ends, atol=1e-4)
    with pytest.raises(ValueError, match="4 integers from 0 to 3"):
        model.generate(z, [0, 1])
