"""The primitives on JAX.

A step runs as if everything were stateful, inside a scope that holds the
values of the variables. Each differentiation and each condition opens a scope
of its own and hands the values that it changed back to the scope around it.
"""

import contextlib
import functools

import jax
import keras

from keras_gen.backend.loss_scaling import apply_scaled
from keras_gen.backend.scope import Scope


def _carrying_state(function):
    """Makes `function` pure: its state changes become an output.

    Returns the pure function, and a function that writes the changes of its
    last call to the variables.
    """
    variables = []

    def pure(*args, mapping=()):
        with Scope(mapping) as scope:
            value, outputs = function(*args)
        variables[:], changes = scope.changes()
        changes = [
            jax.numpy.asarray(value, variable.dtype)
            for variable, value in zip(variables, changes, strict=True)
        ]
        return value, (outputs, changes)

    def write(changes):
        for variable, value in zip(variables, changes, strict=True):
            variable.assign(value)

    return pure, write, variables


def differentiate(objective, variables):
    """Returns `objective()`'s outputs and the gradients of its loss."""
    pure, write, _ = _carrying_state(objective)

    def loss_of(values):
        return pure(mapping=list(zip(variables, values, strict=True)))

    values = [variable.value for variable in variables]
    (_, (outputs, changes)), gradients = jax.value_and_grad(
        loss_of, has_aux=True
    )(values)
    write(changes)
    return outputs, gradients


def gradient(fn, x):
    pure, write, _ = _carrying_state(lambda x: (fn(x).sum(), None))
    result, (_, changes) = jax.grad(pure, has_aux=True)(
        keras.ops.convert_to_tensor(x)
    )
    write(changes)
    return result


def apply_gradients(optimizer, gradients, variables):
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        apply_scaled(optimizer, gradients, variables, when)
    else:
        optimizer.apply(gradients, variables)


def when(condition, fn):
    pure, write, variables = _carrying_state(lambda: (fn(), None))

    def run():
        return pure()[1][1]

    # Which variables change is known once `fn` has run, on shapes alone.
    jax.eval_shape(run)
    current = [variable.value for variable in variables]
    write(jax.lax.cond(condition, run, lambda: current))


def replica():
    # A program over several devices computes on the global batch.
    return 0, 1


def replica_mean(x):
    return x


def gather(x):
    return x


conv = keras.ops.conv


def conv_transpose(x, kernel, **options):
    usual = {"data_format": "channels_last", "output_padding": None}
    strides, padding = tuple(options["strides"]), options["padding"]
    if (
        jax.default_backend() != "cpu"
        or any(options.get(key, usual[key]) != usual[key] for key in usual)
        or max(keras.tree.flatten(options.get("dilation_rate", 1))) > 1
    ):
        return keras.ops.conv_transpose(x, kernel, **options)
    x, kernel = map(keras.ops.convert_to_tensor, (x, kernel))
    return _conv_transpose(strides, padding, x, kernel)


# XLA's code for CPUs takes 6 to 30 times as long for the gradient that JAX
# derives by the kernel as for that of the convolution with the same kernel,
# whose transpose this is. Forward-mode derivatives there are none.
@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _conv_transpose(strides, padding, x, kernel):
    return keras.ops.conv_transpose(x, kernel, strides, padding)


def _conv_transpose_forward(strides, padding, x, kernel):
    return _conv_transpose(strides, padding, x, kernel), (x, kernel)


def _conv_transpose_backward(strides, padding, saved, y):
    x, kernel = saved
    by_x, by_kernel = jax.vjp(
        lambda kernel: keras.ops.conv(y, kernel, strides, padding), kernel
    )
    return by_x, *by_kernel(x)


_conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


def fused_batch_norm(x, scale, bias, epsilon):
    return None


def synchronize(variables):
    """Processes that start from one seed hold the same values."""


def inference():
    return contextlib.nullcontext()


def require_at_least(size, minimum, message):
    if size < minimum:
        raise ValueError(message.format(size=size))
