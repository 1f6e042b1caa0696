"""The contractive autoencoder: its Jacobian against other ways to it."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers

from keras_gen import AE, CAE, StackedCAE
from keras_gen.engine import Batch
from keras_gen.models.autoencoders import cae
from keras_gen.models.autoencoders.jacobian import (
    AutomaticJacobian,
    DenseJacobian,
)
from keras_gen.models.networks import dense_layers
from tests.numerics import (
    array,
    check_directions,
    difference_quotients,
    double_precision,
    evaluation_logs,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

SHAPE = (3, 2, 1)


def tiny(units=4, **options):
    model = CAE(SHAPE, units, **{"seed": 0, **options})
    randomize(model.encoder, 1, 0.8)
    randomize(model.decoder, 2)
    return model


def data(n=5):
    return np.random.default_rng(0).uniform(size=(n, *SHAPE))


def differences(model, x):
    """The Jacobian of an encoder by differences, one unit after another."""
    size = model.latent_dim

    def unit(j):
        return lambda x: array(model.encoder(tensor(x)))[:, j].sum()

    rows = [difference_quotients(unit(j), x) for j in range(size)]
    return np.stack([row.reshape(len(x), -1) for row in rows], axis=1)


def norms(model, x):
    return array(model.jacobian_norms(tensor(x), False))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "linear"])
@pytest.mark.parametrize("units", [4, (5, 4), (6, 5, 3)])
def test_closed_form_is_the_derivative(activation, units):
    x = data()
    with double_precision():
        model = tiny(units, activation=activation)
        assert model.closed_form
        expected = differences(model, x)
        jacobian = DenseJacobian(dense_layers(model.encoder))
        full = array(jacobian.full(jacobian.factor(tensor(x))))
        np.testing.assert_allclose(full, expected, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(
            norms(model, x), (expected**2).sum((1, 2)), rtol=1e-6
        )
        automatic = AutomaticJacobian(
            lambda x: model.code(x), model.gradient, model.latent_dim
        )
        np.testing.assert_allclose(
            array(automatic.factor(tensor(x))), expected, rtol=1e-6, atol=1e-8
        )
    np.testing.assert_allclose(
        model.jacobian(x), expected, rtol=1e-4, atol=1e-5
    )


def conv_model(**options):
    encoder = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid"),
        ]
    )
    decoder = keras.Sequential(
        [keras.Input((3,)), layers.Dense(16), layers.Reshape((4, 4, 1))]
    )
    return CAE(
        (4, 4, 1), tied=False, encoder=encoder, decoder=decoder, seed=0,
        **options,
    )  # fmt: skip


def test_any_encoder_has_its_exact_norm(monkeypatch):
    x = np.random.default_rng(0).uniform(size=(3, 4, 4, 1))
    with double_precision():
        model = conv_model(hessian_weight=0.5)
        randomize(model.encoder, 1)
        assert not model.closed_form
        expected = differences(model, x)
        np.testing.assert_allclose(
            norms(model, x), (expected**2).sum((1, 2)), rtol=1e-6
        )
        np.testing.assert_allclose(
            model.jacobian(x.astype("float32")), expected, rtol=1e-4, atol=1e-6
        )
        batch = Batch(tensor(x))
        steps = np.random.default_rng(1).normal(size=(4, 3, 4, 4, 1))
        fix_steps(monkeypatch, model, steps)
        variables = model.encoder.trainable_variables
        _, gradients = loss_and_gradients(
            lambda: model.contractive_loss(batch, True), variables
        )
        check_directions(
            lambda: model.contractive_loss(batch, True), variables, gradients
        )


def reused(x):
    layer = layers.Dense(6, activation="tanh")
    return layer(layer(layers.Flatten()(x)))


def on_sequences(x):
    x = layers.Dense(2, activation="tanh")(layers.Reshape((3, 2))(x))
    return layers.Dense(3, activation="sigmoid")(layers.Flatten()(x))


def with_a_shortcut(x):
    x = layers.Flatten()(x)
    x = layers.Add()([x, layers.Dense(6, activation="tanh")(x)])
    return layers.Dense(3)(x)


def squared(x):
    return keras.ops.square(layers.Dense(3)(layers.Flatten()(x)))


@pytest.mark.parametrize(
    "build", [reused, on_sequences, with_a_shortcut, squared]
)
def test_only_a_chain_of_dense_layers_has_the_closed_form(build):
    x = data()
    with double_precision():
        inputs = keras.Input(SHAPE)
        encoder = keras.Model(inputs, build(inputs))
        model = CAE(SHAPE, tied=False, encoder=encoder, seed=0)
        randomize(model.encoder, 1)
        assert not model.closed_form
        expected = differences(model, x)
        np.testing.assert_allclose(
            norms(model, x), (expected**2).sum((1, 2)), rtol=1e-6
        )


def fix_steps(monkeypatch, model, steps):
    """Makes the draws of the higher-order term the given arrays in turn."""
    draws = itertools.cycle(steps)

    def normal(shape, seed, dtype=None):
        step = next(draws)
        assert tuple(int(size) for size in shape) == step.shape
        return tensor(step)

    monkeypatch.setattr(cae.noise, "normal", normal)
    model.hessian_samples = len(steps)


# ---- The loss ----------------------------------------------------------------


def test_loss_adds_the_mean_norm():
    model, x = tiny(contraction=0.3), data().astype("float32")
    w, c = model.encoder.get_weights()
    (offset,) = model.decoder.get_weights()
    flat = x.reshape(5, -1)
    h = scipy.special.expit(flat @ w + c)
    logits = h @ w.T + offset
    reconstruction = (np.logaddexp(0, logits) - flat * logits).sum(1).mean()
    slopes = (h * (1 - h)) ** 2
    norm = (slopes * (w**2).sum(0)).sum(1).mean()
    for logs in (training_logs(model, x), evaluation_logs(model, x)):
        assert logs["reconstruction_loss"] == pytest.approx(
            reconstruction, rel=1e-5
        )
        assert logs["jacobian_norm"] == pytest.approx(norm, rel=1e-5)
        assert logs["loss"] == pytest.approx(
            reconstruction + 0.3 * norm, rel=1e-5
        )


def gradients_of(model, x):
    batch = Batch(tensor(x))
    return loss_and_gradients(
        lambda: model.contractive_loss(batch, True), model.trainable_variables
    )


def test_loss_adds_how_far_the_jacobian_moves(monkeypatch):
    x = data()
    steps = np.random.default_rng(1).normal(size=(2, *x.shape))
    with double_precision():
        model = tiny(contraction=0.3, hessian_weight=0.7, hessian_std=0.5)
        plain = tiny(contraction=0.3)
        plain.set_weights(model.get_weights())
        fix_steps(monkeypatch, model, steps)
        w, c = model.encoder.get_weights()

        def jacobian(x):
            h = scipy.special.expit(x.reshape(len(x), -1) @ w + c)
            return (h * (1 - h))[:, :, None] * w.T

        changes = [jacobian(x + 0.5 * step) - jacobian(x) for step in steps]
        expected = np.mean([(d**2).sum((1, 2)).mean() for d in changes])
        loss, _ = gradients_of(model, x)
        without, _ = gradients_of(plain, x)
    assert loss - without == pytest.approx(0.7 * expected, rel=1e-6)


@pytest.mark.parametrize("units", [4, (5, 3)])
@pytest.mark.parametrize("hessian_weight", [0.0, 0.7])
def test_gradient_is_that_of_finite_differences(
    units, hessian_weight, monkeypatch
):
    x = data()
    with double_precision():
        model = tiny(units, hessian_weight=hessian_weight, hessian_std=0.5)
        if hessian_weight:
            steps = np.random.default_rng(1).normal(size=(2, *x.shape))
            fix_steps(monkeypatch, model, steps)
        batch = Batch(tensor(x))
        _, gradients = gradients_of(model, x)
        check_directions(
            lambda: model.contractive_loss(batch, True),
            model.trainable_variables,
            gradients,
        )


def test_without_contraction_it_is_an_autoencoder():
    model, x = tiny(contraction=0.0), data()
    plain = AE(SHAPE, 4, 4, tied=True, encoder=model.encoder)
    plain.decoder.set_weights(model.decoder.get_weights())
    loss, gradients = gradients_of(model, x)
    expected, others = loss_and_gradients(
        lambda: plain.plain_loss(Batch(tensor(x)), True),
        plain.trainable_variables,
    )
    assert loss == pytest.approx(expected, rel=1e-6)
    for left, right in zip(gradients, others, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-7)


def test_of_a_linear_encoder_it_is_weight_decay():
    x = data()
    with double_precision():
        contracted, plain = (
            tiny(activation="linear", contraction=weight, hessian_weight=weight)
            for weight in (0.4, 0.0)
        )
        w = contracted.encoder.get_weights()[0]
        np.testing.assert_allclose(norms(contracted, x), (w**2).sum())
        (_, a), (_, b) = gradients_of(contracted, x), gradients_of(plain, x)
        np.testing.assert_allclose(a[0] - b[0], 0.8 * w, rtol=1e-9)
        for left, right in zip(a[1:], b[1:], strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)
        # Its Jacobian is the same everywhere.
        changes = contracted.jacobian_changes(tensor(x), True)
        np.testing.assert_allclose(array(changes), 0.0, atol=1e-20)


def test_saturated_units_contribute_nothing():
    for bias, factor in ((50.0, 0.0), (-50.0, 0.0), (0.0, 1 / 16)):
        model = tiny()
        kernel, _ = model.encoder.get_weights()
        model.encoder.set_weights([kernel, np.full(4, bias)])
        expected = factor * (kernel**2).sum()
        found = norms(model, np.zeros((2, *SHAPE), "float32"))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-30)


# ---- The estimators ----------------------------------------------------------


@pytest.mark.parametrize("estimator", ["hutchinson", "finite_difference"])
def test_estimators_have_the_norm_as_their_mean(estimator):
    """10,000 draws: within 5 %, the relative standard error at most 1.4 %."""
    x = data(1)
    with double_precision():
        model = tiny(estimator=estimator)
        exact = tiny()
        expected = norms(exact, x)[0]
        many = np.repeat(x, 10_000, axis=0)
        draws = norms(model, many)
    assert draws.shape == (10_000,) and draws.std() > 0.1 * expected
    assert draws.mean() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_finite_differences_need_more_than_half_precision(policy):
    with pytest.raises(ValueError, match=r"computes in b?float16.*hutchinson"):
        CAE(SHAPE, 4, estimator="finite_difference", dtype=policy)
    encoder = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(4, dtype=policy)]
    )
    with pytest.raises(ValueError, match="finite_difference"):
        CAE(SHAPE, estimator="finite_difference", encoder=encoder)
    assert CAE(SHAPE, 4, estimator="hutchinson", dtype=policy).latent_dim == 4


def test_change_of_the_jacobian_is_averaged_over_the_draws():
    model = tiny(hessian_samples=500, hessian_std=0.3)
    x = data(2).astype("float32")
    found = array(model.jacobian_changes(tensor(x), False))
    rng = np.random.default_rng(5)
    steps = 0.3 * rng.normal(size=(500, *x.shape))
    here = model.jacobian(x)
    squares = [
        ((model.jacobian(x + step) - here) ** 2).sum((1, 2)) for step in steps
    ]
    # Two means of 500 draws.
    error = 2 * np.std(squares, axis=0) / np.sqrt(250)
    assert np.all(np.abs(found - np.mean(squares, axis=0)) < 2 * error)


# ---- Inference ---------------------------------------------------------------


def test_tangents_are_the_directions_of_the_largest_motion():
    model, x = tiny(), data().astype("float32")
    directions, lengths = model.tangents(x, count=2)
    assert directions.shape == (5, 2, *SHAPE) and lengths.shape == (5, 2)
    jacobian = model.jacobian(x)
    for matrix, vectors, values in zip(
        jacobian, directions.reshape(5, 2, -1), lengths, strict=True
    ):
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(2), atol=1e-5)
        np.testing.assert_allclose(
            np.linalg.norm(matrix @ vectors.T, axis=0), values, rtol=1e-3
        )
        assert values[0] == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-4)


def test_contraction_curve_begins_with_the_jacobian():
    model, x = tiny(), data(200).astype("float32")
    curve = model.contraction_curve(x, [1e-2, 1.0, 30.0], seed=0)
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(200, 6))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moved = np.einsum("njd,nd->nj", model.jacobian(x), directions)
    expected = np.linalg.norm(moved, axis=1).mean()
    assert curve[0] == pytest.approx(expected, rel=0.02)
    # Far away the units are saturated.
    assert curve[2] < 0.5 * curve[0]


def test_training_contracts():
    x = np.random.default_rng(0).uniform(size=(200, *SHAPE)).astype("float32")
    found = {}
    for weight in (0.0, 10.0):
        model = CAE(SHAPE, 8, weight, seed=0)
        model.compile(keras.optimizers.Adam(0.02))
        model.fit(x, batch_size=50, epochs=50, verbose=0)
        found[weight] = norms(model, x).mean()
    assert found[10.0] < 0.2 * found[0.0]


def test_each_layer_of_a_stack_is_contractive():
    model = StackedCAE(SHAPE, (5, 4), 3, contraction=0.7, seed=0)
    x = data(20).astype("float32")
    trained = model.pretrain(x, epochs=1, batch_size=10, verbose=0)
    assert [type(a) for a in trained] == [CAE, CAE]
    for autoencoder, encoder in zip(trained, model.encoders, strict=True):
        assert autoencoder.encoder is encoder
        assert autoencoder.contraction == 0.7
        assert "jacobian_norm" in autoencoder.history.history
    assert model.classify(x).shape == (20,)
