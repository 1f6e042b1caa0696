"""Normalization of each feature map of each example."""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32


@keras.saving.register_keras_serializable(package="keras_gen")
class InstanceNormalization(keras.layers.Layer):
    """Instance normalization, over the axes of space.

    The variance is that of the deviations from the mean: that of
    `keras.layers.GroupNormalization`, a difference of squares, loses digits
    where the mean is large.

    Args:
        epsilon: Float. Added to the variance.
        affine: Boolean. Whether a scale and a bias are learned.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`.

    Example:

    >>> layer = InstanceNormalization()
    >>> y = layer(keras.random.normal((2, 8, 8, 3)))

    Reference:

    - [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022)
    """

    def __init__(self, epsilon: float = 1e-5, affine: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.affine = affine

    def build(self, input_shape):
        if self.affine:
            shape = (input_shape[-1],)
            self.gamma = self.add_weight(
                shape=shape, initializer="ones", name="gamma"
            )
            self.beta = self.add_weight(
                shape=shape, initializer="zeros", name="beta"
            )

    def call(self, inputs):
        x = at_least_float32(inputs)
        axes = tuple(range(1, len(x.shape) - 1))
        centered = x - ops.mean(x, axis=axes, keepdims=True)
        variance = ops.mean(centered * centered, axis=axes, keepdims=True)
        outputs = centered * ops.rsqrt(variance + self.epsilon)
        if self.affine:
            outputs = outputs * ops.cast(self.gamma, x.dtype)
            outputs = outputs + ops.cast(self.beta, x.dtype)
        return ops.cast(outputs, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "affine": self.affine,
        }
