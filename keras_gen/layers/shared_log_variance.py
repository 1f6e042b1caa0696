"""One learned log-variance."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_gen")
class SharedLogVariance(keras.layers.Layer):
    """One learned scalar, broadcast to the shape of the inputs.

    It starts from 0, a variance of 1. The values of the inputs are not used.

    Example:

    >>> SharedLogVariance()(keras.ops.ones((2, 3))).shape
    (2, 3)
    """

    def build(self, input_shape):
        self.log_variance = self.add_weight(
            shape=(), initializer="zeros", name="log_variance"
        )

    def call(self, inputs):
        value = ops.cast(self.log_variance, self.compute_dtype)
        return ops.broadcast_to(value, ops.shape(inputs))
