"""What tests of formulas share: 64-bit arithmetic and derivatives."""

import contextlib
import math

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import dtypes

from keras_gen import backend
from keras_gen.backend.scope import Scope


@contextlib.contextmanager
def double_precision():
    """Everything that is created inside computes with 64-bit floats."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    on_jax = keras.backend.backend() == "jax"
    if on_jax:
        import jax

        jax.config.update("jax_enable_x64", True)
    # Except on TensorFlow, Keras rounds the results of many operations to 32
    # bits, means among them, whatever the type of their inputs.
    rounded = dtypes.BIT64_TO_BIT32_DTYPE["float64"]
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = rounded
        if on_jax:
            jax.config.update("jax_enable_x64", False)


def array(x):
    return ops.convert_to_numpy(x)


def tensor(x):
    x = np.asarray(x)
    dtype = x.dtype.name if x.dtype.kind == "i" else keras.config.floatx()
    return ops.convert_to_tensor(x, dtype)


def num_parameters(*networks):
    """How many trainable parameters networks have together."""
    return sum(
        math.prod(v.shape) for n in networks for v in n.trainable_variables
    )


def one_program(fn, variables=()):
    """`fn`, on JAX compiled as a whole.

    Otherwise each of its operations would be compiled. Variables whose values
    differ between its calls have to be named; those that it assigns are
    assigned after it.
    """
    if keras.backend.backend() != "jax":
        return fn
    import jax

    changed = []

    @jax.jit
    def pure(values, args):
        with Scope(list(zip(variables, values, strict=True))) as scope:
            result = fn(*args)
        changed[:], values = scope.changes()
        return result, values

    def run(*args):
        result, values = pure([v.value for v in variables], args)
        for variable, value in zip(changed, values, strict=True):
            variable.assign(value)
        return result

    return run


def run_as_programs(monkeypatch, *models):
    """Compiles the inference of models as a whole, on JAX."""
    for model in models:
        for name in ("run", "run_batched"):
            run, variables = getattr(model, name), model.variables

            # Each batch goes on from the seeds that the last one has left.
            def compiled(fn, *arrays, run=run, variables=variables, **options):
                return run(one_program(fn, variables), *arrays, **options)

            monkeypatch.setattr(model, name, compiled)


def gradient(fn, x):
    """Derivative of `sum(fn(x))` at the array `x`."""
    return array(one_program(lambda x: backend.gradient(fn, x))(tensor(x)))


def loss_and_gradients(loss_fn, variables):
    """A loss and its derivatives by variables, as the engine takes them."""

    def objective():
        loss = loss_fn()
        return loss, loss

    variables = list(variables)
    loss, gradients = one_program(
        lambda: backend.differentiate(objective, variables)
    )()
    return float(array(loss)), [array(gradient) for gradient in gradients]


def difference_quotients(fn, x, step=1e-5):
    """Central differences of the scalar `fn` at the array `x`."""
    x = np.array(x, "float64")
    result = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        above, below = fn(x + shift), fn(x - shift)
        result[index] = (float(above) - float(below)) / (2 * step)
    return result


def check_directions(
    loss_fn,
    variables,
    gradients,
    step=1e-5,
    rtol=1e-5,
    atol=0.0,
    directions=3,
):
    """Holds derivatives against differences along random directions.

    Each moves all variables at once.
    """
    rng = np.random.default_rng(2)
    loss_fn = one_program(loss_fn, variables)
    values = [array(variable).copy() for variable in variables]
    for _ in range(directions):
        direction = [rng.normal(size=value.shape) for value in values]
        ends = []
        for sign in (1, -1):
            for variable, value, d in zip(
                variables, values, direction, strict=True
            ):
                variable.assign(value + sign * step * d)
            ends.append(float(array(loss_fn())))
        expected = (ends[0] - ends[1]) / (2 * step)
        derivative = sum(
            np.sum(gradient * d)
            for gradient, d in zip(gradients, direction, strict=True)
        )
        np.testing.assert_allclose(derivative, expected, rtol=rtol, atol=atol)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def training_logs(model, x, y=None):
    """What a training step would log, its losses without their gradients."""

    def losses(batch):
        for player, name in model.loss_names.items():
            model.log(**{name: model.player_loss(player, batch, training=True)})

    return logs_of(model, losses, x, y)


def evaluation_logs(model, x, y=None):
    """What an evaluation step logs."""
    return logs_of(model, model.evaluation_step, x, y)


def logs_of(model, step, x, y=None):
    """What a step logs, uncompiled."""
    if not model.compiled:
        model.compile("sgd")
    model.reset_metrics()
    one_program(lambda: step(model.prepared((x, y))))()
    logs = model.get_metrics_result()
    return {name: float(array(value)) for name, value in logs.items()}


def linear(network, kernel, bias=None, layer=-1):
    """Sets the weights of one dense layer of a network."""
    dense = network.layers[layer]
    dense.kernel.assign(np.asarray(kernel, dense.kernel.dtype))
    if bias is not None:
        dense.bias.assign(np.asarray(bias, dense.bias.dtype))


def convolved(x, kernel, bias=0.0):
    """Convolution with zeros around, written out."""
    size = kernel.shape[0]
    margin = size // 2
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0)))
    return bias + sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )


def randomize(network, seed=0, scale=0.5):
    """Gives all weights of a network new values, those of norms positive."""
    rng = np.random.default_rng(seed)
    for variable in network.weights:
        values = rng.normal(0.0, scale, variable.shape)
        if "variance" in variable.path or "gamma" in variable.path:
            values = np.exp(values)
        variable.assign(values.astype(keras.config.floatx()))


def fix_noise(monkeypatch, module, values):
    """Makes a module's normal noise the array `(samples, batch, size)`."""
    values = np.swapaxes(values, 0, 1)

    def normal(shape, seed, dtype=None):
        assert tuple(int(size) for size in shape) == values.shape
        return tensor(values.astype("float32"))

    monkeypatch.setattr(module.noise, "normal", normal)
