"""Layer normalization that can stand inside a penalized critic."""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32


@keras.saving.register_keras_serializable(package="keras_gen")
class LayerNormalization(keras.layers.Layer):
    """Normalizes each example over all its axes; scales each channel.

    The examples of a batch are not coupled, so a gradient penalty through this
    layer is the penalty of each example. The moments are explicit means:
    second derivatives are correct on every backend, which those of
    `keras.layers.LayerNormalization` are not on TensorFlow.

    Args:
        epsilon: Float. Added to the variance.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`.

    Example:

    >>> layer = LayerNormalization()
    >>> y = layer(keras.random.normal((8, 4, 4, 3)))

    Reference:

    - [Ba et al., 2016](https://arxiv.org/abs/1607.06450)
    """

    affine = True

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        if not self.affine:
            return
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(
            shape=shape, initializer="ones", name="gamma"
        )
        self.beta = self.add_weight(
            shape=shape, initializer="zeros", name="beta"
        )

    def call(self, inputs):
        x = at_least_float32(inputs)
        axes = self.normalized_axes(len(x.shape))
        centered = x - ops.mean(x, axis=axes, keepdims=True)
        variance = ops.mean(centered * centered, axis=axes, keepdims=True)
        outputs = centered * ops.rsqrt(variance + self.epsilon)
        if self.affine:
            outputs = outputs * ops.cast(self.gamma, x.dtype)
            outputs = outputs + ops.cast(self.beta, x.dtype)
        return ops.cast(outputs, inputs.dtype)

    def normalized_axes(self, rank: int) -> tuple[int, ...]:
        """The axes over which the moments of an example are means."""
        return tuple(range(1, rank))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
