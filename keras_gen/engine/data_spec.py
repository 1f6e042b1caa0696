"""What data a model takes, declared once.

A model's `data_spec()` is a `Batch` of specifications: `x` of the examples,
`y` of what goes with them, `None` for nothing. Either may be any structure.
"""

import typing

import keras
import numpy as np

from keras_gen.engine.arrays import as_numpy
from keras_gen.engine.specs import Spec


class Batch(typing.NamedTuple):
    """The data of a step: the examples and, if there is any, what goes with
    them."""

    x: typing.Any
    y: typing.Any = None


def map_spec(fn, spec, data, name: str):
    """Applies `fn(name, spec, leaf)` to each leaf of data, in its structure.

    Args:
        fn: Function of the leaf's name, its `Spec` and the leaf.
        spec: Structure of `Spec`s.
        data: The same structure of arrays or tensors.
        name: String. The name of the whole.

    Returns:
        The structure of the results.
    """
    if isinstance(spec, Spec):
        if not hasattr(data, "shape"):
            mend = "Pass the array itself."
            if isinstance(data, dict):
                keys = ", ".join(map(repr, data))
                mend = (
                    f"Pass one of its parts ({keys}); those of a data set "
                    "by `dataset.map`."
                )
            elif isinstance(data, list | tuple):
                mend = (
                    f"Pass `np.stack({name})` for a list of examples, or "
                    "`fit(x, y)` for two that go together."
                )
            raise ValueError(
                f"`{name}` must be one array. Received: "
                f"{type(data).__name__}. {mend}"
            )
        return fn(name, spec, data)
    named = isinstance(spec, dict)
    parts = spec if named else dict(enumerate(spec))
    found = data
    if isinstance(data, list | tuple):
        found = dict(enumerate(data))
    if not isinstance(found, dict) or set(found) != set(parts):
        kind = "dictionary with the keys" if named else "tuple of the parts"
        received = list(found) if isinstance(found, dict) else type(data)
        raise ValueError(
            f"`{name}` must be a {kind} {list(parts)}. Received: {received}."
        )
    mapped = {
        key: map_spec(fn, part, found[key], f"{name}[{key!r}]")
        for key, part in parts.items()
    }
    return mapped if named else tuple(mapped.values())


def map_batch(fn, owner: str, spec: Batch, batch: Batch) -> Batch:
    """Applies `map_spec` to both parts of a batch.

    Raises:
        ValueError: If `y` is missing, or is there and must not be.
    """
    x = map_spec(fn, spec.x, batch.x, "x")
    if spec.y is None and batch.y is not None:
        raise ValueError(
            f"{owner} must be trained on examples alone. Received: data with "
            "labels or targets `y`. Call `fit(x)`; drop those of a data set by "
            "`dataset.map(lambda x, y: x)`."
        )
    if batch.y is None:
        if spec.y is not None and not getattr(spec.y, "optional", False):
            wanted = spec.y.expected() if isinstance(spec.y, Spec) else "given"
            raise ValueError(
                f"`y` of {owner} must be {wanted}. Received: data without "
                "labels or targets. Call `fit(x, y)`."
            )
        return Batch(x)
    return Batch(x, map_spec(fn, spec.y, batch.y, "y"))


def prepare_batch(owner: str, spec: Batch, batch: Batch) -> Batch:
    """The batch that a step gets: shapes checked, types cast."""

    def prepare(name, spec, tensor):
        if getattr(tensor.shape, "rank", 0) is None:
            raise ValueError(
                f"`{name}` of {owner} must be of known rank. Received: a "
                "tensor of unknown rank. Call `tf.ensure_shape(x, "
                f"{spec.shape})` on each example of the data set."
            )
        spec.check_shape(owner, name, tensor.shape)
        return spec.prepare(tensor)

    return map_batch(prepare, owner, spec, batch)


def check_batch(
    owner: str,
    spec: Batch,
    batch: Batch,
    batch_size: int | None = None,
    shuffle: bool = False,
) -> None:
    """Checks the shapes and the values of arrays.

    Args:
        owner: String. The name of the model.
        spec: `Batch` of specs.
        batch: `Batch` of arrays.
        batch_size: Integer, if the arrays are divided into batches.
        shuffle: Boolean. Whether they are shuffled before.
    """

    def check(name, spec, leaf):
        spec.check_shape(owner, name, leaf.shape)
        if not len(leaf):
            raise ValueError(
                f"`{name}` of {owner} must hold at least one example. "
                f"Received: shape={tuple(leaf.shape)}."
            )
        spec.check_values(owner, name, as_numpy(leaf))
        if batch_size is not None:
            spec.check_order(owner, name, leaf, batch_size, shuffle)

    map_batch(check, owner, spec, batch)
    sizes = {
        len(leaf) for leaf in keras.tree.flatten(batch) if leaf is not None
    }
    if len(sizes) > 1:
        raise ValueError(
            f"The data of {owner} must be as many of each kind. Received: "
            f"{' and '.join(map(str, sorted(sizes)))} of them."
        )
    if batch.y is None and getattr(spec.y, "optional", False):
        map_spec(check, spec.y, batch.x, "x")


def draw_batch(spec: Batch, rng: np.random.Generator, n: int) -> Batch:
    """Random data that fit, for tests."""

    def draw(spec):
        if spec is None:
            return None
        if isinstance(spec, Spec):
            return spec.draw(rng, n)
        if isinstance(spec, dict):
            return {key: draw(part) for key, part in spec.items()}
        return tuple(draw(part) for part in spec)

    if getattr(spec.y, "optional", False):
        return Batch(draw(spec.y))
    return Batch(draw(spec.x), draw(spec.y))
