"""Batched inference, so that memory stays bounded."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from keras_gen import backend
from keras_gen.checks import check_positive
from keras_gen.progress import reported


def run_batched(fn, *arrays, batch_size=256):
    """Applies `fn` to batches of examples and concatenates the results.

    Args:
        fn: Function of tensors that returns a structure of tensors whose
            first axis is that of its arguments. No gradient is recorded.
        *arrays: Arrays of equal length along the first axis.
        batch_size: Integer. The examples in a batch.

    Returns:
        The structure of NumPy arrays.
    """
    batches = batches_of(*arrays, batch_size=batch_size)
    return run_batches(fn, batches, len(arrays[0]))


def batches_of(*arrays, batch_size):
    """Batches of arrays, as tuples of views of them."""
    check_positive(batch_size=batch_size)
    if not len(arrays[0]):
        raise ValueError(
            "Arrays must hold at least one example. Received: shapes "
            f"{[np.shape(array) for array in arrays]}."
        )
    for start in range(0, len(arrays[0]), batch_size):
        yield tuple(array[start : start + batch_size] for array in arrays)


def run_batches(fn, batches: Iterable[tuple], total=None, what="Examples"):
    """Applies `fn` to batches and concatenates the results.

    Args:
        fn: Function of tensors, as in `run_batched`.
        batches: Iterable of tuples of arrays.
        total: Integer, or `None` if the number of examples is not known.
        what: String. The name of the work, should it take long.

    Returns:
        The structure of NumPy arrays.
    """
    results = []
    for arrays in reported(batches, total, what):
        tensors = [ops.convert_to_tensor(array) for array in arrays]
        with backend.inference():
            result = fn(*tensors)
        results.append(keras.tree.map_structure(ops.convert_to_numpy, result))
    if not results:
        raise ValueError(
            "Data must bring at least one batch. Received: none. A generator "
            "can be read once only: pass a new one."
        )
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(parts, axis=0), *results
    )
