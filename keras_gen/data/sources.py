"""Embedded data sets: examples that can be asked for by number.

A `Source` knows how to make any batch of its examples from their numbers. The
`tf.data.Dataset` made of it remembers this, so that a pipeline can visit the
examples in any order, exactly shuffled, without ever holding them all.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_ATTRIBUTE = "_keras_gen_lookup"
_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class Source:
    """An embedded data set.

    Args:
        gather: Callable from a 1D int64 tensor of example numbers to a dict
            of named features, each with one leading axis for the examples.
            It should be made of TensorFlow operations, without randomness
            other than stateless operations seeded by the number.
        splits: Dict from the name of a split to a 1D array of the numbers of
            its examples, in order.
    """

    gather: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    splits: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Lookup:
    """What a data set made of a `Source` remembers.

    Args:
        numbers: 1D int64 array, the number in the source of each example.
        gather: The source's `gather`.
    """

    numbers: np.ndarray
    gather: Callable[[tf.Tensor], dict[str, tf.Tensor]]


def from_arrays(
    arrays: dict[str, np.ndarray],
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Returns the `gather` of a source whose examples lie in memory.

    Args:
        arrays: Dict of arrays with one leading axis for the examples.

    Returns:
        A callable from example numbers to a dict of batched features.
    """
    with tf.device("CPU:0"):
        tensors = {name: tf.constant(array) for name, array in arrays.items()}

    def gather(numbers):
        return {name: tf.gather(t, numbers) for name, t in tensors.items()}

    return gather


def to_dataset(source: Source, numbers: np.ndarray) -> tf.data.Dataset:
    """Makes a `tf.data.Dataset` of some examples of a source.

    Args:
        source: A `Source`.
        numbers: 1D integer array, the numbers of the examples, in order.

    Returns:
        A `tf.data.Dataset` of single examples, of known cardinality.
    """
    numbers = np.asarray(numbers, "int64")
    with tf.device("CPU:0"):
        dataset = tf.data.Dataset.from_tensor_slices(numbers)
    dataset = (
        dataset.batch(_BLOCK)
        .map(tf.autograph.experimental.do_not_convert(source.gather))
        .prefetch(1)
        .unbatch()
    )
    dataset = dataset.apply(
        tf.data.experimental.assert_cardinality(len(numbers))
    )
    setattr(dataset, _ATTRIBUTE, Lookup(numbers, source.gather))
    return dataset


def lookup(dataset: tf.data.Dataset) -> Lookup | None:
    """Returns the `Lookup` of a data set made of a source, else `None`."""
    return getattr(dataset, _ATTRIBUTE, None)
