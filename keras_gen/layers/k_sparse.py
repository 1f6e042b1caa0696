"""k-sparse activation: keeps the k largest units of a code."""

import keras
from keras import ops

from keras_gen.checks import check_count


@keras.saving.register_keras_serializable(package="keras_gen")
class KSparse(keras.layers.Layer):
    """Keeps the `k` largest units of each row and sets the others to zero.

    The largest by value, not by magnitude. Exactly `k` are kept, also where
    some are equal. Gradients pass through the kept units alone.

    Args:
        k: Integer. How many units are kept.

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
        check_count(k=k)
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
