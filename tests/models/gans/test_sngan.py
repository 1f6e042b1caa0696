"""The spectrally normalized GAN: its tables, its losses, its projection."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import SNGAN
from keras_gen.engine import Batch
from keras_gen.layers import SpectralConv2D, SpectralDense, SpectralEmbedding
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    randomize,
    tensor,
)

SMALL = {
    "image_shape": (4, 4, 1),
    "latent_dim": 3,
    "generator_filters": (3, 2),
    "discriminator_filters": (2, 3),
    "discriminator_steps": 2,
}
CONTRACT = {
    "sngan": Case(
        **SMALL,
        num_classes=3,
        updates={"discriminator": 2},
        wrong=(
            ({"architecture": "vgg"}, ("architecture='vgg'", "'cnn'")),
            ({"architecture": "cnn"}, ("num_classes=3", "'cnn'")),
            ({"image_shape": (5, 4, 1)}, ("(5, 4, 1)", "2 divides")),
            ({"objective": "minimax"}, ("objective='minimax'", "'hinge'")),
            ({"discriminator_steps": 0}, ("discriminator_steps=0",)),
            ({"num_classes": 0}, ("num_classes=0",)),
        ),
    ),
    "sngan-cnn": Case(
        **SMALL,
        architecture="cnn",
        objective="non_saturating",
        updates={"discriminator": 2},
    ),
}


def tiny(**options):
    return SNGAN(**{**SMALL, "seed": 0, **options})


def images(n=6):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, 4, 4, 1)).astype("float32")


# ---- The networks -----------------------------------------------------------


def test_every_layer_of_the_discriminator_is_normalized():
    for model in (
        tiny(num_classes=3),
        tiny(architecture="cnn"),
    ):
        for layer in model.discriminator.layers:
            if layer.trainable_variables:
                assert isinstance(
                    layer, SpectralConv2D | SpectralDense | SpectralEmbedding
                )
        for layer in model.generator.layers:
            assert not hasattr(layer, "power_iterations")


def test_defaults_are_the_papers():
    defaults = inspect.signature(SNGAN).parameters
    expected = {
        "image_shape": (32, 32, 3),
        "architecture": "resnet32",
        "num_classes": None,
        "latent_dim": 128,
        "prior": "normal",
        "objective": "hinge",
        "discriminator_steps": 5,
        "generator_batch_factor": 2,
    }
    assert {name: defaults[name].default for name in expected} == expected
    adam = tiny().default_optimizer()
    assert float(adam.learning_rate) == pytest.approx(2e-4)
    assert (adam.beta_1, adam.beta_2) == (0.0, 0.9)
    norms = [
        x for x in tiny().generator.layers if hasattr(x, "moving_variance")
    ]
    assert {(x.momentum, x.epsilon) for x in norms} == {(0.9, 2e-5)}
    slopes = {
        x.negative_slope
        for x in tiny(architecture="cnn").discriminator.layers
        if isinstance(x, layers.LeakyReLU)
    }
    assert slopes == {0.1}


# ---- Spectral normalization -------------------------------------------------


def test_sigma_follows_the_kernels_in_training():
    """After 100 steps, within 1 % of the largest singular values; inference
    uses the divided kernels."""
    model = tiny(discriminator_steps=1)
    model.compile()
    model.fit(np.tile(images(8), (100, 1, 1, 1)), batch_size=8, verbose=0)
    checked = 0
    for layer in model.discriminator.layers:
        if not hasattr(layer, "normalized_kernel"):
            continue
        raw = array(layer.raw_kernel())
        flat = raw.reshape(-1, raw.shape[-1])
        exact = np.linalg.svd(flat, compute_uv=False)[0]
        used = array(layer.normalized_kernel())
        found = np.linalg.norm(raw) / np.linalg.norm(used)
        assert 0.99 * exact <= found <= 1.0001 * exact, layer.name
        checked += 1
    assert checked == 7


# ---- The losses -------------------------------------------------------------


@pytest.mark.parametrize("objective", ["hinge", "non_saturating"])
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_losses_against_numpy(player, objective, monkeypatch):
    model = tiny(objective=objective, num_classes=3)
    randomize(model.discriminator)
    labels = np.array([0, 1, 2, 2, 1, 0], "int32")
    of_fakes, seen = np.tile(labels[::-1], 2), []
    z = np.random.default_rng(1).normal(size=(12, 3)).astype("float32")

    def latents(n, seed=None):
        seen.append(int(n))
        return tensor(z[: int(n)])

    monkeypatch.setattr(model, "draw_latents", latents)
    monkeypatch.setattr(
        model, "draw_condition", lambda n: tensor(of_fakes[: int(n)])
    )
    batch = Batch(tensor(images()), tensor(labels))
    loss, _ = loss_and_gradients(
        lambda: model.player_loss(player, batch, training=False),
        model.player_variables(player),
    )
    n = 12 if player == "generator" else 6
    assert set(seen) == {n}
    fake = model.generate(z[:n], labels=of_fakes[:n])
    fake = model.discriminate(fake, labels=of_fakes[:n])
    real = model.discriminate(images(), labels=labels)
    if objective == "hinge":
        expected = {
            "discriminator": np.maximum(0, 1 - real).mean()
            + np.maximum(0, 1 + fake).mean(),
            "generator": -fake.mean(),
        }
    else:
        expected = {
            "discriminator": np.logaddexp(0, -real).mean()
            + np.logaddexp(0, fake).mean(),
            "generator": np.logaddexp(0, -fake).mean(),
        }
    np.testing.assert_allclose(loss, expected[player], rtol=1e-4)


# ---- The projection ---------------------------------------------------------


def features(model, x):
    """The sums over positions that the last layers are given."""
    dense = next(
        x for x in model.discriminator.layers if isinstance(x, SpectralDense)
    )
    trunk = keras.Model(model.discriminator.inputs[0], dense.input)
    return array(trunk(tensor(x)))


def test_scores_are_projections_on_the_class():
    model = tiny(num_classes=3)
    randomize(model.discriminator)
    h = features(model, images())
    assert h.min() >= 0.0 and h.shape == (6, 3)
    found = model.discriminator.layers
    (embedding,) = (x for x in found if isinstance(x, SpectralEmbedding))
    (dense,) = (x for x in found if isinstance(x, SpectralDense))
    table = array(embedding.normalized_kernel())
    psi = h @ array(dense.normalized_kernel())[:, 0]
    for label in range(3):
        np.testing.assert_allclose(
            model.discriminate(images(), labels=label),
            psi + h @ table[label],
            rtol=1e-4,
            atol=1e-5,
        )


def test_features_are_sums_over_positions():
    """Not means: the largest feature maps are of 2x2 places here."""
    model = tiny()
    randomize(model.discriminator)
    relu = [
        x for x in model.discriminator.layers if isinstance(x, layers.ReLU)
    ][-1]
    trunk = keras.Model(model.discriminator.inputs, relu.output)
    maps = array(trunk(tensor(images())))
    np.testing.assert_allclose(
        features(model, images()), maps.sum(axis=(1, 2)), rtol=1e-5
    )


def test_the_generator_normalizes_by_class():
    model = tiny(num_classes=3)
    randomize(model.generator)
    z = np.zeros((2, 3), "float32")
    first, second = (model.generate(z, labels=k) for k in (0, 1))
    assert np.abs(first - second).max() > 1e-3


def test_gray_images_in_half_precision():
    """Whose last convolution has one filter."""
    options = {"image_shape": (16, 16, 1), "dtype": "mixed_bfloat16"}
    model = SNGAN.from_preset("smoke", seed=0, **options)
    model.compile()
    x = model.data_spec().x.draw(np.random.default_rng(0), 8)
    assert np.isfinite(model.train_on_batch(x)).all()
