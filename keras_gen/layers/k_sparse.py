"""Keeping the largest entries of a code."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_gen")
class KSparse(keras.layers.Layer):
    """Keeps the `k` largest entries of each row and sets the others to zero.

    The largest by value, not by magnitude. Exactly `k` are kept, also where
    some are equal. The derivative passes through what is kept alone.

    Args:
        k: Integer. How many entries are kept.

    Call arguments:
        inputs: Tensor of shape `(batch, units)`.
        k: Integer or integer tensor, in place of the layer's own.

    Example:

    >>> KSparse(1)(keras.ops.array([[1.0, 3.0, -4.0]]))  # [[0, 3, 0]]

    Reference:

    - [Makhzani and Frey, 2014](https://arxiv.org/abs/1312.5663)
    """

    def __init__(self, k: int, **kwargs):
        super().__init__(**kwargs)
        check_count("k", k)
        self.k = k
        self.built = True

    def call(self, inputs, k=None):
        k = self.k if k is None else k
        order = ops.argsort(-ops.stop_gradient(inputs), axis=-1)
        ranks = ops.argsort(order, axis=-1)
        return ops.where(ranks < k, inputs, ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "k": self.k}


def check_count(name, value):
    """Raises unless `value` is an integer that is not negative."""
    if value < 0 or value != int(value):
        raise ValueError(
            f"`{name}` must be an integer, not negative. Received: "
            f"{name}={value}."
        )
