"""The convolution of two-dimensional feature maps."""

import keras
from keras import ops

from keras_gen import backend


@keras.saving.register_keras_serializable(package="keras_gen")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, with channels last.

    It works around an error that PyTorch raises in the gradient of a kernel of
    one filter, as that of a map of scores, on a batch of one image.

    Args:
        *args: Those of `keras.layers.Conv2D`.
        **kwargs: Likewise.

    Example:

    >>> layer = Conv2D(1, 3, padding="same")
    >>> layer(keras.random.normal((1, 4, 4, 8))).shape
    (1, 4, 4, 1)
    """

    def convolution_op(self, inputs, kernel):
        """The convolution, without bias and activation."""
        return backend.conv(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def call(self, inputs):
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)
