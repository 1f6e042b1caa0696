"""The transposed convolution of two-dimensional feature maps."""

import keras
from keras import ops

from keras_gen import backend


@keras.saving.register_keras_serializable(package="keras_gen")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`, trained faster.

    On JAX's CPU its gradient by the kernel is that of the convolution whose
    transpose it is, for which XLA has a fast kernel. On PyTorch the channels
    stay last in memory.

    Args:
        *args: Those of `keras.layers.Conv2DTranspose`.
        **kwargs: Likewise.

    Example:

    >>> layer = Conv2DTranspose(64, 4, strides=2, padding="same")
    >>> layer(keras.random.normal((8, 4, 4, 128)))  # (8, 8, 8, 64)
    """

    def convolution_op(self, inputs, kernel):
        """The transposed convolution, without bias and activation."""
        return backend.conv_transpose(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def call(self, inputs):
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            shape = (-1,) if self.data_format == "channels_last" else (-1, 1, 1)
            outputs = outputs + ops.reshape(self.bias, shape)
        return outputs if self.activation is None else self.activation(outputs)
