"""Pipelines of TensorFlow and PyTorch, without importing either."""

import functools

import numpy as np


def _is_a(x, module, name):
    return any(
        cls.__module__.startswith(module) and cls.__name__ == name
        for cls in type(x).__mro__
    )


def is_dataset(x) -> bool:
    """Whether `x` is a `tf.data.Dataset`."""
    return _is_a(x, "tensorflow.", "DatasetV2")


def is_data_loader(x) -> bool:
    """Whether `x` is a `torch.utils.data.DataLoader`."""
    return _is_a(x, "torch.utils.data", "DataLoader")


def _is_py_dataset(x):
    return _is_a(x, "keras.", "PyDataset")


def is_endless(x) -> bool:
    """Whether `x` is known to bring batches without end."""
    if is_dataset(x):
        return int(x.cardinality()) == -1  # `tf.data.INFINITE_CARDINALITY`.
    return _is_py_dataset(x) and x.num_batches is None


def watch_dataset(dataset, check):
    """A `tf.data.Dataset` that calls `check` on its first element.

    Args:
        dataset: `tf.data.Dataset`.
        check: Function of the element, with NumPy arrays. What it raises
            stops the iteration.

    Returns:
        `tf.data.Dataset` of the same elements.
    """
    import tensorflow as tf

    spec, checked = dataset.element_spec, []
    # It has an entry once an element is checked. A number of each element would
    # cost more, and a variable would be that of a strategy.
    with tf.device("cpu:0"):
        seen = tf.lookup.experimental.MutableHashTable(
            tf.int64, tf.int64, 0, experimental_is_anonymous=True
        )

    def look(*arrays):
        if not checked:
            check(tf.nest.pack_sequence_as(spec, arrays))
            checked.append(True)
        return np.int64(1)

    def first(element):
        done = tf.numpy_function(look, tf.nest.flatten(element), tf.int64)
        with tf.control_dependencies([seen.insert(np.int64(0), done)]):
            return tf.constant(True)

    @tf.autograph.experimental.do_not_convert
    def passed(*elements):
        element = elements if type(spec) is tuple else elements[0]
        done = tf.cond(
            tf.equal(seen.size(), 0), lambda: first(element), lambda: True
        )
        with tf.control_dependencies([done]):
            return tf.nest.map_structure(tf.identity, element)

    watched = dataset.map(passed)
    watched.__class__ = _once_watched(type(watched))
    watched.plain, watched.checked, watched.iterators = dataset, checked, 0
    return watched


@functools.cache
def _once_watched(cls):
    """A class of data sets whose later epochs do not pay for the check.

    One for all data sets: a class of each would hold its data set, and the
    arrays in it, until the garbage collector runs.
    """

    class Watched(cls):
        def __iter__(self):
            # At the end of an epoch Keras makes an iterator that it may not
            # use; the first one of a data set is slow to make.
            self.iterators += 1
            later = self.checked and self.iterators > 2
            return iter(self.plain) if later else super().__iter__()

    return Watched


def is_pipeline(x) -> bool:
    """Whether `x` brings batches: a data set, a loader or a generator."""
    arrays = hasattr(x, "shape") or isinstance(x, str | list | tuple | dict)
    return not arrays and (hasattr(x, "__iter__") or _is_py_dataset(x))


def batches(source):
    """The batches of a data set, a loader or a generator, once.

    Args:
        source: `tf.data.Dataset`, `DataLoader`, `PyDataset` or iterable.

    Yields:
        What it brings, of arrays or tensors.
    """
    if is_dataset(source):
        yield from source.as_numpy_iterator()
    elif _is_py_dataset(source):
        for index in range(source.num_batches):
            yield source[index]
    else:
        yield from source
