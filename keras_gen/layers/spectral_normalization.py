"""Layers whose kernels are divided by their largest singular value.

T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral Normalization for
Generative Adversarial Networks", ICLR 2018, https://arxiv.org/abs/1802.05957
"""

import keras
from keras import layers, ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_positive
from keras_gen.layers.transposed_convolution import Conv2DTranspose


def normalize(x):
    """A vector of length one."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), 1e-24))


def power_iteration(matrix, u, iterations):
    """Approximate singular vectors, through which no gradient passes.

    Args:
        matrix: Tensor of shape `(rows, columns)`.
        u: Tensor of shape `(columns,)`.
        iterations: Integer.

    Returns:
        Tuple of the left vector, of shape `(rows,)`, and the right one.
    """
    matrix = ops.stop_gradient(matrix)
    for _ in range(iterations):
        v = normalize(ops.matmul(matrix, u))
        u = normalize(ops.matmul(v, matrix))
    return ops.stop_gradient(v), ops.stop_gradient(u)


class SpectralNormalization:
    """Mixed into a layer, before its class: divides its kernel by `sigma`.

    `sigma = v W u` is at most the largest singular value of the kernel `W`, as
    a matrix of its outputs and all else, and comes close to it: `u` is a weight
    of the layer, which each training call improves by one power iteration. The
    variable is `W` itself, and the gradient passes through `sigma`, too.

    Args:
        power_iterations: Integer. How many there are in a call.

    Reference:

    - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
    """

    def __init__(self, *args, power_iterations: int = 1, **kwargs):
        super().__init__(*args, **kwargs)
        check_positive(power_iterations=power_iterations)
        self.power_iterations = power_iterations

    def raw_kernel(self):
        """The variable."""
        return self.kernel

    def as_matrix(self, kernel):
        """The kernel of shape `(rest, outputs)`."""
        return ops.reshape(kernel, (-1, kernel.shape[-1]))

    def build(self, input_shape):
        super().build(input_shape)
        self.u = self.add_weight(
            shape=(self.as_matrix(self.raw_kernel()).shape[-1],),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            autocast=False,
            name="u",
        )

    def normalized_kernel(self, training=False):
        """`W / sigma`."""
        kernel = at_least_float32(ops.convert_to_tensor(self.raw_kernel()))
        matrix = self.as_matrix(kernel)
        start = ops.cast(self.u, matrix.dtype)
        v, u = power_iteration(matrix, start, self.power_iterations)
        if training and self.trainable:
            self.u.assign(ops.cast(u, self.u.dtype))
        sigma = ops.sum(v * ops.matmul(matrix, u))
        return ops.cast(kernel / sigma, self.compute_dtype)

    # Keras' own layers save what they know.
    save_own_variables = layers.Layer.save_own_variables
    load_own_variables = layers.Layer.load_own_variables

    def finished(self, outputs):
        """Outputs with the bias and the activation."""
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self):
        iterations = {"power_iterations": self.power_iterations}
        return {**super().get_config(), **iterations}


@keras.saving.register_keras_serializable(package="keras_gen")
class SpectralDense(SpectralNormalization, layers.Dense):
    """`keras.layers.Dense` with spectral normalization.

    Args:
        power_iterations: Integer. How many there are in a training call.
        **kwargs: Those of `keras.layers.Dense`.

    Example:

    >>> SpectralDense(1)(keras.random.normal((8, 128)), training=True)

    Reference:

    - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
    """

    def call(self, inputs, training=False):
        kernel = self.normalized_kernel(training)
        return self.finished(ops.matmul(inputs, kernel))


@keras.saving.register_keras_serializable(package="keras_gen")
class SpectralConv2D(SpectralNormalization, layers.Conv2D):
    """`keras.layers.Conv2D` with spectral normalization.

    What is normalized is the kernel as a matrix, `(height * width * inputs,
    outputs)`, as in the paper; the convolution may stretch by more.

    Args:
        power_iterations: Integer. How many there are in a training call.
        **kwargs: Those of `keras.layers.Conv2D`.

    Example:

    >>> SpectralConv2D(64, 3)(keras.random.normal((8, 32, 32, 3)))

    Reference:

    - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
    """

    def call(self, inputs, training=False):
        kernel = self.normalized_kernel(training)
        return self.finished(self.convolution_op(inputs, kernel))


@keras.saving.register_keras_serializable(package="keras_gen")
class SpectralConv2DTranspose(SpectralNormalization, Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with spectral normalization.

    Args:
        power_iterations: Integer. How many there are in a training call.
        **kwargs: Those of `keras.layers.Conv2DTranspose`.

    Example:

    >>> layer = SpectralConv2DTranspose(64, 4, strides=2, padding="same")
    >>> layer(keras.random.normal((8, 4, 4, 128)))  # (8, 8, 8, 64)

    Reference:

    - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
    """

    def as_matrix(self, kernel):
        # Its outputs are the last axis but one.
        return super().as_matrix(ops.transpose(kernel, (0, 1, 3, 2)))

    def call(self, inputs, training=False):
        kernel = self.normalized_kernel(training)
        return self.finished(self.convolution_op(inputs, kernel))


@keras.saving.register_keras_serializable(package="keras_gen")
class SpectralEmbedding(SpectralNormalization, layers.Embedding):
    """`keras.layers.Embedding` with spectral normalization of the table.

    Args:
        power_iterations: Integer. How many there are in a training call.
        **kwargs: Those of `keras.layers.Embedding`.

    Example:

    >>> SpectralEmbedding(10, 128)(keras.ops.arange(8))

    Reference:

    - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
    """

    def raw_kernel(self):
        return self.embeddings

    def compute_output_spec(self, inputs, training=False):
        return super().compute_output_spec(inputs)

    def call(self, inputs, training=False):
        table = self.normalized_kernel(training)
        return ops.take(table, ops.cast(inputs, "int32"), axis=0)
