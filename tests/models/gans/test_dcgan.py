import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import DCGAN
from keras_gen.engine import Batch
from keras_gen.losses import adversarial
from keras_gen.models.gans import dcgan
from tests.contract.case import Case
from tests.numerics import (
    array,
    evaluation_logs,
    linear,
    loss_and_gradients,
    one_program,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "dcgan": Case(
        image_shape=(8, 8, 1),
        latent_dim=3,
        base_filters=4,
        wrong=(
            ({"kernel_size": 3}, ("kernel_size=3", "5", "4")),
            ({"dense_units": 0}, ("dense_units=0", "above 0")),
            ({"image_shape": (8, 6, 1)}, ("(8, 6, 1)", "at least 8")),
            ({"image_shape": (27, 27, 1)}, ("(27, 27, 1)", "even")),
            ({"prior": "cauchy"}, ("prior='cauchy'", "'uniform'")),
            ({"ema_decay": 1.0}, ("ema_decay=1.0", "below 1")),
        ),
    ),
}


def tiny(size=8, **options):
    options = {"latent_dim": 5, "base_filters": 2, **options}
    return DCGAN((size, size, 1), seed=0, **options)


@pytest.fixture(scope="module")
def model():
    """One model, in whose training mode batches are normalized."""
    return tiny(16)


def images(n=6, size=16):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, size, size, 1)).astype("float32")


def latents(n=6):
    return np.random.default_rng(1).normal(size=(n, 5)).astype("float32")


def fix_latents(monkeypatch, model, *draws):
    """Makes the latents of each update the next of these, or the last."""
    rows = list(draws)

    def draw(n, seed=None):
        z = rows.pop(0) if len(rows) > 1 else rows[0]
        assert len(z) == int(n)
        return tensor(z)

    monkeypatch.setattr(model, "draw_latents", draw)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


# ---- The networks -----------------------------------------------------------


def test_defaults_are_the_papers():
    parameters = inspect.signature(DCGAN).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["image_shape"] == (64, 64, 3)
    assert defaults["latent_dim"] == 100
    assert defaults["base_filters"] == 128
    assert defaults["kernel_size"] == 5
    assert defaults["dense_units"] is None
    assert defaults["prior"] == "uniform"
    assert DCGAN.value_range == (-1.0, 1.0)
    assert DCGAN.presets == {
        "paper": {},
        "torch": {"kernel_size": 4, "base_filters": 64, "prior": "normal"},
        "small": {"base_filters": 32, "dense_units": 512, "ema_decay": 0.999},
        "smoke": {"base_filters": 8, "dense_units": 32},
    }
    features = inspect.signature(DCGAN.features).parameters
    assert features["batch_size"].default == 256


def test_builders_have_the_papers_kernels():
    with keras.StatelessScope(initialize_variables=False):
        networks = (
            dcgan.dcgan_generator((16, 16, 1), 3, 2),
            dcgan.dcgan_discriminator((16, 16, 1), 2),
        )
    for network in networks:
        kernels = [v.shape[:2] for v in network.weights if len(v.shape) == 4]
        assert kernels == [(5, 5)] * 2


@pytest.mark.parametrize("kernel_size", [4, 5])
def test_networks_have_the_sizes_of_the_arguments(kernel_size):
    model = tiny(latent_dim=3, base_filters=4, kernel_size=kernel_size)
    area = kernel_size**2
    kernels = [3 * 4 * 4 * 4, 4 * 1 * area, 1 * 4 * area, 4 * 4 * 4]
    norm = 2 * (4 if kernel_size == 4 else 64)
    count = sum(math.prod(v.shape) for v in model.trainable_variables)
    assert count == sum(kernels) + norm


def test_both_networks_have_the_dense_layer():
    model = tiny(latent_dim=3, base_filters=4, dense_units=7)
    # 4x4 feature maps of 4 filters, 64 in all.
    for network, units in (
        (model.generator, [7, 64]),
        (model.discriminator, [7, 1]),
    ):
        dense = [x for x in network.layers if isinstance(x, layers.Dense)]
        assert [x.units for x in dense] == units


def flat_networks(shape=(8, 8, 1)):
    """Networks of one dense layer each."""
    z, x = keras.Input((5,)), keras.Input(shape)
    made = layers.Dense(math.prod(shape), use_bias=False)(z)
    made = layers.Activation("tanh")(layers.Reshape(shape)(made))
    logit = layers.Dense(1)(layers.Flatten()(x))
    return {
        "generator": keras.Model(z, made),
        "discriminator": keras.Model(x, logit),
    }


def test_own_networks_may_have_any_shape():
    model = DCGAN((6, 9, 2), latent_dim=5, **flat_networks((6, 9, 2)))
    assert model.sample(2).shape == (2, 6, 9, 2)
    assert model.discriminate(np.zeros((2, 6, 9, 2))).shape == (2,)
    with pytest.raises(ValueError, match="LeakyReLU"):
        model.features(np.zeros((2, 6, 9, 2)))


# ---- The game ---------------------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
def test_losses_equal_their_probability_forms(monkeypatch, training):
    model, real, z = tiny(16), images(), latents()
    for seed, network in enumerate((model.generator, model.discriminator)):
        randomize(network, seed, 0.3)
    fix_latents(monkeypatch, model, z)
    weights = model.get_weights()
    fake = model.generator(z, training=training)
    p_real, p_fake = (
        sigmoid(array(model.discriminate_step(x, training=training)))
        for x in (tensor(real), fake)
    )
    # The calls above moved the statistics.
    model.set_weights(weights)
    logs = (training_logs if training else evaluation_logs)(model, real)
    expected = {
        "discriminator_loss": -np.log(p_real).mean() - np.log1p(-p_fake).mean(),
        "generator_loss": -np.log(p_fake).mean(),
    }
    assert logs == pytest.approx(expected, rel=1e-4)
    # Neither is that of a discriminator that knows nothing.
    assert abs(logs["discriminator_loss"] - 2 * math.log(2)) > 0.05
    assert abs(logs["generator_loss"] - math.log(2)) > 0.05


def test_batches_are_normalized_apart(monkeypatch, model):
    real = images()
    before = [array(v).copy() for v in model.weights]
    for layer in model.discriminator.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(20.0 * array(layer.kernel))
    alone = array(model.discriminate_step(tensor(real), training=True))
    seen = []

    def record(real, fake):
        seen.append((array(real), array(fake)))
        return adversarial.wasserstein_critic(real, fake)

    game = adversarial.OBJECTIVES["wasserstein"]
    monkeypatch.setattr(model, "objective", game._replace(discriminator=record))
    for z in (latents(), -3.0 * latents()):
        fix_latents(monkeypatch, model, z)
        model.discriminator_loss(Batch(tensor(real)), training=True)
    for logits, _ in seen:
        np.testing.assert_allclose(logits, alone, atol=1e-5)
    assert np.abs(seen[0][1] - seen[1][1]).max() > 1e-3
    # They do depend on the rest of their own batch.
    part = array(model.discriminate_step(tensor(real[:3]), training=True))
    assert np.abs(part - alone[:3]).max() > 1e-3
    for variable, value in zip(model.weights, before, strict=True):
        variable.assign(value)


def test_generated_images_depend_on_their_batch_in_training_alone(model):
    z = latents()
    together = model.generate(z)
    np.testing.assert_allclose(model.generate(z[:3]), together[:3], atol=1e-6)
    trained = array(model.generator(z, training=True))
    part = array(model.generator(z[:3], training=True))
    assert np.abs(part - trained[:3]).max() > 1e-4


def test_the_discriminators_loss_has_no_gradient_of_the_generator():
    model = DCGAN((8, 8, 1), latent_dim=5, seed=0, **flat_networks())
    batch = Batch(tensor(images(size=8)))
    kernel = model.generator.trainable_variables
    for player, has_gradient in (("discriminator", False), ("generator", True)):
        _, (gradient,) = loss_and_gradients(
            lambda player=player: model.player_loss(player, batch, True), kernel
        )
        assert gradient.any() == has_gradient


def test_a_step_updates_the_discriminator_and_then_the_generator(monkeypatch):
    model, x = DCGAN((8, 8, 1), latent_dim=5, **flat_networks()), images(size=8)
    model.compile(keras.optimizers.SGD(0.1))
    rng = np.random.default_rng(2)
    linear(model.discriminator, rng.normal(size=(64, 1)), [0.3])
    w = array(model.generator.layers[1].kernel).copy()
    v, c = (array(value) for value in model.discriminator.layers[-1].weights)
    draws = rng.normal(size=(2, 6, 5)).astype("float32")
    fix_latents(monkeypatch, model, *draws)
    one_program(lambda: model.training_step(Batch(tensor(x))))()

    real, fake = x.reshape(6, 64), np.tanh(draws[0] @ w)
    for sign, inputs in ((-1.0, real), (1.0, fake)):
        by_logit = sign * sigmoid(sign * (inputs @ v + c)) / 6
        if sign < 0:
            by_v, by_c = inputs.T @ by_logit, by_logit.sum(0)
        else:
            by_v, by_c = by_v + inputs.T @ by_logit, by_c + by_logit.sum(0)
    v, c = v - 0.1 * by_v, c - 0.1 * by_c
    fake = np.tanh(draws[1] @ w)
    by_fake = -sigmoid(-(fake @ v + c)) / 6 @ v.T
    w = w - 0.1 * draws[1].T @ (by_fake * (1 - fake**2))
    for variable, expected in (
        (model.discriminator.layers[-1].kernel, v),
        (model.discriminator.layers[-1].bias, c),
        (model.generator.layers[1].kernel, w),
    ):
        np.testing.assert_allclose(array(variable), expected, atol=1e-5)


def test_optimizers_are_the_papers(model):
    optimizers = model.default_optimizers()
    assert list(optimizers) == ["discriminator", "generator"]
    for optimizer in optimizers.values():
        config = optimizer.get_config()
        assert config["learning_rate"] == pytest.approx(2e-4)
        assert (config["beta_1"], config["beta_2"]) == (0.5, 0.999)
        assert config["epsilon"] == 1e-8


# ---- Features ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "base_filters", "features"),
    [((64, 64, 3), 128, 30_720), ((32, 32, 3), 256, 28_672)],
)
def test_features_of_the_papers_models(shape, base_filters, features):
    with keras.StatelessScope(initialize_variables=False):
        network = dcgan.dcgan_discriminator(shape, base_filters)
    maps = [
        layer.output.shape[1:]
        for layer in network.layers
        if isinstance(layer, layers.LeakyReLU)
    ]
    assert sum(min(4, h) * min(4, w) * c for h, w, c in maps) == features


def test_features_are_the_largest_activations_of_a_grid(model):
    x = images(2)
    activations, h = [], x
    for layer in model.discriminator.layers[1:-2]:
        h = layer(h)
        if isinstance(layer, layers.LeakyReLU):
            activations.append(array(h))
    assert [a.shape[1:] for a in activations] == [(8, 8, 2), (4, 4, 4)]
    pooled = activations[0].reshape(2, 4, 2, 4, 2, 2).max((2, 4))
    expected = [pooled.reshape(2, -1), activations[1].reshape(2, -1)]
    np.testing.assert_allclose(
        model.features(x), np.concatenate(expected, axis=-1), atol=1e-6
    )


def test_features_are_of_convolutions_alone(model):
    x = images(2)
    dense = tiny(16, dense_units=3)
    assert dense.features(x).shape == model.features(x).shape


@pytest.mark.parametrize(("height", "width"), [(14, 7), (2, 5)])
def test_windows_overlap_where_four_does_not_divide_a_side(height, width):
    x = np.random.default_rng(0).normal(size=(3, height, width, 2))
    found = array(dcgan.adaptive_max_pool(tensor(x)))

    def edges(side):
        count = min(4, side)
        return [
            (math.floor(i * side / count), math.ceil((i + 1) * side / count))
            for i in range(count)
        ]

    expected = np.array(
        [
            [x[:, a:b, c:d].max((1, 2)) for c, d in edges(width)]
            for a, b in edges(height)
        ]
    ).transpose(2, 0, 1, 3)
    np.testing.assert_allclose(found, expected.reshape(3, -1), rtol=1e-6)
