"""Layers whose kernels have a direction and a scale for each output.

T. Salimans and D. P. Kingma, "Weight Normalization: A Simple Reparameterization
to Accelerate Training of Deep Neural Networks", NIPS 2016,
https://arxiv.org/abs/1602.07868
"""

import keras
from keras import layers, ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_positive
from keras_gen.layers.transposed_convolution import Conv2DTranspose


class WeightNormalization:
    """Mixed into a layer, before its class: the kernel is `g v / ||v||`.

    The norm is that of all weights of one output. The variables are `v`, the
    `kernel`, and `g`, the `scale`, which starts at 1.

    Args:
        train_scale: Boolean. Whether `g` is trained, or stays as it is.
        initial_std: Float. The standard deviation of each output after
            `initialize_from`.

    Reference:

    - [Salimans and Kingma, 2016](https://arxiv.org/abs/1602.07868)
    """

    # The axis of the kernel that has the outputs.
    output_axis = -1

    def __init__(
        self,
        *args,
        train_scale: bool = True,
        initial_std: float = 1.0,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_positive(initial_std=initial_std)
        self.train_scale = train_scale
        self.initial_std = initial_std

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(
            shape=(self.kernel.shape[self.output_axis],),
            initializer="ones",
            trainable=self.train_scale,
            name="scale",
        )

    def normalized_kernel(self):
        """`g v / ||v||`."""
        kernel = at_least_float32(ops.convert_to_tensor(self.kernel.value))
        outputs = len(kernel.shape) + self.output_axis
        others = [i for i in range(len(kernel.shape)) if i != outputs]
        squares = ops.sum(ops.square(kernel), axis=others, keepdims=True)
        scale = ops.cast(ops.convert_to_tensor(self.scale.value), kernel.dtype)
        scale = ops.reshape(scale, (-1, *[1] * (-1 - self.output_axis)))
        kernel = kernel * scale * ops.rsqrt(squares + 1e-12)
        return ops.cast(kernel, self.compute_dtype)

    # Keras' own layers save what they know.
    save_own_variables = layers.Layer.save_own_variables
    load_own_variables = layers.Layer.load_own_variables

    def linear(self, inputs):
        """The outputs before the bias and the activation."""
        raise NotImplementedError(f"{type(self).__name__} needs `linear`.")

    def call(self, inputs):
        outputs = self.linear(inputs)
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)

    def initialize_from(self, inputs) -> None:
        """Sets scale and bias by the statistics of a batch.

        Before the activation, each output has the mean 0 and the standard
        deviation `initial_std` on it. Without a bias, the mean stays.

        Args:
            inputs: Tensor, a batch of inputs.
        """
        outputs = at_least_float32(self.linear(inputs))
        axes = list(range(len(outputs.shape) - 1))
        mean, variance = ops.moments(outputs, axes)
        factor = self.initial_std * ops.rsqrt(variance + 1e-12)
        self.scale.assign(ops.cast(factor, self.scale.dtype) * self.scale)
        if self.use_bias:
            self.bias.assign(ops.cast(-mean * factor, self.bias.dtype))

    def get_config(self):
        return {
            **super().get_config(),
            "train_scale": self.train_scale,
            "initial_std": self.initial_std,
        }


@keras.saving.register_keras_serializable(package="keras_gen")
class WeightNormDense(WeightNormalization, layers.Dense):
    """`keras.layers.Dense` with weight normalization.

    Args:
        train_scale: Boolean. Whether the scale of each output is trained.
        initial_std: Float. The standard deviation of each output after
            `initialize_from`.
        **kwargs: Those of `keras.layers.Dense`.

    Example:

    >>> WeightNormDense(10)(keras.random.normal((8, 250)))

    Reference:

    - [Salimans and Kingma, 2016](https://arxiv.org/abs/1602.07868)
    """

    def linear(self, inputs):
        return ops.matmul(inputs, self.normalized_kernel())


@keras.saving.register_keras_serializable(package="keras_gen")
class WeightNormConv2D(WeightNormalization, layers.Conv2D):
    """`keras.layers.Conv2D` with weight normalization.

    Args:
        train_scale: Boolean. Whether the scale of each filter is trained.
        initial_std: Float. The standard deviation of each feature map after
            `initialize_from`.
        **kwargs: Those of `keras.layers.Conv2D`.

    Example:

    >>> WeightNormConv2D(96, 3)(keras.random.normal((8, 32, 32, 3)))

    Reference:

    - [Salimans and Kingma, 2016](https://arxiv.org/abs/1602.07868)
    """

    def linear(self, inputs):
        return self.convolution_op(inputs, self.normalized_kernel())


@keras.saving.register_keras_serializable(package="keras_gen")
class WeightNormConv2DTranspose(WeightNormalization, Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with weight normalization.

    Args:
        train_scale: Boolean. Whether the scale of each filter is trained.
        initial_std: Float. The standard deviation of each feature map after
            `initialize_from`.
        **kwargs: Those of `keras.layers.Conv2DTranspose`.

    Example:

    >>> layer = WeightNormConv2DTranspose(3, 5, strides=2, padding="same")
    >>> layer(keras.random.normal((8, 16, 16, 128)))  # (8, 32, 32, 3)

    Reference:

    - [Salimans and Kingma, 2016](https://arxiv.org/abs/1602.07868)
    """

    output_axis = -2

    def linear(self, inputs):
        return self.convolution_op(inputs, self.normalized_kernel())
