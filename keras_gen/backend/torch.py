"""The primitives on PyTorch."""

import keras
import torch

from keras_gen.backend.loss_scaling import apply_scaled
from keras_gen.backend.scope import Scope
from keras_gen.backend.torch_updates import quicken


def _world():
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def differentiate(objective, variables):
    """Returns `objective()`'s outputs and the gradients of its loss."""
    values = [variable.value for variable in variables]
    with torch.enable_grad():
        loss, outputs = objective()
    gradients = _gradients(loss, values)
    _average_over_workers(gradients)
    outputs = keras.tree.map_structure(
        lambda x: x.detach() if torch.is_tensor(x) else x, outputs
    )
    return outputs, gradients


def _gradients(y, values, **options):
    """The derivatives of `y`, zero where it does not depend on a value."""
    found = [None] * len(values)
    if y.requires_grad and values:
        found = torch.autograd.grad(y, values, allow_unused=True, **options)
    return [
        torch.zeros_like(value) if gradient is None else gradient
        for value, gradient in zip(values, found, strict=True)
    ]


def _average_over_workers(gradients):
    world = _world()[1]
    if world == 1:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= world
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def apply_gradients(optimizer, gradients, variables):
    quicken(optimizer)
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    with torch.no_grad():
        if scaled and any(map(_is_traced, gradients)):
            apply_scaled(optimizer, gradients, variables, when)
        else:
            optimizer.apply(gradients, variables)
    for variable in variables:
        # In a traced step, what a constraint returns is a new tensor.
        if variable.constraint is not None:
            variable.value.requires_grad_()


def gradient(fn, x):
    x = keras.ops.convert_to_tensor(x)
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        (result,) = _gradients(fn(x).sum(), [x], create_graph=True)
    return result


def _is_traced(x):
    return isinstance(x, torch._subclasses.FakeTensor)


def when(condition, fn):
    if not _is_traced(condition):
        if bool(condition):
            fn()
        return
    # A traced step computes both branches and selects.
    with _CopyingScope() as scope:
        fn()
    for variable, old, new in scope.results():
        chosen = torch.where(condition, new.detach(), old.detach())
        variable.assign(chosen.requires_grad_(old.requires_grad))


class _CopyingScope(Scope):
    """Reads copies: optimizers change the values of variables in place."""

    def __init__(self):
        super().__init__()
        self.read = {}

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is not None and id(variable) not in self.read:
            copy = value.detach().clone().requires_grad_(value.requires_grad)
            self.read[id(variable)] = (variable, value)
            self.state_mapping[id(variable)] = value = copy
        return value

    def add_update(self, update):
        self.get_current_value(update[0])
        super().add_update(update)

    def results(self):
        """Each variable that was used, with its values before and after."""
        return [
            (variable, old, self.state_mapping[key])
            for key, (variable, old) in self.read.items()
        ]


def replica():
    return _world()


def replica_mean(x):
    world = _world()[1]
    if world == 1:
        return x
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x.contiguous()) / world


def gather(x):
    world = _world()[1]
    if world == 1:
        return x
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(x.contiguous()))


def conv(x, kernel, **options):
    if kernel.shape[-1] > 1:
        return keras.ops.conv(x, kernel, **options)
    # A kernel of one filter has two orders in memory at once. PyTorch 2.13
    # takes the wrong one for its gradient, and raises, if there is one image.
    kernel = keras.ops.convert_to_tensor(kernel)
    two = torch.cat([kernel, torch.zeros_like(kernel)], dim=-1)
    return keras.ops.conv(x, two, **options)[..., :1]


def conv_transpose(x, kernel, **options):
    # Keras' own brings the channels to the front in memory, and computes
    # borders that the padding then takes away.
    usual = {"data_format": "channels_last", "output_padding": None}
    if (
        any(options.get(key, usual[key]) != usual[key] for key in usual)
        or max(keras.tree.flatten(options.get("dilation_rate", 1))) > 1
    ):
        return keras.ops.conv_transpose(x, kernel, **options)
    x, kernel = map(keras.ops.convert_to_tensor, (x, kernel))
    strides = tuple(options["strides"])
    crops = [
        _crops(size, stride, options["padding"])
        for size, stride in zip(kernel.shape[:2], strides, strict=True)
    ]
    outputs = torch.nn.functional.conv_transpose2d(
        x.permute(0, 3, 1, 2),
        kernel.permute(3, 2, 0, 1),
        stride=strides,
        padding=[before for before, _ in crops],
        output_padding=[max(before - after, 0) for before, after in crops],
    )
    for axis, (before, after) in enumerate(crops, start=2):
        if after > before:
            size = outputs.shape[axis] - (after - before)
            outputs = outputs.narrow(axis, 0, size)
    return outputs.permute(0, 2, 3, 1)


def _crops(size, stride, padding):
    """How much of the full result of a kernel is left out on each side.

    Less than nothing is added, which are zeros where no input reaches.
    """
    if padding == "valid":
        return 0, min(size - stride, 0)
    crop = size - stride
    return max(crop, 0) // 2, crop - max(crop, 0) // 2


def fused_batch_norm(x, scale, bias, epsilon):
    return None


def synchronize(variables):
    """The values of the first process, for all processes."""
    if _world()[1] > 1:
        for variable in variables:
            torch.distributed.broadcast(variable.value.data, src=0)


def inference():
    return torch.no_grad()


def require_at_least(size, minimum, message):
    if size < minimum:
        raise ValueError(message.format(size=size))
