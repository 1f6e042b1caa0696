"""`minimize`: one step of one player, and nothing else."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.engine.toys import (
    Game,
    Solo,
    array,
    arrays,
    compiled,
    dense,
    logs_of,
    points,
)

X = points()


def test_step_follows_the_gradient():
    """w <- w - rate * d mean((x w + b - 1)^2) / dw, by hand."""
    model = compiled(Solo(), keras.optimizers.SGD(0.1))
    kernel, bias = arrays(model.network.weights)
    error = X @ kernel + bias - 1.0
    loss, aux = model.minimize(
        "model", lambda: ops.mean((model.network(X) - 1.0) ** 2)
    )
    assert aux is None
    np.testing.assert_allclose(array(loss), np.mean(error**2), rtol=1e-6)
    new_kernel, new_bias = arrays(model.network.weights)
    np.testing.assert_allclose(
        new_kernel, kernel - 0.1 * 2 * X.T @ error / len(X), rtol=1e-5
    )
    np.testing.assert_allclose(
        new_bias, bias - 0.1 * 2 * error.mean(0), rtol=1e-5
    )
    assert logs_of(model)["loss"] == pytest.approx(float(loss))


def test_other_players_stay():
    model = compiled(Game(), keras.optimizers.SGD(0.1))
    right = arrays(model.right.weights)
    model.minimize(
        "first", lambda: ops.mean(model.right(ops.multiply(model.left(X), X)))
    )
    for before, after in zip(right, arrays(model.right.weights), strict=True):
        np.testing.assert_array_equal(before, after)
    assert int(model.optimizer["first"].iterations) == 1
    assert int(model.optimizer["second"].iterations) == 0
    assert logs_of(model)["first_loss"] != 0
    assert logs_of(model)["second_loss"] == 0


def test_aux_is_returned_in_its_structure():
    model = compiled(Game())
    expected = array(model.left(X))
    loss, aux = model.minimize(
        "first",
        lambda: (
            ops.mean(model.left(X) ** 2),
            {"fake": model.left(X), "pair": [ops.ones(()), None]},
        ),
    )
    # What it was when the loss was taken, before the update.
    np.testing.assert_allclose(array(aux["fake"]), expected, rtol=1e-6)
    assert float(aux["pair"][0]) == 1.0 and aux["pair"][1] is None
    assert not np.allclose(array(model.left(X)), expected)


def test_no_gradient_passes_through_what_is_returned():
    model = compiled(Game(), keras.optimizers.SGD(0.1))
    loss, fake = model.minimize(
        "first", lambda: (ops.mean(model.left(X) ** 2), model.left(X))
    )
    before = arrays(model.left.weights)
    model.minimize(
        "first",
        lambda: ops.mean(fake) + loss + 0.0 * ops.mean(model.left(X)),
    )
    for old, new in zip(before, arrays(model.left.weights), strict=True):
        np.testing.assert_array_equal(old, new)
    right = arrays(model.right.weights)
    model.minimize(
        "second", lambda: ops.mean(model.right(ops.multiply(fake, X)) ** 2)
    )
    assert not np.array_equal(right[0], array(model.right.weights[0]))


def test_loss_must_be_a_scalar():
    model = compiled(Game())
    with pytest.raises(ValueError, match=r"'first'.*scalar.*\(4, 1\)"):
        model.minimize("first", lambda: model.left(X))


def test_unknown_player_is_named():
    model = compiled(Game())
    with pytest.raises(KeyError, match="third.*first.*second"):
        model.minimize("third", lambda: ops.mean(model.left(X)))


def test_regularizers_of_the_player_are_added():
    regularized = {"kernel_regularizer": keras.regularizers.L2(0.25)}
    model = compiled(
        Game(left=dense(**regularized), right=dense(**regularized)),
        keras.optimizers.SGD(0.1),
    )
    kernel = array(model.left.weights[0])
    loss, _ = model.minimize("first", lambda: 0.0 * ops.mean(model.left(X)))
    expected = 0.25 * np.sum(kernel**2)
    np.testing.assert_allclose(float(loss), expected, rtol=1e-6)
    assert logs_of(model)["first_loss"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(
        array(model.left.weights[0]),
        kernel - 0.1 * 2 * 0.25 * kernel,
        rtol=1e-6,
    )


def test_without_a_gradient_adam_takes_a_zero():
    """The moments of an unused variable decay, as after a zero gradient."""
    model = compiled(
        Solo(network=dense()), keras.optimizers.Adam(0.1, beta_1=0.8)
    )
    kernel, bias = model.network.weights
    reference = keras.optimizers.Adam(0.1, beta_1=0.8)
    twins = [keras.Variable(array(v)) for v in (kernel, bias)]
    ones = [ops.ones(twin.shape) for twin in twins]
    # Both get a gradient, then the bias gets none, then neither does.
    losses = [
        lambda: ops.sum(kernel) + ops.sum(bias),
        lambda: ops.sum(kernel),
        lambda: ops.sum(ops.ones((3,))),
    ]
    gradients = [ones, [ones[0], 0.0 * ones[1]], [0.0 * one for one in ones]]
    for loss, gradient in zip(losses, gradients, strict=True):
        before = array(bias)
        model.minimize("model", loss)
        reference.apply(gradient, twins)
        for variable, twin in zip((kernel, bias), twins, strict=True):
            # A step is 0.1 long.
            np.testing.assert_allclose(array(variable), array(twin), atol=2e-7)
        assert not np.array_equal(array(bias), before)
    for slot, expected in zip(
        model.optimizer["model"].variables, reference.variables, strict=True
    ):
        # TensorFlow's kernel rounds 1 - beta_2 to float32.
        np.testing.assert_allclose(array(slot), array(expected), rtol=2e-5)


def test_gradients_are_transformed_before_they_are_applied():
    class Signs(Solo):
        def transform_gradients(self, player, gradients):
            assert player == "model"
            return [ops.sign(gradient) for gradient in gradients]

    model = compiled(Signs(), keras.optimizers.SGD(0.5))
    before = arrays(model.network.weights)
    model.minimize("model", lambda: -3.0 * ops.sum(model.network(X * X)))
    for old, new in zip(before, arrays(model.network.weights), strict=True):
        np.testing.assert_allclose(new, old + 0.5, rtol=1e-6)


def test_scaled_losses_give_the_gradients_of_the_loss():
    """The hook and the optimizer see gradients without the scale."""
    seen = []

    class Seeing(Solo):
        def transform_gradients(self, player, gradients):
            seen.extend(arrays(gradients))
            return gradients

    model = compiled(
        Seeing(),
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.1), initial_scale=1024.0
        ),
    )
    kernel, bias = arrays(model.network.weights)
    loss, _ = model.minimize("model", lambda: ops.sum(model.network(X)))
    np.testing.assert_allclose(
        float(loss), np.sum(X @ kernel + bias), rtol=1e-5
    )
    slope = X.sum(0)[:, None]
    np.testing.assert_allclose(seen[0], slope, rtol=1e-5)
    np.testing.assert_allclose(
        array(model.network.weights[0]), kernel - 0.1 * slope, rtol=1e-5
    )


def test_an_overflow_skips_the_step_and_halves_the_scale():
    scaling = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=1024.0
    )
    model = compiled(Solo(), scaling)
    before = arrays(model.network.weights)
    model.minimize("model", lambda: np.inf * ops.sum(model.network(X)))
    for old, new in zip(before, arrays(model.network.weights), strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(model.optimizer["model"].dynamic_scale) == 512.0


def test_half_precision_losses_are_summed_in_float32():
    """2048 + 1 is 2048 in float16."""
    model = compiled(Solo())
    loss, _ = model.minimize(
        "model",
        lambda: ops.cast(2048.0 + 0.0 * ops.sum(model.network(X)), "float16"),
    )
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
