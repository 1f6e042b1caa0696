"""A fully connected layer within each feature map."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_gen")
class ChannelwiseDense(keras.layers.Layer):
    """Connects all positions of a feature map, each map with its own weights.

    Of `m` maps of `n x n` it has `m n^4` weights, where a dense layer has
    `m^2 n^4`. A convolution of 1x1 after it mixes the maps.

    Args:
        use_bias: Boolean. Whether each position of each map has a bias.
        kernel_initializer: Initializer of the weights, of shape `(channels,
            positions, positions)`, from inputs to outputs; or `None` for
            Glorot's, of each map.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`.

    Example:

    >>> layer = ChannelwiseDense()
    >>> layer(keras.random.normal((2, 6, 6, 256))).shape
    (2, 6, 6, 256)

    Reference:

    - [Pathak et al., 2016](https://arxiv.org/abs/1604.07379)
    """

    def __init__(
        self,
        use_bias: bool = True,
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer and keras.initializers.get(
            kernel_initializer
        )

    def build(self, input_shape):
        *sides, channels = input_shape[1:]
        positions = math.prod(sides)
        # Keras takes the maps for a part of a unit's inputs.
        glorot = keras.initializers.VarianceScaling(
            channels, "fan_avg", "uniform"
        )
        self.kernel = self.add_weight(
            shape=(channels, positions, positions),
            initializer=self.kernel_initializer or glorot,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(positions, channels), initializer="zeros", name="bias"
            )

    def call(self, inputs):
        shape = ops.shape(inputs)
        x = ops.reshape(inputs, (-1, math.prod(shape[1:3]), shape[3]))
        kernel = ops.cast(self.kernel, x.dtype)
        outputs = ops.einsum("bpc,cpq->bqc", x, kernel)
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, x.dtype)
        return ops.reshape(outputs, (-1, *shape[1:]))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        initializer = self.kernel_initializer
        if initializer is not None:
            initializer = keras.initializers.serialize(initializer)
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "kernel_initializer": initializer,
        }
