"""Energies by enumeration and integration, contrastive divergence by hand."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen import RBM
from keras_gen.backend import noise
from keras_gen.optimizers import MomentumSGD
from tests.models.autoencoders.helpers import gradients_of, zero_weights
from tests.numerics import (
    array,
    double_precision,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

KINDS = [("binary", "binary"), ("binary", "gaussian"), ("gaussian", "binary")]
sigmoid = scipy.special.expit


def machine(visible="binary", hidden="binary", decay=0.0):
    """Four visible and three hidden units."""
    with zero_weights():
        model = RBM(
            (4,),
            latent_dim=3,
            visible=visible,
            hidden=hidden,
            weight_decay=decay,
            seed=0,
        )
    randomize(model.rbm_layer, 1, 0.8)
    return model


def parameters(model):
    layer = model.rbm_layer
    return map(array, (layer.kernel, layer.visible_bias, layer.hidden_bias))


def binary_vectors(size):
    return np.array(list(itertools.product((0.0, 1.0), repeat=size)))


def visible_energy(kind, v, b):
    return -v @ b if kind == "binary" else 0.5 * np.sum((v - b) ** 2)


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_free_energy_sums_the_hidden_units_out(visible, hidden):
    with double_precision():
        model = machine(visible, hidden)
        w, b, c = parameters(model)
        vectors = binary_vectors(4)
        if visible == "gaussian":
            vectors = np.random.default_rng(0).normal(size=(16, 4))
        energies = array(model.energies(tensor(vectors)))
    for v, energy in zip(vectors, energies, strict=True):
        alone = visible_energy(visible, v, b)
        if hidden == "binary":
            sums = [-h @ c - v @ w @ h for h in binary_vectors(3)]
            expected = scipy.special.logsumexp([-alone - s for s in sums])
        else:
            # One integral for each unit, by the midpoints of a fine grid, and
            # without the factor (2 pi)^(1/2) of each.
            grid = np.arange(-15.0, 15.0, 0.01)
            received = v @ w
            expected = -alone
            for j in range(3):
                terms = -0.5 * (grid - c[j]) ** 2 + received[j] * grid
                expected += scipy.special.logsumexp(terms) + np.log(0.01)
                expected -= 0.5 * np.log(2 * np.pi)
        np.testing.assert_allclose(-energy, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_gradient_is_minus_the_statistics(visible, hidden):
    """`<v h>` of the data less that of the reconstruction, and the decay."""
    rng = np.random.default_rng(2)
    v0, v1 = rng.uniform(size=(2, 7, 4))
    with double_precision():
        model = machine(visible, hidden, decay=0.3)
        w, _, c = parameters(model)
        _, gradients = loss_and_gradients(
            lambda: model.contrastive_divergence(tensor(v0), tensor(v1)),
            model.trainable_variables,
        )
    up = sigmoid if hidden == "binary" else (lambda x: x)
    h0, h1 = up(v0 @ w + c), up(v1 @ w + c)
    statistics = (v0.T @ h0 - v1.T @ h1) / 7
    np.testing.assert_allclose(gradients[0], -statistics + 0.3 * w, rtol=1e-9)
    np.testing.assert_allclose(gradients[1], -(v0 - v1).mean(0), rtol=1e-9)
    # The biases do not decay.
    np.testing.assert_allclose(gradients[2], -(h0 - h1).mean(0), rtol=1e-9)


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_a_step_is_one_of_contrastive_divergence(visible, hidden, monkeypatch):
    """From draws of the hidden units and means of the visible ones, with no
    gradient through either."""
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(6, 4)).astype("float32")
    kind = "uniform" if hidden == "binary" else "normal"
    draw = getattr(rng, kind)(size=(6, 3))
    monkeypatch.setattr(noise, kind, lambda shape, seed: tensor(draw))
    with double_precision():
        model = machine(visible, hidden, decay=0.1)
        w, b, c = parameters(model)
        loss, gradients = gradients_of(model, x)
        logs = training_logs(model, x)
    if hidden == "binary":
        h0, up = sigmoid(x @ w + c), sigmoid
        h = (draw < h0).astype(float)
    else:
        h0, up = x @ w + c, lambda x: x
        h = h0 + draw
    v1 = h @ w.T + b
    v1 = sigmoid(v1) if visible == "binary" else v1
    h1 = up(v1 @ w + c)
    close = {"rtol": 1e-7, "atol": 1e-9}
    np.testing.assert_allclose(
        gradients[0], -(x.T @ h0 - v1.T @ h1) / 6 + 0.1 * w, **close
    )
    np.testing.assert_allclose(gradients[1], -(x - v1).mean(0), **close)
    np.testing.assert_allclose(gradients[2], -(h0 - h1).mean(0), **close)
    assert logs["loss"] == pytest.approx(loss, rel=1e-5)
    error = ((x - v1) ** 2).sum(1).mean()
    assert logs["squared_error"] == pytest.approx(error, rel=1e-5)


def test_samples_of_the_hidden_units():
    mean = ops.broadcast_to(tensor([0.1, 0.5, 0.9]), (4000, 3))
    draws = array(machine().sample_hidden(mean))
    assert set(np.unique(draws)) == {0.0, 1.0}
    # 4,000 draws: standard errors of at most 0.008.
    np.testing.assert_allclose(draws.mean(0), [0.1, 0.5, 0.9], atol=0.03)
    draws = array(machine(hidden="gaussian").sample_hidden(mean * 10))
    np.testing.assert_allclose(draws.mean(0), [1, 5, 9], atol=0.07)
    np.testing.assert_allclose(draws.std(0), 1.0, atol=0.05)


def test_momentum_changes_at_the_switch():
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer = MomentumSGD(0.1, 0.5, 0.9, switch_step=2)
    optimizer.build([variable])
    velocity, position = 0.0, 0.0
    for step in range(5):
        optimizer.apply([tensor([1.0, -2.0])])
        velocity = (0.5 if step < 2 else 0.9) * velocity - 0.1
        position += velocity
        np.testing.assert_allclose(
            array(variable), [position, -2 * position], rtol=1e-5
        )
    clone = MomentumSGD.from_config(optimizer.get_config())
    assert clone.get_config() == optimizer.get_config()


def test_defaults_are_the_papers():
    for visible, hidden in KINDS:
        optimizer = machine(visible, hidden).default_optimizers()["model"]
        linear = "gaussian" in (visible, hidden)
        assert float(optimizer.learning_rate) == pytest.approx(
            0.001 if linear else 0.1
        )
        momenta = (optimizer.initial_momentum, optimizer.momentum)
        assert (*momenta, optimizer.switch_step) == (0.5, 0.9, 3000)
    model = RBM((28, 28, 1), latent_dim=200, seed=0)
    assert model.weight_decay == 2e-4
    kernel, *biases = parameters(model)
    # 156,800 draws: a relative standard error of 0.002.
    assert kernel.std() == pytest.approx(0.1, rel=0.02)
    assert abs(kernel.mean()) < 0.002
    assert not any(np.any(bias) for bias in biases)


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_codes_and_reconstructions_are_means(visible, hidden):
    model = machine(visible, hidden)
    w, b, c = parameters(model)
    x = np.random.default_rng(0).uniform(size=(5, 4)).astype("float32")
    h = x @ w + c
    h = sigmoid(h) if hidden == "binary" else h
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-4, atol=1e-6)
    v = h @ w.T + b
    v = sigmoid(v) if visible == "binary" else v
    np.testing.assert_allclose(model.reconstruct(x), v, rtol=1e-4, atol=1e-6)
    if (visible, hidden) == ("binary", "binary"):
        np.testing.assert_allclose(
            model.free_energy(x),
            -x @ b - np.logaddexp(0, x @ w + c).sum(1),
            rtol=1e-5,
        )


def test_training_lowers_the_energy_of_the_data():
    """Patterns of two kinds become more probable than others."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.integers(0, 2, (200, 2)), 4, axis=1).astype("float32")
    other = rng.integers(0, 2, (200, 8)).astype("float32")
    other = other[(other[:, :4].std(1) > 0) & (other[:, 4:].std(1) > 0)]
    model = RBM((8,), latent_dim=6, seed=1)
    model.compile()

    def advantage():
        return model.free_energy(other).mean() - model.free_energy(x).mean()

    before = advantage()
    # Many epochs in one.
    model.fit(np.tile(x, (20, 1)), batch_size=10, verbose=0)
    assert advantage() > before + 5.0
    assert model.reconstruction_error(x).mean() < 0.5
