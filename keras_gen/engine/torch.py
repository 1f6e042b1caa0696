"""The engine's primitives on PyTorch."""

import keras
import torch

from keras_gen.engine.torch_compile import CompiledStep


class BackendSteps:
    """The steps that Keras' PyTorch trainer calls for each batch."""

    def train_step(self, data):
        if self._compiled_step is not None:
            return self._compiled_step(data)
        return self.run_step(self.training_step, data)

    def test_step(self, data):
        return self.run_step(self.evaluation_step, data)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        self._compiled_step = None
        if self.jit_compile and not self.run_eagerly:
            self._compiled_step = CompiledStep(
                self, lambda data: self.run_step(self.training_step, data)
            )
        self._without_torch_compile(super().make_train_function, force)

    def make_test_function(self, force=False):
        self._without_torch_compile(super().make_test_function, force)

    def _without_torch_compile(self, make_function, force):
        jit_compile = self.jit_compile
        self.jit_compile = False
        try:
            make_function(force=force)
        finally:
            self.jit_compile = jit_compile


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
    if y.requires_grad:
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
    with torch.no_grad():
        optimizer.apply(gradients, variables)


def gradient(fn, x):
    x = keras.ops.convert_to_tensor(x)
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_()
        (result,) = _gradients(fn(x).sum(), [x], create_graph=True)
    return result


def replica():
    return _world()


def replica_mean(x):
    world = _world()[1]
    if world == 1:
        return x
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x.contiguous()) / world


def fused_batch_norm(x, scale, offset, epsilon):
    return None


def synchronise(variables):
    """The values of the first process, for all processes."""
    if _world()[1] > 1:
        for variable in variables:
            torch.distributed.broadcast(variable.value.data, src=0)


def inference():
    return torch.no_grad()


def require_at_least(size, minimum, message):
    if size < minimum:
        raise ValueError(message.format(size=size))
