"""`gradient` against derivatives in closed form, in double precision."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import backend
from keras_gen.backend import gradient
from tests.engine.toys import Solo, array, compiled, dense, logs_of, points

# fn, its derivative, and the derivative of the sum of that.
CLOSED_FORMS = {
    "cube": (lambda x: x**3, lambda x: 3 * x**2, lambda x: 6 * x),
    "sine": (ops.sin, np.cos, lambda x: -np.sin(x)),
    "softplus": (
        ops.softplus,
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    ),
    # Of each row (a, b): exp(ab).
    "product": (
        lambda x: ops.exp(x[:, 0] * x[:, 1]),
        lambda x: x[:, ::-1] * np.exp(x[:, :1] * x[:, 1:]),
        lambda x: (
            (x[:, ::-1] ** 2 + 1 + x[:, :1] * x[:, 1:])
            * np.exp(x[:, :1] * x[:, 1:])
        ),
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_first_and_second_derivative(float64, name):
    fn, first, second = CLOSED_FORMS[name]
    x = points(5)
    assert x.dtype == "float64"
    result = gradient(fn, x)
    assert keras.backend.standardize_dtype(result.dtype) == "float64"
    np.testing.assert_allclose(array(result), first(x), rtol=1e-12)
    np.testing.assert_allclose(
        array(gradient(lambda x: gradient(fn, x), x)), second(x), rtol=1e-12
    )


def test_rows_are_independent_where_the_function_keeps_them_so(float64):
    x = points(5)
    whole = array(gradient(lambda x: ops.sum(ops.exp(x) ** 2, axis=1), x))
    for i in range(5):
        part = array(
            gradient(lambda x: ops.sum(ops.exp(x) ** 2, axis=1), x[i : i + 1])
        )
        np.testing.assert_allclose(whole[i], part[0], rtol=1e-14)


def test_a_constant_has_a_zero_gradient():
    x = points(3)
    np.testing.assert_array_equal(
        array(gradient(lambda x: ops.ones((3,)), x)), np.zeros((3, 2))
    )
    np.testing.assert_array_equal(
        array(gradient(lambda x: ops.stop_gradient(x) * 2.0, x)),
        np.zeros((3, 2)),
    )


def penalty(model, x):
    """mean((d(w x^2)/dx)^2) = 4 mean(w^2 x^2), summed over coordinates."""
    slopes = model.gradient(lambda x: model.network(x**2), x)
    return ops.mean(ops.sum(slopes**2, axis=1))


def closed_form(kernel, x):
    return np.mean(np.sum(4 * kernel[:, 0] ** 2 * x**2, axis=1))


def test_gradient_inside_a_loss(float64):
    x = points(5)
    model = Solo(network=dense(use_bias=False))
    model.compile(keras.optimizers.SGD(0.125))
    kernel = array(model.network.weights[0])
    loss, _ = model.minimize("model", lambda: penalty(model, x))
    # Losses are float32, their gradients are not.
    np.testing.assert_allclose(float(loss), closed_form(kernel, x), rtol=1e-6)
    slope = 8 * kernel * np.mean(x**2, axis=0)[:, None]
    np.testing.assert_allclose(
        array(model.network.weights[0]), kernel - 0.125 * slope, rtol=1e-12
    )


def test_gradient_outside_of_training():
    x = points(5)
    model = Solo(network=dense(use_bias=False))
    kernel = array(model.network.weights[0])
    np.testing.assert_allclose(
        array(penalty(model, x)), closed_form(kernel, x), rtol=1e-5
    )
    with backend.inference():
        np.testing.assert_allclose(
            array(penalty(model, x)), closed_form(kernel, x), rtol=1e-5
        )
    norms = model.run_batched(
        lambda x: model.gradient(model.network, x), x, batch_size=2
    )
    np.testing.assert_allclose(norms, np.tile(kernel.T, (5, 1)), rtol=1e-6)


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_gradient_in_an_evaluation(run_eagerly):
    x = points(5)
    model = Solo(network=dense(use_bias=False))
    compiled(
        model,
        check=lambda batch: model.log(loss=penalty(model, batch.x), extra=0.0),
        run_eagerly=run_eagerly,
    )
    kernel = array(model.network.weights[0])
    model.evaluate(x, batch_size=5, verbose=0)
    np.testing.assert_allclose(
        logs_of(model)["loss"], closed_form(kernel, x), rtol=1e-5
    )
