"""TensorFlow as the reader of data beside whichever backend computes.

Importing this module first settles two things in one place. PyTorch must be
loaded before TensorFlow when a process needs both. And TensorFlow, where it
only reads data, must not claim the memory of the accelerator that another
backend trains on.
"""

import keras

if keras.config.backend() == "torch":
    import torch  # noqa: F401

try:
    import tensorflow as tf
except ImportError as error:
    raise ImportError(
        "The pipelines of `keras_gen.data` are TensorFlow's, whichever backend "
        "trains the model, but TensorFlow is not installed. Install it with "
        "`pip install -e '.[recipes]'` in the checkout."
    ) from error


def _leave_accelerators_alone():
    try:
        tf.config.set_visible_devices([], "GPU")
    except (RuntimeError, ValueError):
        # TensorFlow was already initialized by the caller, whose choice of
        # devices then stands.
        pass


if keras.config.backend() != "tensorflow":
    _leave_accelerators_alone()
