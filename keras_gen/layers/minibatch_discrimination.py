"""How similar an example is to the others of its batch."""

import keras
from keras import layers, ops

from keras_gen.backend import gather, replica
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_gen")
class MinibatchDiscrimination(layers.Layer):
    """The similarities of each example to the rest of its batch.

    Of features `f(x_i)` and a tensor `T`, kernel `b` has the vectors `M_ib =
    (f(x_i) T)_b`, of `dims` components, and the output

        o(x_i)_b = sum_j exp(-||M_ib - M_jb||_1) + bias_b.

    Each component of `T` has a direction, normalized, and a scale. The batch
    is that of all workers.

    Args:
        kernels: Integer. The number of outputs.
        dims: Integer. The components that each of them compares.
        include_self: Boolean. Whether the sum has `j = i`, which adds 1, as in
            the paper; the official code leaves it out.
        kernel_initializer: Initializer of the directions.
        bias_initializer: Initializer of the bias; -1 in the official code.

    Call arguments:
        inputs: Tensor of shape `(batch, features)`.

    Example:

    >>> MinibatchDiscrimination(100)(keras.random.normal((8, 250)))

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """

    def __init__(
        self,
        kernels: int,
        dims: int = 5,
        include_self: bool = False,
        kernel_initializer="random_normal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive(kernels=kernels, dims=dims)
        self.kernels = kernels
        self.dims = dims
        self.include_self = include_self
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.kernels, self.dims),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        self.log_scale = self.add_weight(
            shape=(self.kernels, self.dims),
            initializer="zeros",
            name="log_scale",
        )
        self.bias = self.add_weight(
            shape=(self.kernels,),
            initializer=self.bias_initializer,
            name="bias",
        )

    def distances(self, inputs):
        """The distances of this worker's examples to all, of each kernel.

        Returns:
            Tensor of shape `(batch, examples, kernels)`, and one of shape
            `(batch, examples, 1)` that is 1 where both are the same example.
        """
        x = at_least_float32(inputs)
        kernel = ops.cast(ops.convert_to_tensor(self.kernel.value), x.dtype)
        scale = ops.convert_to_tensor(self.log_scale.value)
        scale = ops.exp(ops.cast(scale, x.dtype))
        squares = ops.sum(ops.square(kernel), axis=0)
        kernel = kernel * (scale * ops.rsqrt(squares + 1e-12))
        own = ops.tensordot(x, kernel, axes=[[1], [0]])
        every = gather(own)
        difference = own[:, None] - every[None]
        count, total = ops.shape(own)[0], ops.shape(every)[0]
        places = ops.arange(count) + replica()[0] * count
        same = ops.equal(places[:, None], ops.arange(total)[None])
        same = ops.cast(same, x.dtype)[..., None]
        return ops.sum(ops.abs(difference), axis=-1), same

    def similarities(self, distances, same):
        """Their sums, without the bias."""
        alike = ops.exp(-distances)
        if not self.include_self:
            alike = alike * (1.0 - same)
        return ops.sum(alike, axis=1)

    def call(self, inputs):
        outputs = self.similarities(*self.distances(inputs))
        bias = ops.convert_to_tensor(self.bias.value)
        outputs = outputs + ops.cast(bias, outputs.dtype)
        return ops.cast(outputs, self.compute_dtype)

    def initialize_from(self, inputs) -> None:
        """Sets scales and biases by the statistics of a batch.

        On it, the nearest other example of each is at the mean distance 2, and
        the outputs have the mean 0.

        Args:
            inputs: Tensor, a batch of inputs.
        """
        distances, same = self.distances(inputs)
        nearest = ops.min(distances + 1e6 * same, axis=1)
        half = 0.5 * ops.mean(nearest, axis=0) + 1e-12
        shift = ops.cast(ops.log(half), self.log_scale.dtype)
        self.log_scale.assign(self.log_scale - shift[:, None])
        outputs = self.similarities(distances / half, same)
        mean = ops.mean(outputs, axis=0)
        self.bias.assign(ops.cast(-mean, self.bias.dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.kernels)

    def get_config(self):
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "kernels": self.kernels,
            "dims": self.dims,
            "include_self": self.include_self,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
        }
