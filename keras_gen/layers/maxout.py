"""Maxout units."""

import keras
from keras import layers, ops

from keras_gen.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_gen")
class Maxout(layers.Layer):
    """The largest of several affine functions, for each unit.

    Args:
        units: Integer. The number of outputs.
        pieces: Integer. The affine functions of each.
        kernel_initializer: Initializer of the kernel.

    Call arguments:
        inputs: Tensor of shape `(batch, features)`.

    Example:

    >>> Maxout(240, pieces=5)(keras.random.normal((8, 784)))

    Reference:

    - [Goodfellow et al., 2013](https://arxiv.org/abs/1302.4389)
    """

    def __init__(
        self,
        units: int,
        pieces: int,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(units=units, pieces=pieces)
        self.units = units
        self.pieces = pieces
        self.affine = layers.Dense(
            units * pieces,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        self.affine.build(input_shape)

    def call(self, inputs):
        outputs = self.affine(inputs)
        return ops.max(ops.reshape(outputs, (-1, self.units, self.pieces)), -1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        kernel = keras.initializers.serialize(self.affine.kernel_initializer)
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": kernel,
        }
