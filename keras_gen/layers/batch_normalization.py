"""Batch normalization as the official generative models use it."""

import keras
from keras import ops

from keras_gen.backend import fused_batch_norm, replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_decay


@keras.saving.register_keras_serializable(package="keras_gen")
class BatchNormalization(keras.layers.Layer):
    """Batch normalization over the last axis, in any number of workers.

    In training the mean and the variance are those of the whole global
    batch, over all workers that share it. The layer has correct second
    derivatives on every backend, which `keras.layers.BatchNormalization`
    lacks on TensorFlow. Defaults are those of the papers' code (PyTorch's
    momentum 0.1 is `momentum=0.9` here).

    Args:
        momentum: Float in [0, 1). Fraction of the moving statistics kept
            in each training call.
        epsilon: Float. Added to the variance.
        center: Boolean. Whether a bias is learned.
        scale: Boolean. Whether a scale is learned.
        beta_initializer: Initializer of the bias.
        gamma_initializer: Initializer of the scale.
        moving_statistics: Boolean. Whether moving statistics are kept for
            inference. If not, inputs are normalized there too, each by its
            own statistics, as in a batch of one: the inputs need axes of
            space then.

    Call arguments:
        inputs: Tensor with at least two axes.
        training: Boolean. Whether to use the statistics of the batch and
            to update the moving ones: not if the layer is frozen.

    Example:

    >>> layer = BatchNormalization()
    >>> y = layer(keras.random.normal((8, 3)), training=True)

    Reference:

    - [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167)
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        center: bool = True,
        scale: bool = True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_statistics: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_decay(momentum=momentum)
        self.moving_statistics = moving_statistics
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)

    def build(self, input_shape):
        shape = (input_shape[-1],)
        if self.scale:
            self.gamma = self.add_weight(
                shape=shape, initializer=self.gamma_initializer, name="gamma"
            )
        if self.center:
            self.beta = self.add_weight(
                shape=shape, initializer=self.beta_initializer, name="beta"
            )
        if not self.moving_statistics:
            if len(input_shape) < 3:
                raise ValueError(
                    "Inputs must have axes of space with "
                    "`moving_statistics=False`. Received: "
                    f"input_shape={input_shape}. Keep moving statistics."
                )
            return
        self.moving_mean = self.add_weight(
            shape=shape,
            initializer="zeros",
            trainable=False,
            autocast=False,
            name="moving_mean",
        )
        self.moving_variance = self.add_weight(
            shape=shape,
            initializer="ones",
            trainable=False,
            autocast=False,
            name="moving_variance",
        )

    def call(self, inputs, training=False):
        x = at_least_float32(inputs)
        gamma = ops.cast(self.gamma, x.dtype) if self.scale else None
        beta = ops.cast(self.beta, x.dtype) if self.center else None
        if training and self.trainable:
            outputs = self._normalize_batch(x, gamma, beta)
        elif not self.moving_statistics:
            axes = tuple(range(1, len(x.shape) - 1))
            centered = x - ops.mean(x, axis=axes, keepdims=True)
            variance = ops.mean(centered * centered, axis=axes, keepdims=True)
            outputs = self._scaled(centered, variance, gamma, beta)
        else:
            centered = x - ops.cast(self.moving_mean, x.dtype)
            variance = ops.cast(self.moving_variance, x.dtype)
            outputs = self._scaled(centered, variance, gamma, beta)
        return ops.cast(outputs, inputs.dtype)

    def _normalize_batch(self, x, gamma, beta):
        fused = fused_batch_norm(x, gamma, beta, self.epsilon)
        if fused is None:
            axes = tuple(range(len(x.shape) - 1))
            mean = replica_mean(ops.mean(x, axis=axes))
            centered = x - mean
            variance = replica_mean(ops.mean(centered * centered, axis=axes))
            outputs = self._scaled(centered, variance, gamma, beta)
        else:
            outputs, mean, variance = fused
        if self.moving_statistics:
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
        return outputs

    def _scaled(self, centered, variance, gamma, beta):
        factor = ops.rsqrt(variance + self.epsilon)
        if gamma is not None:
            factor = factor * gamma
        outputs = centered * factor
        return outputs if beta is None else outputs + beta

    def _move(self, average, value):
        value = ops.cast(ops.stop_gradient(value), average.dtype)
        average.assign(average * self.momentum + value * (1.0 - self.momentum))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": keras.initializers.serialize(
                self.beta_initializer
            ),
            "gamma_initializer": keras.initializers.serialize(
                self.gamma_initializer
            ),
            "moving_statistics": self.moving_statistics,
        }


@keras.saving.register_keras_serializable(package="keras_gen")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Batch normalization with a scale and a bias for each class.

    Args:
        num_classes: Integer. The number of rows of the two tables.
        momentum: Float in [0, 1), as in `BatchNormalization`.
        epsilon: Float. Added to the variance.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`.
        labels: Integer tensor of shape `(batch,)`.
        training: Boolean, as in `BatchNormalization`.

    Example:

    >>> layer = ConditionalBatchNormalization(10)
    >>> y = layer(keras.random.normal((8, 4, 4, 3)), keras.ops.arange(8))

    Reference:

    - [Dumoulin et al., 2017](https://arxiv.org/abs/1610.07629)
    """

    def __init__(
        self,
        num_classes: int,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.momentum = momentum
        self.epsilon = epsilon
        self.normalization = BatchNormalization(
            momentum,
            epsilon,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
        )

    def build(self, inputs_shape, labels_shape=None):
        self.normalization.build(inputs_shape)
        shape = (self.num_classes, inputs_shape[-1])
        self.gamma = self.add_weight(
            shape=shape, initializer="ones", name="gamma"
        )
        self.beta = self.add_weight(
            shape=shape, initializer="zeros", name="beta"
        )

    def call(self, inputs, labels, training=False):
        x = self.normalization(inputs, training=training)
        batch, *space, channels = inputs.shape
        shape = (-1, *[1 for _ in space], channels)
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        gamma = ops.reshape(ops.take(self.gamma, labels, axis=0), shape)
        beta = ops.reshape(ops.take(self.beta, labels, axis=0), shape)
        return x * ops.cast(gamma, x.dtype) + ops.cast(beta, x.dtype)

    def compute_output_shape(self, inputs_shape, labels_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
