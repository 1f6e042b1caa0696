"""Updates of Keras' optimizers on PyTorch by few kernels.

Keras' Adam there is seven kernels for lists of tensors, with a temporary for
each of four, and its RMSprop is six. PyTorch has one kernel for the whole of
Adam, and products that need no temporary. The state, and all that surrounds
an update (schedules, clipping, weight decay, averages), are Keras' own.
"""

import collections
import contextlib
import contextvars
import types

import keras
import torch

# With so many updates before, PyTorch's kernel corrects no bias: Keras' factor
# of the learning rate does, and its epsilon is not divided by the correction.
_LATE = 1e30


_quick = contextvars.ContextVar("quick", default=True)


@contextlib.contextmanager
def updates_of_keras():
    """A context in which the updates of all optimizers are Keras' own."""
    token = _quick.set(False)
    try:
        yield
    finally:
        _quick.reset(token)


def quicken(optimizer) -> None:
    """Gives an optimizer of one of Keras' classes its update by few kernels.

    Args:
        optimizer: `keras.optimizers.Optimizer`. Others are left alone.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if "_backend_update_step" in vars(optimizer):
        return
    step = _STEPS.get(_keras_class(optimizer))
    if step is not None:
        update = types.MethodType(_by_kind(step), optimizer)
        optimizer._backend_update_step = update


def _keras_class(optimizer):
    """The public class of an optimizer, if it is not a user's own."""
    cls = type(optimizer)
    if not cls.__module__.startswith("keras.src.backend.torch.optimizers"):
        return None
    return getattr(keras.optimizers, cls.__name__, None)


def _by_kind(step):
    """The update of variables, those of a type and a device together."""

    def update(optimizer, gradients, variables, learning_rate):
        kinds = collections.defaultdict(list)
        for gradient, variable in zip(gradients, variables, strict=True):
            value = variable.value
            # The kernels go through memory in its order.
            if not _quick.get() or not value.is_contiguous():
                of_keras = type(optimizer)._backend_update_step
                of_keras(optimizer, gradients, variables, learning_rate)
                return
            gradient = gradient.to(value.dtype).contiguous()
            kinds[value.dtype, value.device].append(
                (value, gradient, optimizer._get_variable_index(variable))
            )
        for (_, device), rows in kinds.items():
            values, gradients, indices = map(list, zip(*rows, strict=True))
            step(optimizer, values, gradients, indices, learning_rate, device)

    return update


def _adam(optimizer, values, gradients, indices, learning_rate, device):
    # In float32, as Keras has it: 1 - 0.999 is off by 5e-5 of itself.
    updates = keras.ops.cast(optimizer.iterations + 1, "float32")
    correction = torch.sqrt(1 - optimizer.beta_2**updates)
    correction = correction / (1 - optimizer.beta_1**updates)
    rate = keras.ops.cast(learning_rate, "float32") * correction
    late = torch.tensor(_LATE, dtype=torch.float32, device=device)
    torch._fused_adam_(
        values,
        gradients,
        _slots(optimizer._momentums, indices),
        _slots(optimizer._velocities, indices),
        _slots(optimizer._velocity_hats, indices) if optimizer.amsgrad else [],
        [late] * len(values),
        lr=rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon,
        amsgrad=optimizer.amsgrad,
        maximize=False,
    )


def _rmsprop(optimizer, values, gradients, indices, learning_rate, device):
    velocities = _slots(optimizer._velocities, indices)
    torch._foreach_mul_(velocities, optimizer.rho)
    torch._foreach_addcmul_(
        velocities, gradients, gradients, value=1 - optimizer.rho
    )
    denominators = torch._foreach_add(velocities, optimizer.epsilon)
    if optimizer.centered:
        means = _slots(optimizer._average_gradients, indices)
        torch._foreach_lerp_(means, gradients, 1 - optimizer.rho)
        torch._foreach_addcmul_(denominators, means, means, value=-1)
    torch._foreach_sqrt_(denominators)
    rate = keras.ops.cast(learning_rate, "float32").to(values[0].dtype)
    steps = torch._foreach_mul(gradients, rate)
    torch._foreach_div_(steps, denominators)
    if optimizer.momentum > 0:
        momentums = _slots(optimizer._momentums, indices)
        torch._foreach_mul_(momentums, optimizer.momentum)
        torch._foreach_add_(momentums, steps)
        steps = momentums
    torch._foreach_sub_(values, steps)


def _slots(variables, indices):
    return [variables[index].value for index in indices]


_STEPS = {
    keras.optimizers.Adam: _adam,
    keras.optimizers.AdamW: _adam,
    keras.optimizers.RMSprop: _rmsprop,
}
