"""Data sets whose examples can be looked up by their index.

A `Source` makes any of its examples from their indices. The `tf.data.Dataset`
made of it remembers this, so that a pipeline can visit the examples in any
order, exactly shuffled, without ever holding them all.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_ATTRIBUTE = "_keras_gen_lookup"
_CLASSES = "_keras_gen_num_classes"
_ATTRIBUTES = "_keras_gen_attribute_names"
_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set of indexed examples.

    Attributes:
        splits: Dict from the name of a split to a 1D array: the indices of
            its examples, in order.
        gather: Callable from a 1D int64 tensor of indices to a dict of named
            features, each with one leading axis for the examples. It should
            be made of TensorFlow operations, without randomness other than
            stateless operations seeded by the index.
        read: Callable from one index, an int64 scalar, to a dict of named
            features of one example, in place of `gather` where the examples
            cannot be stacked.
        num_classes: Integer or `None`. How many classes the feature `label`
            has, if there is one.
        attribute_names: Tuple of strings or `None`. What the feature
            `attributes` says, if it has 0 or 1 for each.
    """

    splits: dict[str, np.ndarray]
    gather: Callable[[tf.Tensor], dict[str, tf.Tensor]] | None = None
    read: Callable[[tf.Tensor], dict[str, tf.Tensor]] | None = None
    num_classes: int | None = None
    attribute_names: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Lookup:
    """What a data set made of a `Source` remembers.

    Attributes:
        source: `Source`.
        indices: 1D int64 array. The index in the source of each example.
    """

    source: Source
    indices: np.ndarray


def from_arrays(
    arrays: dict[str, np.ndarray],
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Returns the `gather` of a source whose examples are in memory.

    Args:
        arrays: Dict of arrays with one leading axis for the examples.

    Returns:
        Callable from indices to a dict of batched features.
    """
    with tf.device("CPU:0"):
        tensors = {name: tf.constant(array) for name, array in arrays.items()}

    def gather(indices):
        return {name: tf.gather(t, indices) for name, t in tensors.items()}

    return gather


def to_dataset(source: Source, indices: np.ndarray) -> tf.data.Dataset:
    """Makes a `tf.data.Dataset` of some examples of a source.

    Args:
        source: `Source`.
        indices: 1D integer array. The indices of the examples, in order.

    Returns:
        `tf.data.Dataset` of single examples, of known cardinality.
    """
    indices = np.asarray(indices, "int64")
    with tf.device("CPU:0"):
        dataset = tf.data.Dataset.from_tensor_slices(indices)
    if source.gather is None:
        dataset = dataset.map(
            tf.autograph.experimental.do_not_convert(source.read),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    else:
        dataset = (
            dataset.batch(_BLOCK)
            .map(tf.autograph.experimental.do_not_convert(source.gather))
            .prefetch(1)
            .unbatch()
        )
    dataset = dataset.apply(
        tf.data.experimental.assert_cardinality(len(indices))
    )
    setattr(dataset, _ATTRIBUTE, Lookup(source, indices))
    if source.num_classes is not None:
        declare_classes(dataset, source.num_classes)
    if source.attribute_names is not None:
        setattr(dataset, _ATTRIBUTES, source.attribute_names)
    return dataset


def lookup(dataset: tf.data.Dataset) -> Lookup | None:
    """Returns the `Lookup` of a data set made of a source, else `None`."""
    return getattr(dataset, _ATTRIBUTE, None)


def select(dataset: tf.data.Dataset, indices: np.ndarray) -> tf.data.Dataset:
    """Selects examples of a data set by their places in it.

    Args:
        dataset: `tf.data.Dataset`, as `load()` returned it, of an embedded
            data set or of a folder.
        indices: 1D integer array. The places of the examples, in the order
            that is wanted.

    Returns:
        `tf.data.Dataset` of these examples.

    Raises:
        ValueError: If it is another data set, or has no such places.

    Example:

    >>> digits = load("digits")
    >>> int(select(digits, [3, 5, 7]).cardinality())
    3
    """
    found = lookup(dataset)
    if found is None:
        raise ValueError(
            "`dataset` must be as `load()` returned it, of an embedded data "
            "set or of a folder. Received: another. Select from it by "
            "`dataset.filter(...)`."
        )
    indices, size = np.asarray(indices, "int64"), len(found.indices)
    if indices.ndim != 1 or np.any((indices < 0) | (indices >= size)):
        raise ValueError(
            f"`indices` must be a vector of integers from 0 to {size - 1}. "
            f"Received: shape={indices.shape}, values from "
            f"{indices.min(initial=size)} to {indices.max(initial=-1)}."
        )
    return to_dataset(found.source, found.indices[indices])


def declare_classes(dataset: tf.data.Dataset, num_classes: int) -> None:
    """Lets a data set remember how many classes its labels have."""
    setattr(dataset, _CLASSES, num_classes)


def declared_classes(dataset: tf.data.Dataset) -> int | None:
    """Returns what `declare_classes` was told, else `None`."""
    return getattr(dataset, _CLASSES, None)


def declared_attributes(dataset: tf.data.Dataset) -> tuple[str, ...] | None:
    """Returns the names of the attributes of a data set, if it knows them."""
    return getattr(dataset, _ATTRIBUTES, None)
