"""Normalization by a fixed batch of reference examples."""

import keras
from keras import layers, ops

from keras_gen.backend import gather
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_gen")
class ReferenceBatch(layers.Layer):
    """A fixed batch, whatever the inputs are; a weight of the layer.

    Args:
        size: Integer. The number of reference examples.

    Call arguments:
        inputs: Tensor of shape `(batch, ...)`.

    Example:

    >>> layer = ReferenceBatch(100)
    >>> layer(keras.random.normal((8, 32))).shape
    (100, 32)

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        check_positive(size=size)
        self.size = size

    def build(self, input_shape):
        self.examples = self.add_weight(
            shape=self.compute_output_shape(input_shape),
            initializer="random_normal",
            trainable=False,
            name="examples",
        )

    def call(self, inputs):
        return ops.cast(self.examples, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return (self.size, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="keras_gen")
class FirstBatch(ReferenceBatch):
    """The first batch of training, from then on whatever the inputs are.

    Before training, it is the batch at hand. If a batch is smaller than
    `size`, its examples are repeated.

    Args:
        size: Integer. The number of reference examples.

    Call arguments:
        inputs: Tensor of shape `(batch, ...)`.
        training: Boolean. Whether the inputs are kept, if they are the first.

    Example:

    ```python
    images = keras.Input((32, 32, 3))
    reference = FirstBatch(100)(images)
    ```
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.filled = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="filled"
        )

    def call(self, inputs, training=False):
        batch = gather(ops.stop_gradient(inputs))
        places = ops.mod(ops.arange(self.size), ops.shape(batch)[0])
        first = ops.cast(ops.take(batch, places, axis=0), self.examples.dtype)
        kept = ops.convert_to_tensor(self.examples.value)
        kept = ops.where(self.filled > 0, kept, first)
        if training:
            self.examples.assign(kept)
            self.filled.assign(1.0)
        return ops.cast(kept, inputs.dtype)


@keras.saving.register_keras_serializable(package="keras_gen")
class VirtualBatchNormalization(layers.Layer):
    """Normalizes each example by itself and a batch of reference examples.

    With `B` reference examples, mean and mean square are `1/(B+1)` times those
    of the example, over its positions, and `B/(B+1)` times those of the
    reference batch. So examples do not depend on the others of their batch.
    Reference examples are normalized by their own statistics alone.

    Args:
        epsilon: Float. Added to the variance.
        beta_initializer: Initializer of the bias.
        gamma_initializer: Initializer of the scale.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`.
        reference: Tensor of shape `(B, ..., channels)`, what the layers in
            front make of the reference batch.

    Returns:
        Both, normalized.

    Example:

    ```python
    z = keras.Input((32,))
    reference = ReferenceBatch(100)(z)
    dense = keras.layers.Dense(64)
    h, reference = VirtualBatchNormalization()(dense(z), dense(reference))
    ```

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """

    def __init__(
        self,
        epsilon: float = 1e-5,
        beta_initializer="zeros",
        gamma_initializer="ones",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, inputs_shape, reference_shape=None):
        shape = (inputs_shape[-1],)
        self.gamma = self.add_weight(
            shape=shape, initializer=self.gamma_initializer, name="gamma"
        )
        self.beta = self.add_weight(
            shape=shape, initializer=self.beta_initializer, name="beta"
        )

    def call(self, inputs, reference):
        x, r = at_least_float32(inputs), at_least_float32(reference)
        axes = list(range(len(x.shape) - 1))
        mean, variance = _moments(r, axes)
        outputs = self._normalized(r, mean, variance)
        reference = ops.cast(outputs, reference.dtype)

        own_mean, own_variance = _moments(x, axes[1:])
        own = 1.0 / (ops.cast(ops.shape(r)[0], x.dtype) + 1.0)
        joint = own * own_mean + (1.0 - own) * mean
        # The mean square less the square of the mean, never below 0.
        variance = own * (own_variance + ops.square(own_mean - joint)) + (
            1.0 - own
        ) * (variance + ops.square(mean - joint))
        outputs = self._normalized(x, joint, variance)
        return ops.cast(outputs, inputs.dtype), reference

    def _normalized(self, x, mean, variance):
        gamma, beta = (
            ops.cast(ops.convert_to_tensor(weight.value), x.dtype)
            for weight in (self.gamma, self.beta)
        )
        return (x - mean) * ops.rsqrt(variance + self.epsilon) * gamma + beta

    def compute_output_shape(self, inputs_shape, reference_shape):
        return inputs_shape, reference_shape

    def get_config(self):
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "beta_initializer": serialize(self.beta_initializer),
            "gamma_initializer": serialize(self.gamma_initializer),
        }


def _moments(x, axes):
    """Mean and variance over some axes, which are kept; of none, `x` and 0."""
    if not axes:
        return x, ops.zeros_like(x)
    mean = ops.mean(x, axis=axes, keepdims=True)
    return mean, ops.mean(ops.square(x - mean), axis=axes, keepdims=True)
