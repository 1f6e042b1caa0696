"""Tiny settings of every model, from the line beside its own tests.

A model's test file has a dictionary `CONTRACT`: its name, or its name and a
variant, to a `Case` of the arguments that make it small. What data it takes,
what is wrong data, and networks in place of its own follow from the model.

The whole contract is tested for each system; for its variants, that they
train, resume and are served, and what costs no training.
"""

import functools
import importlib
import inspect

import keras
import numpy as np
from keras import layers

from keras_gen.engine import Labels
from keras_gen.engine.data_spec import draw_batch
from keras_gen.registry import SYSTEMS
from tests.proofs import PROOFS

BATCH = 8
# Steps that are not compiled start fastest, but on JAX, where each operation
# would be compiled separately.
QUICK = {"run_eagerly": keras.backend.backend() != "jax"}


class Case:
    """A model, small enough that a training step is quick.

    Args:
        class_name: String. The class, if it is not the system's own.
        updates: Dictionary. Updates in a step, for each player that has not
            one. The largest is the smallest batch.
        parts: Integer. Into how many parts a step divides its batch, if not
            into as many as it has updates.
        total_updates: Dictionary. Updates in two steps, for each player whose
            updates in a step vary.
        unmoved: Dictionary. For a player, how many of its trainable variables
            have a gradient that is zero by construction.
        biased: Tuple. The players whose gradients are not the derivatives of
            their losses, but estimates of them, or parts.
        inferring: Tuple. The networks that a loss in training also runs in
            inference mode.
        own: Function that returns arguments that go with networks of the
            user's own.
        activations: Dictionary. The activations of the outputs of such
            networks, by the names of their arguments, where they matter.
        logits: Tuple. The arguments of networks whose first output is logits
            or scores, besides those of discriminators and critics.
        given: Function that returns networks that are needed always.
        wrong: Pairs of arguments that the constructor must refuse and of the
            words that its message must contain.
        **arguments: The constructor's arguments.
    """

    def __init__(
        self,
        class_name=None,
        *,
        updates=None,
        parts=1,
        total_updates=None,
        unmoved=None,
        biased=(),
        inferring=(),
        own=None,
        activations=None,
        logits=(),
        given=None,
        wrong=(),
        **arguments,
    ):
        self.class_name = class_name
        self.updates = updates or {}
        self.parts = parts
        self.total_updates = total_updates or {}
        self.unmoved = unmoved or {}
        self.biased = biased
        self.inferring = inferring
        self.own = own or dict
        self.activations = activations or {}
        self.logits = logits
        self.given = given or dict
        self.wrong = wrong
        self.plain_arguments = arguments

    def named(self, key, system):
        """The same case, once it knows its place."""
        self.key = key
        self.system = system
        self.is_proof = system in PROOFS
        self.is_variant = self.is_proof or key != system.name
        return self

    @property
    def is_first_of_family(self):
        """Whether it is a family's first system, in a plain setting."""
        first = next(s for s in SYSTEMS if s.family == self.system.family)
        return not self.is_variant and self.system is first

    @property
    def is_representative(self):
        """Whether its system is trained on several devices of each backend."""
        return self.system in representatives()

    @property
    def covers_bases(self):
        """Whether its contract is tested on every backend."""
        return self.system in covering()

    @property
    def cls(self):
        return self.system.load(self.class_name)

    @property
    def parameters(self):
        """The names of the constructor's arguments."""
        return list(inspect.signature(self.cls).parameters)

    @property
    def round_size(self):
        """The number of examples that one step needs at least."""
        return max([self.parts, *self.updates.values()])

    def updates_in_two_steps(self, player):
        """How often two steps update a player."""
        return self.total_updates.get(player, 2 * self.updates.get(player, 1))

    def arguments(self):
        return {**self.plain_arguments, **self.given()}

    def build(self, seed=7, **overrides):
        """The model, with the same initial weights each time."""
        keras.utils.set_random_seed(11)
        return self.cls(**{**self.arguments(), "seed": seed, **overrides})

    def compiled(self, optimizer=None, build=None, **options):
        """The model, compiled in the way that is quick by default."""
        model = self.build(**(build or {}))
        model.compile(optimizer, **{**QUICK, **options})
        return model

    @functools.cached_property
    def prototype(self):
        """One such model, only to be looked at."""
        return self.build()

    @functools.cached_property
    def ready(self):
        """One such model, compiled, for data that it refuses."""
        return self.compiled("sgd")

    def data(self, steps=2, seed=0):
        """What `fit` takes, of a number of steps."""
        rng = np.random.default_rng(seed)
        batch = draw_batch(self.prototype.data_spec(), rng, steps * BATCH)
        return tuple(batch) if batch.y is not None else (batch.x,)

    def labels(self, n=5):
        """The argument of `sample` that it does not do without."""
        condition = self.prototype.condition
        if condition is None or isinstance(condition, Labels):
            return {}
        return {"labels": condition.draw(np.random.default_rng(4), n)}

    def inputs(self, n=5):
        """What `model(inputs)` takes."""
        rng = np.random.default_rng(3)
        specs = self.prototype.signatures()["serving_default"].inputs.values()
        drawn = [spec.draw(rng, n) for spec in specs]
        return drawn if len(drawn) > 1 else drawn[0]

    def network_names(self):
        """The arguments that take networks of the user's own, as is set."""
        return [
            name
            for name, parameter in inspect.signature(
                self.cls
            ).parameters.items()
            if "keras.src.models.model.Model" in str(parameter.annotation)
            and getattr(self.prototype, name) is not None
        ]

    def own_networks(self):
        """Networks in place of the model's, with dropout without a seed."""
        keras.utils.set_random_seed(13)
        networks = {
            name: stand_in(
                getattr(self.prototype, name), self.activations.get(name)
            )
            for name in self.network_names()
        }
        return {**networks, **self.own()} if networks else {}


def stand_in(network, activations=None):
    """A small network with the inputs and outputs of another."""
    inputs = [
        keras.Input(tensor.shape[1:], dtype=tensor.dtype)
        for tensor in shapes_of(network, "inputs")
    ]
    parts = [
        layers.Embedding(16, 3)(x)
        if x.dtype.startswith("int")
        else layers.Flatten()(x)
        for x in inputs
    ]
    x = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    x = layers.Dropout(0.3)(layers.Dense(5, activation="tanh")(x))
    shapes = [t.shape[1:] for t in shapes_of(network, "outputs")]
    activations = activations or ["linear"] * len(shapes)
    outputs = [
        layers.Activation(activation, dtype="float32")(
            layers.Reshape(shape)(layers.Dense(int(np.prod(shape)))(x))
        )
        for shape, activation in zip(shapes, activations, strict=True)
    ]
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0],
        outputs if len(outputs) > 1 else outputs[0],
    )


class Unbuilt(keras.Model):
    """The network of `stand_in`, of layers that know no shapes yet.

    Args:
        shapes: List of the shapes of its outputs, without the batch.
        activations: List of their activations.
    """

    def __init__(self, shapes, activations=None, **kwargs):
        super().__init__(**kwargs)
        self.shapes = [tuple(shape) for shape in shapes]
        activations = activations or ["linear"] * len(shapes)
        self.hidden = layers.Dense(5, activation="tanh")
        self.heads = [
            layers.Dense(int(np.prod(shape)), activation=activation)
            for shape, activation in zip(shapes, activations, strict=True)
        ]

    def call(self, inputs):
        parts = [
            layers.Flatten()(keras.ops.cast(x, "float32")[..., None])
            for x in keras.tree.flatten(inputs)
        ]
        h = self.hidden(keras.ops.concatenate(parts, axis=-1))
        outputs = [
            keras.ops.reshape(head(h), (-1, *shape))
            for head, shape in zip(self.heads, self.shapes, strict=True)
        ]
        return outputs if len(outputs) > 1 else outputs[0]


def shapes_of(network, kind):
    if hasattr(network, kind):
        return getattr(network, kind)
    # A decoder that is a layer, made from the encoder.
    size = network.mirrored[0].units
    shape = (size,) if kind == "inputs" else network.example_shape
    return [keras.KerasTensor((None, *shape))]


# ---- All cases ------------------------------------------------------------


def test_module(system):
    """The name of the module of a system's own tests."""
    if system in PROOFS:
        return f"tests.proofs.test_{system.name}"
    family = system.module.split(".")[0]
    return f"tests.models.{family}.test_{system.name}"


test_module.__test__ = False


@functools.cache
def all_cases():
    """All cases of all registered systems, by their keys."""
    return {
        key: case.named(key, system)
        for system in (*SYSTEMS, *PROOFS)
        for key, case in importlib.import_module(
            test_module(system)
        ).CONTRACT.items()
    }


def list_cases(which=lambda case: True):
    return [case for case in all_cases().values() if which(case)]


def kinds_of(system):
    """The family of a system, and its base classes of several models."""
    return {system.family} | {
        base
        for base in system.load().__mro__
        if base.__module__.rpartition(".")[0] == "keras_gen.models"
    }


@functools.cache
def representatives():
    """The first system of each family, and of each base class of several."""
    chosen, seen = [], set()
    for system in SYSTEMS:
        if not kinds_of(system) <= seen:
            chosen.append(system)
            seen |= kinds_of(system)
    return chosen


@functools.cache
def covering():
    """The first of each family, and as few as have the other bases."""
    families = {}
    for system in SYSTEMS:
        families.setdefault(system.family, system)
    chosen = list(families.values())
    missing = set().union(*map(kinds_of, SYSTEMS))
    missing -= set().union(*map(kinds_of, chosen))
    while missing:
        best = max(SYSTEMS, key=lambda s: len(kinds_of(s) & missing))
        chosen.append(best)
        missing -= kinds_of(best)
    return chosen


def served_keys():
    """The keys of the first case of each class."""
    first = {}
    for case in all_cases().values():
        first.setdefault(case.cls, case.key)
    return list(first.values())


def agreeing_keys(backend):
    """The keys of the cases whose training a backend is compared by.

    JAX compiles each. There, of variants, only those that are served.
    """
    if backend != "jax":
        return list(all_cases())
    served = served_keys()
    return [
        key
        for key, case in all_cases().items()
        if case.is_proof or not case.is_variant or key in served
    ]


def continued_keys(backend):
    """The keys of the cases that go on from another backend's checkpoint.

    One of each class on PyTorch, those of representatives on the others. All
    have the same state, and from the same state all train alike.
    """
    cases = all_cases()
    return [
        key
        for key in served_keys()
        if backend == "torch" or cases[key].is_representative
    ]


def distributed_keys(kind):
    """The keys of the cases that are trained on one kind of two devices.

    All systems by PyTorch's processes, which compile nothing; elsewhere those
    of representatives, and the first of each family by JAX's processes.
    """
    if kind == "processes":
        return [k for k, case in all_cases().items() if case.is_first_of_family]
    return [
        key
        for key, case in all_cases().items()
        if case.is_proof
        or (
            not case.is_variant
            and (kind == "torchrun" or case.is_representative)
        )
    ]
