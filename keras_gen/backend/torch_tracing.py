"""Training steps on PyTorch as one flat graph of tensor operations.

A step in Keras is thousands of calls of Python for some hundreds of tensor
operations. Here the step is traced once, differentiation and optimizer
updates included (as JAX does), and the operations alone are run. With
`jit_compile=True` the graph is compiled as well: `torch.compile` of a step
with several players, second derivatives and random draws would break its
graph at each of them. The variables are the graph's inputs, so nothing is
traced again from one step to the next.
"""

import collections
import contextlib
import functools
import warnings

import keras
import torch
from keras.src.backend.torch import random as keras_random
from torch.fx.experimental.proxy_tensor import make_fx
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode

from keras_gen.backend.torch_graphs import simplify
from keras_gen.backend.torch_updates import updates_of_keras

# What compiles the traced graphs.
BACKEND = "inductor"
# As many batches of a shape pay for tracing it, which takes from a quarter of
# a second to some seconds.
EAGER_STEPS = 32


class TracedStep:
    """A training step, traced for each shape of a batch that recurs.

    To be run as it is, a shape is traced when it has come `EAGER_STEPS`
    times; until then, and where tracing fails, the step runs eagerly, with
    the same numbers. To be compiled, the first shape is traced at once and
    another when it comes twice in a row: the last batch of an epoch, if it is
    smaller, is not worth the minutes.

    Args:
        model: The model whose variables the step reads and writes.
        step: Function of a batch that returns a dictionary of logs.
        compiled: Boolean. Whether graphs are compiled.
    """

    def __init__(self, model, step, compiled):
        self.model = model
        self.step = step
        self.compiled = compiled
        self.graphs = {}
        self.seen = collections.Counter()
        self.last = None
        self.failed = False

    def __call__(self, data):
        if self.failed:
            return self.step(data)
        leaves = [
            None if x is None else keras.ops.convert_to_tensor(x)
            for x in keras.tree.flatten(data)
        ]
        signature = tuple(
            None if x is None else (tuple(x.shape), x.dtype) for x in leaves
        )
        recurs = signature == self.last
        self.last = signature
        if signature not in self.graphs and self._is_due(signature, recurs):
            self._trace(signature, data, leaves)
        if signature not in self.graphs:
            return self.step(data)
        return self.graphs[signature](x for x in leaves if x is not None)

    def _is_due(self, signature, recurs):
        if self.compiled:
            return recurs or not self.graphs
        self.seen[signature] += 1
        return self.seen[signature] > EAGER_STEPS

    def _trace(self, signature, data, leaves):
        try:
            graph = _Graph(self.model, self.step, data, leaves, self.compiled)
        except Exception as error:
            if self.compiled:
                raise
            self.failed = True
            warnings.warn(
                f"The training step of {type(self.model).__name__} cannot be "
                "traced and runs eagerly, which is slower: it must not take a "
                "branch by the value of a tensor, nor turn one into a number. "
                "Pass `run_eagerly=True` to `compile` if this is meant. "
                f"Received: {error!r:.300}",
                stacklevel=2,
            )
        else:
            self.graphs[signature] = graph


class _Graph:
    def __init__(self, model, step, data, leaves, compiled):
        candidates = [
            *model.variables,
            *model.metrics_variables,
            *model.optimizer.variables,
        ]
        variables = list({id(v): v for v in candidates}.values())
        # They share the memory of the variables.
        self.values = [variable.value.detach() for variable in variables]
        self.written = []
        self.log_names = []

        def flat_step(*inputs):
            values = [
                value.detach().requires_grad_(variable.trainable)
                for variable, value in zip(variables, inputs, strict=False)
            ]
            given = iter(inputs[len(values) :])
            batch = keras.tree.pack_sequence_as(
                data, [None if x is None else next(given) for x in leaves]
            )
            mapping = list(zip(variables, values, strict=True))
            with _Scope(mapping) as scope:
                logs = step(batch)
            results = [scope.get_current_value(v) for v in variables]
            # Optimizers have changed their variables in place.
            changes = {
                index: new.detach()
                for index, (old, new) in enumerate(
                    zip(values, results, strict=True)
                )
                if new is not old
            }
            self.written = [self.values[index] for index in changes]
            self.log_names = list(logs)
            logs = [logs[name].detach() for name in self.log_names]
            return [*changes.values(), *logs]

        with contextlib.ExitStack() as stack:
            stack.enter_context(_recorded_random())
            if compiled:
                # The compiler fuses them.
                stack.enter_context(updates_of_keras())
            graph = make_fx(flat_step, tracing_mode="fake")(
                *self.values, *(x for x in leaves if x is not None)
            )
        if not compiled:
            self.run = simplify(graph, _DRAWS)
            return
        self.run = torch.compile(
            graph,
            backend=BACKEND,
            dynamic=False,
            fullgraph=True,
            # The shapes of the variables do not change, and that of the batch
            # has chosen this graph.
            options={"guard_filter_fn": _global_guards},
        )

    @torch.no_grad()
    def __call__(self, leaves):
        results = self.run(*self.values, *leaves)
        changes = results[: len(self.written)]
        if changes:
            torch._foreach_copy_(self.written, changes)
        logs = results[len(self.written) :]
        return dict(zip(self.log_names, logs, strict=True))


class _Scope(keras.StatelessScope):
    """Copies what is assigned from one variable to another.

    The other may be changed in place later in the step.
    """

    def __init__(self, mapping):
        super().__init__(mapping)
        self.held = {StorageWeakRef(v.untyped_storage()) for _, v in mapping}

    def add_update(self, update):
        variable, value = update
        if StorageWeakRef(value.untyped_storage()) in self.held:
            value = value.clone()
        self.held.add(StorageWeakRef(value.untyped_storage()))
        super().add_update((variable, value))


def _global_guards(guards):
    return [guard.guard_type == "GLOBAL_STATE" for guard in guards]


# Random draws. Keras seeds a `torch.Generator` from the value of a seed
# variable, which a traced step does not have yet. While a step is traced, the
# generator is a stand-in that carries the seed as a tensor, and the functions
# that would use it are recorded as operations that seed a generator when the
# graph runs: the same numbers as without compilation.


class _SeedTensor(torch.Generator):
    seed_tensor = None


def _traced_generator(seed):
    generator = _SeedTensor()
    generator.seed_tensor = keras_random.draw_seed(seed).sum()
    return generator


@functools.cache
def _device_generator(device):
    return torch.Generator(device=device)


def _generator(seed):
    generator = _device_generator(seed.device)
    generator.manual_seed(int(seed) & 0xFFFFFFFF)
    return generator


@torch.library.custom_op("keras_gen::normal", mutates_args=())
def _normal(
    seed: torch.Tensor,
    mean: float,
    std: float,
    size: list[int],
    dtype: torch.dtype,
) -> torch.Tensor:
    return torch.normal(
        mean,
        std,
        size=size,
        generator=_generator(seed),
        dtype=dtype,
        device=seed.device,
    )


@_normal.register_fake
def _(seed, mean, std, size, dtype):
    return torch.empty(size, dtype=dtype, device=seed.device)


@torch.library.custom_op("keras_gen::rand", mutates_args=())
def _rand(
    seed: torch.Tensor, size: list[int], dtype: torch.dtype
) -> torch.Tensor:
    return torch.rand(
        size, generator=_generator(seed), dtype=dtype, device=seed.device
    )


@_rand.register_fake
def _(seed, size, dtype):
    return torch.empty(size, dtype=dtype, device=seed.device)


@torch.library.custom_op("keras_gen::randint", mutates_args=())
def _randint(
    seed: torch.Tensor,
    low: int,
    high: int,
    size: list[int],
    dtype: torch.dtype,
) -> torch.Tensor:
    return torch.randint(
        low,
        high,
        size,
        generator=_generator(seed),
        dtype=dtype,
        device=seed.device,
    )


@_randint.register_fake
def _(seed, low, high, size, dtype):
    return torch.empty(size, dtype=dtype, device=seed.device)


@torch.library.custom_op("keras_gen::bernoulli", mutates_args=())
def _bernoulli(seed: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
    return torch.bernoulli(probabilities, generator=_generator(seed))


@_bernoulli.register_fake
def _(seed, probabilities):
    return torch.empty_like(probabilities)


@torch.library.custom_op("keras_gen::multinomial", mutates_args=())
def _multinomial(
    seed: torch.Tensor, probabilities: torch.Tensor, num_samples: int
) -> torch.Tensor:
    return torch.multinomial(
        probabilities,
        num_samples,
        replacement=True,
        generator=_generator(seed),
    )


@_multinomial.register_fake
def _(seed, probabilities, num_samples):
    return probabilities.new_empty(
        (*probabilities.shape[:-1], num_samples), dtype=torch.int64
    )


# What a graph that is not compiled calls in place of the registered operation.
_DRAWS = {
    getattr(torch.ops.keras_gen, draw._name).default: draw._init_fn
    for draw in (_normal, _rand, _randint, _bernoulli, _multinomial)
}


class _RecordedRandom(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.__int__:
            raise RuntimeError(
                "A traced step turned a tensor into a Python integer. The "
                "random draws `beta`, `binomial` and `gamma` of Keras do so "
                "with their seed: they cannot be compiled with "
                "`jit_compile=True`. Pass `jit_compile=False`."
            )
        kwargs = dict(kwargs or {})
        generator = kwargs.get("generator")
        if not isinstance(generator, _SeedTensor):
            return function(*args, **kwargs)
        seed = generator.seed_tensor
        if function is torch.normal:
            mean, std = args
            return _normal(
                seed, mean, std, list(kwargs["size"]), kwargs["dtype"]
            )
        if function is torch.rand:
            size = kwargs["size"] if "size" in kwargs else args[0]
            dtype = kwargs.get("dtype", torch.get_default_dtype())
            return _rand(seed, list(size), dtype)
        if function is torch.randint:
            return _randint(
                seed,
                kwargs["low"],
                kwargs["high"],
                list(kwargs["size"]),
                kwargs["dtype"],
            )
        if function is torch.bernoulli:
            return _bernoulli(seed, *args)
        if function is torch.multinomial:
            return _multinomial(seed, args[0], args[1])
        raise RuntimeError(
            f"The random draw {function.__name__} has no compiled form. "
            "Compile the model with `jit_compile=False`."
        )


@contextlib.contextmanager
def _recorded_random():
    original = keras_random.torch_seed_generator
    keras_random.torch_seed_generator = _traced_generator
    try:
        with _RecordedRandom():
            yield
    finally:
        keras_random.torch_seed_generator = original
