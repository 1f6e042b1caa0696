"""Energies by enumeration and integration, contrastive divergence by hand."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen import RBM
from keras_gen.models.autoencoders import rbm
from tests.numerics import (
    array,
    double_precision,
    loss_and_gradients,
    randomize,
    tensor,
)

KINDS = [("binary", "binary"), ("binary", "gaussian"), ("gaussian", "binary")]


def machine(visible="binary", hidden="binary", decay=0.0, sizes=(4, 3)):
    model = RBM((sizes[0],), sizes[1], visible, hidden, decay, seed=0)
    randomize(model.connections, 1, 0.8)
    return model


def parameters(model):
    connections = model.connections
    return (
        array(connections.kernel),
        array(connections.visible_bias),
        array(connections.hidden_bias),
    )


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
            # Each integral by itself, by the midpoints of a fine grid, and
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
    up = scipy.special.expit if hidden == "binary" else (lambda x: x)
    h0, h1 = up(v0 @ w + c), up(v1 @ w + c)
    statistics = (v0.T @ h0 - v1.T @ h1) / 7
    np.testing.assert_allclose(gradients[0], -statistics + 0.3 * w, rtol=1e-9)
    np.testing.assert_allclose(gradients[1], -(v0 - v1).mean(0), rtol=1e-9)
    # The offsets do not decay.
    np.testing.assert_allclose(gradients[2], -(h0 - h1).mean(0), rtol=1e-9)


@pytest.mark.parametrize(("visible", "hidden"), KINDS)
def test_a_step_is_one_of_contrastive_divergence(visible, hidden, monkeypatch):
    """Draws of the hidden units, means of the visible ones, no backward
    derivative through them."""
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(6, 4))
    draw = (
        rng.uniform(size=(6, 3))
        if hidden == "binary"
        else rng.normal(size=(6, 3))
    )
    kind = "uniform" if hidden == "binary" else "normal"
    monkeypatch.setattr(rbm.noise, kind, lambda shape, seed: tensor(draw))
    with double_precision():
        model = machine(visible, hidden, decay=0.1)
        w, b, c = parameters(model)
        model.compile(rbm.MomentumSGD(0.5, switch_step=100), run_eagerly=True)
        # Data reach the step as 32-bit floats, so not to the last digit.
        model.fit(x, batch_size=6, shuffle=False, verbose=0)
        after = parameters(model)
    sigmoid = scipy.special.expit
    received = x @ w + c
    if hidden == "binary":
        h0, up = sigmoid(received), sigmoid
        h = (draw < h0).astype(float)
    else:
        h0, up = received, lambda x: x
        h = h0 + draw
    v1 = h @ w.T + b
    v1 = sigmoid(v1) if visible == "binary" else v1
    h1 = up(v1 @ w + c)
    np.testing.assert_allclose(
        after[0],
        w + 0.5 * ((x.T @ h0 - v1.T @ h1) / 6 - 0.1 * w),
        rtol=1e-6,
        atol=1e-8,
    )
    np.testing.assert_allclose(
        after[1], b + 0.5 * (x - v1).mean(0), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        after[2], c + 0.5 * (h0 - h1).mean(0), rtol=1e-6, atol=1e-8
    )


def test_draws_of_the_hidden_units():
    model = machine(sizes=(4, 3))
    mean = ops.broadcast_to(tensor([0.1, 0.5, 0.9]), (4000, 3))
    draws = array(model.draw_hidden(mean))
    assert set(np.unique(draws)) == {0.0, 1.0}
    # 4,000 draws: standard errors of at most 0.008.
    np.testing.assert_allclose(draws.mean(0), [0.1, 0.5, 0.9], atol=0.03)
    linear = machine(hidden="gaussian")
    draws = array(linear.draw_hidden(mean * 10))
    np.testing.assert_allclose(draws.mean(0), [1, 5, 9], atol=0.07)
    np.testing.assert_allclose(draws.std(0), 1.0, atol=0.05)


def test_momentum_changes_at_the_switch():
    variable = keras.Variable(np.zeros(2, "float32"))
    optimizer = rbm.MomentumSGD(0.1, 0.5, 0.9, switch_step=2)
    optimizer.build([variable])
    velocity, position = 0.0, 0.0
    for step in range(5):
        optimizer.apply([tensor([1.0, -2.0])])
        velocity = (0.5 if step < 2 else 0.9) * velocity - 0.1
        position += velocity
        np.testing.assert_allclose(
            array(variable), [position, -2 * position], rtol=1e-5
        )
    clone = rbm.MomentumSGD.from_config(optimizer.get_config())
    assert clone.get_config() == optimizer.get_config()


def test_learning_rates_are_the_papers():
    for visible, hidden in KINDS:
        model = machine(visible, hidden)
        model.compile()
        rate = float(model.optimizer["model"].learning_rate)
        linear = "gaussian" in (visible, hidden)
        assert rate == pytest.approx(0.001 if linear else 0.1)


def test_defaults_are_the_papers():
    model = RBM((28, 28, 1), 200, seed=0)
    assert model.weight_decay == 2e-4
    kernel, *offsets = parameters(model)
    # 156,800 numbers: a relative standard error of 0.002.
    assert kernel.std() == pytest.approx(0.1, rel=0.02)
    assert abs(kernel.mean()) < 0.002
    assert not any(np.any(offset) for offset in offsets)


def test_codes_are_means_and_come_back():
    model = machine()
    w, b, c = parameters(model)
    x = np.random.default_rng(0).uniform(size=(5, 4)).astype("float32")
    h = scipy.special.expit(x @ w + c)
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-5)
    v = scipy.special.expit(h @ w.T + b)
    np.testing.assert_allclose(model.reconstruct(x), v, rtol=1e-5)
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
    model = RBM((8,), 6, seed=1)
    model.compile()
    before = model.free_energy(x).mean() - model.free_energy(other).mean()
    model.fit(x, batch_size=10, epochs=40, verbose=0)
    after = model.free_energy(x).mean() - model.free_energy(other).mean()
    assert after < before - 5.0
    errors = ((model.reconstruct(x) - x) ** 2).sum(1).mean()
    assert errors < 0.5
