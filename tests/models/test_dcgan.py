import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import DCGAN
from keras_gen.engine import Batch
from keras_gen.layers import BatchNormalization
from keras_gen.losses import adversarial
from keras_gen.models.gans import dcgan
from tests.numerics import array, linear, loss_and_gradients, tensor


def tiny(size=8, **options):
    options = {"latent_dim": 5, "base_filters": 2, **options}
    return DCGAN((size, size, 1), seed=0, **options)


def images(n=6, size=8):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, size, size, 1)).astype("float32")


def latents(n=6):
    return np.random.default_rng(1).normal(size=(n, 5)).astype("float32")


def count(network):
    return sum(math.prod(v.shape) for v in network.trainable_variables)


@pytest.fixture(scope="module")
def paper():
    return DCGAN()


@pytest.fixture(scope="module")
def torch_code():
    return DCGAN(kernel_size=4, base_filters=64, latent_distribution="normal")


def kinds(network):
    return [
        layer
        for layer in network.layers
        if not isinstance(layer, layers.InputLayer)
    ]


# ---- The networks -----------------------------------------------------------


def test_parameters_are_those_of_the_paper(paper):
    assert count(paper.generator) == 18_885_760
    assert count(paper.discriminator) == 17_232_768


def test_parameters_are_those_of_the_torch_code(torch_code):
    assert count(torch_code.generator) == 3_576_704
    assert count(torch_code.discriminator) == 2_765_568


@pytest.mark.parametrize("variant", ["paper", "torch_code"])
def test_initial_weights(variant, request):
    model = request.getfixturevalue(variant)
    gammas = []
    for network in (model.generator, model.discriminator):
        for variable in network.trainable_variables:
            values = array(variable)
            if "kernel" in variable.path:
                # 3,072 numbers at least: 1.3 % standard error.
                assert 0.019 < values.std() < 0.021
                assert abs(values.mean()) < 0.0015
            elif "gamma" in variable.path:
                gammas.append(values)
            else:
                assert "beta" in variable.path
                np.testing.assert_array_equal(values, 0.0)
    gammas = np.concatenate(gammas)
    assert 0.019 < gammas.std() < 0.021
    assert abs(gammas.mean() - 1.0) < 0.003


@pytest.mark.parametrize("variant", ["paper", "torch_code"])
def test_rules_of_the_architecture(variant, request):
    model = request.getfixturevalue(variant)
    size = {"paper": 5, "torch_code": 4}[variant]
    generator = kinds(model.generator)
    discriminator = kinds(model.discriminator)
    assert [type(layer) for layer in discriminator] == [
        layers.Conv2D,
        layers.LeakyReLU,
        *[layers.Conv2D, BatchNormalization, layers.LeakyReLU] * 3,
        layers.Flatten,
        layers.Dense,
    ]
    projection = [BatchNormalization, layers.ReLU, layers.Reshape]
    if variant == "torch_code":
        projection = [layers.Reshape, BatchNormalization, layers.ReLU]
    assert [type(layer) for layer in generator] == [
        layers.Dense,
        *projection,
        *[layers.Conv2DTranspose, BatchNormalization, layers.ReLU] * 3,
        layers.Conv2DTranspose,
        layers.Activation,
    ]
    assert generator[-1].activation is keras.activations.tanh
    for layer in [*generator, *discriminator]:
        if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose):
            assert layer.strides == (2, 2) and layer.kernel_size == (size,) * 2
        if hasattr(layer, "kernel"):
            assert not layer.use_bias
        if isinstance(layer, layers.LeakyReLU):
            assert layer.negative_slope == 0.2
        if isinstance(layer, BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    filters = [
        layer.filters
        for layer in [*generator, *discriminator]
        if hasattr(layer, "filters")
    ]
    base = model.get_config()["base_filters"]
    up = [4 * base, 2 * base, base, 3]
    assert filters == [*up, base, 2 * base, 4 * base, 8 * base]


@pytest.mark.parametrize(
    ("size", "kernel_size"), [(28, 5), (32, 4), (64, 5), (128, 4)]
)
def test_any_even_size(size, kernel_size):
    model = tiny(size, kernel_size=kernel_size, base_filters=1)
    samples = model.sample(2, seed=0)
    assert samples.shape == (2, size, size, 1)
    assert -1.0 <= samples.min() < samples.max() <= 1.0
    assert model.score(samples).shape == (2,)
    # Samples far from zero stay in the range.
    for layer in model.generator.layers:
        if isinstance(layer, layers.Conv2DTranspose):
            layer.kernel.assign(1000.0 * array(layer.kernel))
    samples = model.sample(2, seed=0)
    assert np.abs(samples).max() <= 1.0 and np.abs(samples).max() > 0.9
    side = {28: 7}.get(size, 4)
    (projection,) = (
        x for x in model.generator.layers if isinstance(x, layers.Reshape)
    )
    assert projection.target_shape[:2] == (side, side)


@pytest.mark.parametrize(("kernel_size", "margins"), [(4, (1, 1)), (5, (1, 2))])
def test_padding(kernel_size, margins):
    model = tiny(28, kernel_size=kernel_size)
    convolution = model.discriminator.layers[1]
    x = images(2, 28)
    padded = np.pad(x, ((0, 0), margins, margins, (0, 0)))
    expected = ops.conv(padded, convolution.kernel, strides=2, padding="valid")
    np.testing.assert_allclose(
        array(convolution(x)), array(expected), atol=1e-6
    )


@pytest.mark.parametrize(
    "options",
    [
        {"image_shape": (32, 64, 3)},
        {"image_shape": (27, 27, 3)},
        {"kernel_size": 3},
        {"latent_distribution": "cauchy"},
        {"generator": keras.Sequential([layers.Dense(4)])},
    ],
)
def test_options_are_checked(options):
    if "generator" in options:
        options["generator"].build((None, 100))
    with pytest.raises(ValueError, match="Received"):
        DCGAN(**options)


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
    model = DCGAN((6, 9, 2), 5, **flat_networks((6, 9, 2)))
    assert model.sample(2).shape == (2, 6, 9, 2)


# ---- The game ---------------------------------------------------------------


def test_losses_equal_their_probability_forms():
    model, real, z = tiny(), images(), latents()
    for training in (False, True):
        fake = model.generator(z, training=training)
        p_real, p_fake = (
            1 / (1 + np.exp(-array(model.scores(x, training))))
            for x in (tensor(real), fake)
        )
        loss = model.discriminator_loss(tensor(real), z, training)
        expected = -np.log(p_real).mean() - np.log(1 - p_fake).mean()
        # Kernels of 0.02 make logits near 0: the moving statistics of the
        # calls above change them little.
        assert float(array(loss)) == pytest.approx(expected, abs=1e-4)
        loss = model.generator_loss(z, training)
        assert float(array(loss)) == pytest.approx(
            -np.log(p_fake).mean(), abs=1e-4
        )


def test_batches_are_normalised_apart(monkeypatch):
    model, real = tiny(16), images(size=16)
    for layer in model.discriminator.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(20.0 * array(layer.kernel))
    alone = array(model.scores(tensor(real), training=True))
    seen = []

    def record(real, fake):
        seen.append((array(real), array(fake)))
        return adversarial.wasserstein_critic(real, fake)

    monkeypatch.setattr(dcgan.adversarial, "logistic_discriminator", record)
    for z in (latents(), -3.0 * latents()):
        model.discriminator_loss(tensor(real), z, training=True)
    for logits, _ in seen:
        np.testing.assert_allclose(logits, alone, atol=1e-5)
    assert np.abs(seen[0][1] - seen[1][1]).max() > 1e-3
    # They do depend on the rest of their own batch.
    part = array(model.scores(tensor(real[:3]), training=True))
    assert np.abs(part - alone[:3]).max() > 1e-3


def test_inference_does_not_depend_on_batch_mates():
    model, z = tiny(16), latents()
    together = model.generate(z)
    np.testing.assert_allclose(model.generate(z[:1]), together[:1], atol=1e-6)
    trained = array(model.generator(z, training=True))
    mates = array(model.generator(z[:2], training=True))
    assert np.abs(mates - trained[:2]).max() > 1e-4


def test_each_loss_has_gradients_of_its_player_alone():
    model, real, z = tiny(), images(), latents()
    for network, loss, is_zero in (
        (
            model.generator,
            lambda: model.discriminator_loss(tensor(real), z, True),
            True,
        ),
        (
            model.discriminator,
            lambda: model.discriminator_loss(tensor(real), z, True),
            False,
        ),
        (model.generator, lambda: model.generator_loss(z, True), False),
    ):
        _, gradients = loss_and_gradients(loss, network.trainable_variables)
        largest = [np.abs(gradient).max() for gradient in gradients]
        assert max(largest) == 0.0 if is_zero else min(largest) > 0.0


def test_a_step_updates_the_discriminator_and_then_the_generator(monkeypatch):
    model, x = DCGAN((8, 8, 1), 5, **flat_networks()), images()
    model.compile(keras.optimizers.SGD(0.1))
    rng = np.random.default_rng(2)
    linear(model.discriminator, rng.normal(size=(64, 1)), [0.3])
    w = array(model.generator.layers[1].kernel).copy()
    v, c = (array(value) for value in model.discriminator.layers[-1].weights)
    draws = rng.normal(size=(2, 6, 5)).astype("float32")
    rows = iter(draws)
    monkeypatch.setattr(model, "draw_latents", lambda size: tensor(next(rows)))
    model.training_step(Batch(tensor(x)))

    def sigmoid(t):
        return 1 / (1 + np.exp(-t))

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


def test_optimizers_are_the_papers():
    model = tiny()
    model.compile()
    assert list(model.optimizer.keys()) == ["discriminator", "generator"]
    for optimizer in model.optimizer.optimizers:
        config = optimizer.get_config()
        assert config["name"] in ("discriminator", "generator")
        assert config["learning_rate"] == pytest.approx(2e-4)
        assert (config["beta_1"], config["beta_2"]) == (0.5, 0.999)
        assert config["epsilon"] == 1e-8


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_latents(distribution):
    model = tiny(latent_distribution=distribution)
    z = array(model.draw_latents(4000))
    assert z.shape == (4000, 5)
    # 20,000 numbers: 0.5 % standard error of the deviation.
    deviation = 3**-0.5 if distribution == "uniform" else 1.0
    assert z.std() == pytest.approx(deviation, rel=0.03)
    assert abs(z.mean()) < 0.04
    assert (np.abs(z).max() <= 1.0) == (distribution == "uniform")
    assert np.abs(array(model.draw_latents(4000)) - z).max() > 0.1
    samples = [model.sample(2, seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert np.abs(samples[0] - samples[2]).max() > 0.0


def test_samples_can_come_from_averaged_weights():
    model = DCGAN((8, 8, 1), 5, ema_decay=0.75, seed=0, **flat_networks())
    model.compile(keras.optimizers.SGD(5.0))
    before = array(model.generator.trainable_variables[0]).copy()
    model.training_step(Batch(tensor(images())))
    after = array(model.generator.trainable_variables[0])
    assert np.abs(after - before).max() > 1e-3
    average = array(model.ema_generator.weights[0])
    np.testing.assert_allclose(average, 0.75 * before + 0.25 * after, atol=1e-6)
    z = latents()
    np.testing.assert_allclose(
        model.generate(z).reshape(6, 64), np.tanh(z @ average), atol=1e-5
    )


# ---- Features ---------------------------------------------------------------


def test_features_of_the_default_model(paper):
    x = np.zeros((1, 64, 64, 3), "float32")
    assert paper.features(x).shape == (1, 16 * (128 + 256 + 512 + 1024))
    assert 16 * (128 + 256 + 512 + 1024) == 30_720


def test_features_of_the_papers_32_pixel_model():
    model = tiny(32, base_filters=4)
    # With 256 filters it is the paper's 28,672.
    assert model.features(images(1, 32)).shape == (1, 16 * (4 + 8 + 16))
    assert 28_672 // 256 * 4 == 16 * (4 + 8 + 16)


@pytest.mark.parametrize("size", [16, 28])
def test_features_are_the_largest_activations_of_a_grid(size):
    model = tiny(size)
    x = images(2, size)
    first = array(
        model.discriminator.layers[2](model.discriminator.layers[1](x))
    )
    features = model.features(x)
    assert features.shape == (2, 16 * (2 + 4))
    side = size // 2
    edges = [
        (math.floor(i * side / 4), math.ceil((i + 1) * side / 4))
        for i in range(4)
    ]
    expected = np.array(
        [[first[:, a:b, c:d].max((1, 2)) for c, d in edges] for a, b in edges]
    )
    np.testing.assert_allclose(
        features[:, :32].reshape(2, 4, 4, 2),
        expected.transpose(2, 0, 1, 3),
        atol=1e-6,
    )
