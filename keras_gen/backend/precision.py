"""Arithmetic that must not run in half precision."""

import keras
from keras import ops


def at_least_float32(x):
    """`x`, as float32 if its type is a 16-bit float, else as it is."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x
