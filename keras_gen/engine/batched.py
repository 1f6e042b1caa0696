"""Batched inference, so that memory stays bounded."""

import keras
import numpy as np
from keras import ops

from keras_gen import backend


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
    size = len(arrays[0])
    if size == 0:
        raise ValueError(
            "Arrays must hold at least one example. Received: shapes "
            f"{[np.shape(array) for array in arrays]}."
        )
    results = []
    for start in range(0, size, batch_size):
        parts = [
            ops.convert_to_tensor(array[start : start + batch_size])
            for array in arrays
        ]
        with backend.inference():
            result = fn(*parts)
        results.append(keras.tree.map_structure(ops.convert_to_numpy, result))
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(parts, axis=0), *results
    )
