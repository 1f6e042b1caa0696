"""The parameters of a learned distribution of codes."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_gen")
class MixtureParameters(keras.layers.Layer):
    """The means, the log-variances and the logits of a normal mixture.

    `values()` returns them. One component starts as N(0, I); the means of
    several are drawn from it.

    Args:
        latent_dim: Integer.
        num_components: Integer.

    Example:

    >>> mean, log_variance, logits = MixtureParameters(2, 10).values()
    >>> mean.shape
    (10, 2)
    """

    def __init__(self, latent_dim: int, num_components: int, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.num_components = num_components
        shape, one = (num_components, latent_dim), num_components == 1
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.mean = self.add_weight(
            shape=shape, initializer="zeros" if one else normal, name="mean"
        )
        self.log_variance = self.add_weight(
            shape=shape, initializer="zeros", name="log_variance"
        )
        self.logits = self.add_weight(
            shape=shape[:1],
            initializer="zeros",
            trainable=not one,
            name="logits",
        )
        self.built = True

    def values(self):
        return self.mean.value, self.log_variance.value, self.logits.value

    def get_config(self):
        sizes = {
            "latent_dim": self.latent_dim,
            "num_components": self.num_components,
        }
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="keras_gen")
class PseudoInputs(keras.layers.Layer):
    """Learned examples, whose posteriors make up a VampPrior.

    `values()` returns them.

    Args:
        num_inputs: Integer.
        shape: Tuple. The shape of an example.
        value_range: Pair of floats that they are clipped to, or `None`.

    Example:

    >>> PseudoInputs(10, (28, 28, 1), (0.0, 1.0)).values().shape
    (10, 28, 28, 1)

    Reference:

    - [Tomczak and Welling, 2018](https://arxiv.org/abs/1705.07120)
    """

    def __init__(self, num_inputs, shape, value_range=None, **kwargs):
        super().__init__(**kwargs)
        self.num_inputs = num_inputs
        self.shape = tuple(shape)
        self.value_range = value_range
        # As the official code's for images: dark, and never equal.
        start = keras.initializers.RandomNormal(0.05, 0.01)
        self.inputs = self.add_weight(
            shape=(num_inputs, *self.shape), initializer=start, name="inputs"
        )
        self.built = True

    def values(self):
        if self.value_range is None:
            return self.inputs.value
        return ops.clip(self.inputs, *self.value_range)

    def get_config(self):
        sizes = {
            "num_inputs": self.num_inputs,
            "shape": self.shape,
            "value_range": self.value_range,
        }
        return {**super().get_config(), **sizes}
