"""The contractive autoencoder: its Jacobian against other ways to it."""

import functools

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers

from keras_gen import AE, CAE, StackedCAE
from keras_gen.backend import noise
from keras_gen.engine import Batch
from keras_gen.models.autoencoders.jacobian import (
    AutomaticJacobian,
    DenseJacobian,
)
from tests.contract.case import Case
from tests.models.autoencoders.helpers import (
    gradients_of,
    images,
    randomized,
    sum_by_example,
    weights_of,
    zero_weights,
)
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    evaluation_logs,
    tensor,
    training_logs,
)

CONTRACT = {
    "cae": Case(
        logits=("decoder",),
        input_shape=(6, 5, 1),
        latent_dim=8,
        own=lambda: {"tied": False},
        activations={"encoder": ["tanh"]},
        wrong=(({"estimator": "svd"}, ("estimator='svd'", "'hutchinson'")),),
    ),
    "cae-higher_order": Case(
        input_shape=(6, 5, 1),
        hidden_units=8,
        latent_dim=4,
        estimator="hutchinson",
        hessian_weight=0.1,
        own=lambda: {"tied": False},
    ),
    "cae-stacked": Case(
        "StackedCAE", input_shape=(6, 5, 1), hidden_units=(6, 5), num_classes=3
    ),
}

SHAPE = (3, 2, 1)


def tiny(**options):
    options = {"latent_dim": 4, **options}
    return randomized(CAE, SHAPE, scale=0.8, **options)


def data(n=5):
    return images(n, SHAPE)


def differences(model, x, step=1e-5):
    """The Jacobian of an encoder by central differences."""
    steps = step * np.eye(x[0].size).reshape(-1, *x.shape[1:])
    ends = x[:, None, None].astype("float64") + np.stack([steps, -steps])
    codes = array(model.encoder(tensor(ends.reshape(-1, *x.shape[1:]))))
    codes = codes.reshape(*ends.shape[:3], -1)
    return (codes[:, 0] - codes[:, 1]).swapaxes(1, 2) / (2 * step)


def norms(model, x):
    return array(model.jacobian_norms(tensor(x), False))


def fix_draws(monkeypatch, *draws):
    """Makes the normal draws the given arrays in turn, again and again."""
    left = []

    def normal(shape, seed):
        left[:] = left or draws
        draw = left.pop(0)
        assert tuple(int(size) for size in shape) == draw.shape
        return tensor(draw)

    monkeypatch.setattr(noise, "normal", normal)


# ---- The Jacobian -----------------------------------------------------------

ACTIVATIONS = ("sigmoid", "tanh", "relu", "linear")


def assert_jacobian(model, x):
    expected = differences(model, x)
    np.testing.assert_allclose(
        model.jacobian(x), expected, rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        norms(model, x), (expected**2).sum((1, 2)), rtol=1e-6
    )


@pytest.mark.parametrize("hidden", [(), (5,), (6, 5)])
def test_closed_form_is_the_derivative(hidden):
    with double_precision():
        for index, activation in enumerate(ACTIVATIONS):
            model = tiny(
                hidden_units=hidden,
                activation=activation,
                latent_activation=ACTIVATIONS[index - 1],
            )
            assert isinstance(model.jacobian_at(False), DenseJacobian)
            assert_jacobian(model, data())


def convolution(x):
    x = layers.Conv2D(2, 2, activation="tanh")(x)
    return layers.Dense(3, activation="sigmoid")(layers.Flatten()(x))


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


def of_another_activation(x):
    return layers.Dense(3, activation="softplus")(layers.Flatten()(x))


def squared(x):
    return keras.ops.square(layers.Dense(3)(layers.Flatten()(x)))


def own_model(build, **options):
    inputs = keras.Input(SHAPE)
    with zero_weights():
        encoder = keras.Model(inputs, build(inputs))
    return randomized(CAE, SHAPE, tied=False, encoder=encoder, **options)


convolutional = functools.partial(own_model, convolution)


@pytest.mark.parametrize(
    "build",
    [
        convolution,
        reused,
        on_sequences,
        with_a_shortcut,
        of_another_activation,
        squared,
    ],
)
def test_only_a_chain_of_dense_layers_has_the_closed_form(build):
    """But any encoder has the exact Jacobian."""
    with double_precision():
        model = own_model(build)
        assert isinstance(model.jacobian_at(False), AutomaticJacobian)
        assert_jacobian(model, data(2))


def test_saturated_units_contribute_nothing():
    for bias, factor in ((50.0, 0.0), (-50.0, 0.0), (0.0, 1 / 16)):
        model = tiny()
        kernel, _ = model.encoder.get_weights()
        model.encoder.set_weights([kernel, np.full(4, bias)])
        expected = factor * (kernel**2).sum()
        found = norms(model, np.zeros((2, *SHAPE), "float32"))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-30)


# ---- The loss ---------------------------------------------------------------


def test_loss_adds_the_mean_norm():
    model, x = tiny(contraction_weight=0.3), data()
    w, c, b = weights_of(model)
    flat = x.reshape(5, -1)
    h = scipy.special.expit(flat @ w + c)
    logits = h @ w.T + b
    reconstruction = (np.logaddexp(0, logits) - flat * logits).sum(1).mean()
    slopes = (h * (1 - h)) ** 2
    norm = (slopes * (w**2).sum(0)).sum(1).mean()
    expected = {
        "loss": reconstruction + 0.3 * norm,
        "reconstruction_loss": reconstruction,
        "squared_error": sum_by_example((model.reconstruct(x) - x) ** 2).mean(),
        "jacobian_norm": norm,
    }
    assert training_logs(model, x) == pytest.approx(expected, rel=1e-5)
    assert evaluation_logs(model, x) == pytest.approx(expected, rel=1e-5)


def logistic_jacobian(model, x):
    """That of one layer, in NumPy."""
    w, c = model.encoder.get_weights()
    h = scipy.special.expit(x.reshape(len(x), -1) @ w + c)
    return (h * (1 - h))[:, :, None] * w.T


def test_loss_adds_how_far_the_jacobian_moves(monkeypatch):
    x = data()
    steps = np.random.default_rng(1).normal(size=(2, *x.shape))
    options = {"hessian_std": 0.5, "hessian_samples": 2}
    with double_precision():
        model = tiny(hessian_weight=0.7, **options)
        fix_draws(monkeypatch, *steps)
        here = logistic_jacobian(model, x)
        changes = [logistic_jacobian(model, x + 0.5 * e) - here for e in steps]
        expected = np.mean([(d**2).sum((1, 2)).mean() for d in changes])
        loss, _ = gradients_of(model, x)
        without, _ = gradients_of(tiny(), x)
    assert loss - without == pytest.approx(0.7 * expected, rel=1e-6)


def test_change_of_the_jacobian_is_averaged_over_fresh_draws(monkeypatch):
    model, x = tiny(hessian_samples=3, hessian_std=0.3), data(1000)
    draws, normal = [], noise.normal

    def recorded(shape, seed):
        draws.append(array(normal(shape, seed)))
        return tensor(draws[-1])

    monkeypatch.setattr(noise, "normal", recorded)
    found = array(model.jacobian_changes(tensor(x), False))
    here = logistic_jacobian(model, x)
    changes = [logistic_jacobian(model, x + 0.3 * e) - here for e in draws]
    expected = np.mean([(d**2).sum((1, 2)) for d in changes], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    # 6,000 components of each: standard errors of 0.013.
    correlations = np.cov([draw.ravel() for draw in draws])
    np.testing.assert_allclose(correlations, np.eye(3), atol=0.08)


@pytest.mark.parametrize(
    "build",
    [tiny, functools.partial(tiny, hidden_units=(5,)), convolutional],
    ids=["one_layer", "two_layers", "convolutional"],
)
def test_gradient_is_that_of_finite_differences(build, monkeypatch):
    x = data(3)
    fix_draws(monkeypatch, np.random.default_rng(1).normal(size=x.shape))
    with double_precision():
        model = build(
            contraction_weight=0.6,
            hessian_weight=0.7,
            hessian_std=0.5,
            hessian_samples=1,
        )
        _, gradients = gradients_of(model, x)
        batch = Batch(tensor(x))
        check_directions(
            lambda: model.model_loss(batch, True),
            model.trainable_variables,
            gradients,
        )


def test_without_contraction_it_is_an_autoencoder():
    model, x = tiny(contraction_weight=0.0), data()
    plain = AE(SHAPE, tied=True, encoder=model.encoder)
    plain.decoder.set_weights(model.decoder.get_weights())
    loss, gradients = gradients_of(model, x)
    expected, others = gradients_of(plain, x)
    assert loss == pytest.approx(expected, rel=1e-6)
    for left, right in zip(gradients, others, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-7)


def test_of_a_linear_encoder_it_is_weight_decay():
    x = data()
    with double_precision():
        contracted, plain = (
            tiny(
                latent_activation="linear",
                contraction_weight=weight,
                hessian_weight=weight,
            )
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


# ---- The estimators ---------------------------------------------------------


def test_estimators_of_given_draws(monkeypatch):
    """`||J^T v||^2`, and `||f(x + s e) - f(x)||^2 / s^2`."""
    x, rng = data(), np.random.default_rng(1)
    v, e = rng.normal(size=(5, 4)), rng.normal(size=x.shape)
    with double_precision():
        model = tiny(estimator="hutchinson")
        fix_draws(monkeypatch, v)
        products = np.einsum("njd,nj->nd", logistic_jacobian(model, x), v)
        np.testing.assert_allclose(
            norms(model, x), (products**2).sum(1), rtol=1e-9
        )
        model = tiny(estimator="finite_difference", difference_step=0.1)
        fix_draws(monkeypatch, e)
        w, c = model.encoder.get_weights()
        codes = [
            scipy.special.expit(z.reshape(5, -1) @ w + c)
            for z in (x, x + 0.1 * e)
        ]
        np.testing.assert_allclose(
            norms(model, x),
            ((codes[1] - codes[0]) ** 2).sum(1) / 0.1**2,
            rtol=1e-9,
        )


@pytest.mark.parametrize("estimator", ["hutchinson", "finite_difference"])
def test_estimators_have_the_norm_as_their_mean(estimator):
    """10,000 draws: within 5 %, the relative standard error at most 1.4 %."""
    with double_precision():
        model, x = tiny(estimator=estimator), data(1)
        expected = (logistic_jacobian(model, x) ** 2).sum()
        draws = norms(model, np.repeat(x, 10_000, axis=0))
    assert draws.shape == (10_000,) and draws.std() > 0.1 * expected
    assert draws.mean() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_finite_differences_need_more_than_half_precision(policy):
    with pytest.raises(ValueError, match=r"computes in b?float16.*hutchinson"):
        tiny(estimator="finite_difference", dtype=policy)
    encoder = keras.Sequential(
        [keras.Input(SHAPE), layers.Flatten(), layers.Dense(4, dtype=policy)]
    )
    with pytest.raises(ValueError, match="finite_difference"):
        CAE(SHAPE, estimator="finite_difference", encoder=encoder)
    assert tiny(estimator="hutchinson", dtype=policy).latent_dim == 4


# ---- Inference --------------------------------------------------------------


def test_tangents_are_the_directions_of_the_largest_motion():
    model, x = tiny(), data()
    directions, lengths = model.tangents(x, count=2, batch_size=3)
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
    model, x = tiny(), data(200)
    radii = [1e-2, 1.0, 30.0]
    curve = model.contraction_curve(x, radii, seed=0)
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(200, 6))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moved = np.einsum("njd,nd->nj", model.jacobian(x), directions)
    expected = np.linalg.norm(moved, axis=1).mean()
    assert curve[0] == pytest.approx(expected, rel=0.02)
    w, c = model.encoder.get_weights()
    flat = x.reshape(200, -1)
    for radius, ratio in zip(radii, curve, strict=True):
        there, here = (
            scipy.special.expit(z @ w + c)
            for z in (flat + radius * directions, flat)
        )
        lengths = np.linalg.norm(there - here, axis=1)
        assert ratio == pytest.approx(lengths.mean() / radius, rel=1e-3)
    # Far away the units are saturated.
    assert curve[2] < 0.5 * curve[0]


def test_training_contracts():
    x = data(200)
    model = CAE(SHAPE, latent_dim=8, contraction_weight=10.0, seed=0)
    before = norms(model, x).mean()
    model.compile(keras.optimizers.Adam(0.02))
    # Many epochs in one.
    model.fit(np.tile(x, (30, 1, 1, 1)), batch_size=50, verbose=0)
    assert norms(model, x).mean() < 0.1 * before


def test_each_layer_of_a_stack_is_contractive(monkeypatch):
    monkeypatch.setattr(CAE, "fit", lambda *args, **options: None)
    model = StackedCAE(
        SHAPE,
        hidden_units=(5, 4),
        num_classes=3,
        contraction_weight=0.7,
        seed=0,
    )
    x = data(20)
    trained = model.pretrain(x, verbose=0)
    assert [type(a) for a in trained] == [CAE, CAE]
    for autoencoder, encoder in zip(trained, model.encoders, strict=True):
        assert autoencoder.encoder is encoder
        assert autoencoder.contraction_weight == 0.7
        assert autoencoder.compiled
    assert model.classify(x).shape == (20,)
