"""Corruptions of examples, for denoising autoencoders.

Each layer leaves its inputs as they are outside of training, and draws again
in each call in training.
"""

import keras
from keras import ops

from keras_gen.backend import noise


@keras.saving.register_keras_serializable(package="keras_gen")
class Corruption(keras.layers.Layer):
    """Base class of corruptions: a subclass defines `corrupt`.

    Args:
        seed: Integer, `keras.random.SeedGenerator` or `None`.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = (
            seed
            if isinstance(seed, keras.random.SeedGenerator)
            else keras.random.SeedGenerator(seed)
        )
        self.built = True

    def corrupt(self, inputs):
        """Corrupts a batch, also outside of training.

        Args:
            inputs: Tensor of shape `(batch, ...)`.

        Returns:
            The corrupted tensor, and a tensor of the same shape that is 1
            where the noise has corrupted a component, even if its value
            stayed the same, and 0 elsewhere.
        """
        raise NotImplementedError(f"{type(self).__name__} needs `corrupt`.")

    def call(self, inputs, training=False):
        return self.corrupt(inputs)[0] if training else inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def draw_uniform(self, inputs):
        """Uniform draws in [0, 1), one for each component."""
        return noise.uniform(ops.shape(inputs), self.seed_generator)

    def get_config(self):
        seed = self.seed if isinstance(self.seed, int) else None
        return {**super().get_config(), "seed": seed}


@keras.saving.register_keras_serializable(package="keras_gen")
class MaskingNoise(Corruption):
    """Sets components to zero, without rescaling the others.

    Args:
        level: Float in [0, 1]. The corruption level: the fraction of the
            components.
        exact: Boolean. Whether exactly `round(level * components)` of each
            example are set to zero, as in the paper of 2008, or each
            independently with probability `level`.
        seed: Integer, `keras.random.SeedGenerator` or `None`.

    Example:

    >>> MaskingNoise(0.25)(keras.ops.ones((2, 8)), training=True)

    Reference:

    - [Vincent et al., 2008](https://doi.org/10.1145/1390156.1390294)
    """

    def __init__(
        self, level: float = 0.25, exact: bool = True, seed=None, **kwargs
    ):
        super().__init__(seed=seed, **kwargs)
        self.level = check_level(level)
        self.exact = exact

    def corrupt(self, inputs):
        draw = self.draw_uniform(inputs)
        if self.exact:
            shape = ops.shape(inputs)
            draw = ops.reshape(draw, (shape[0], -1))
            # Ranks within an example are unique, so the count is exact.
            ranks = ops.argsort(ops.argsort(draw, axis=-1), axis=-1)
            chosen = ranks < round(self.level * draw.shape[-1])
            chosen = ops.reshape(chosen, shape)
        else:
            chosen = draw < self.level
        return ops.where(chosen, ops.zeros_like(inputs), inputs), ops.cast(
            chosen, inputs.dtype
        )

    def get_config(self):
        return {
            **super().get_config(),
            "level": self.level,
            "exact": self.exact,
        }


@keras.saving.register_keras_serializable(package="keras_gen")
class SaltAndPepperNoise(Corruption):
    """Sets components to the smallest or the largest value, equally likely.

    Args:
        level: Float in [0, 1]. The probability of each component to be
            corrupted.
        low: Float. The smallest value.
        high: Float. The largest value.
        seed: Integer, `keras.random.SeedGenerator` or `None`.

    Example:

    >>> SaltAndPepperNoise(0.5)(keras.ops.ones((2, 8)), training=True)

    Reference:

    - [Vincent et al., 2010](https://jmlr.org/papers/v11/vincent10a.html)
    """

    def __init__(
        self,
        level: float = 0.25,
        low: float = 0.0,
        high: float = 1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        self.level = check_level(level)
        self.low = low
        self.high = high

    def corrupt(self, inputs):
        draw = self.draw_uniform(inputs)
        # Below the level, the lower half is pepper and the upper half salt.
        low = ops.full_like(inputs, self.low)
        high = ops.full_like(inputs, self.high)
        extremes = ops.where(draw < 0.5 * self.level, low, high)
        chosen = draw < self.level
        return ops.where(chosen, extremes, inputs), ops.cast(
            chosen, inputs.dtype
        )

    def get_config(self):
        return {
            **super().get_config(),
            "level": self.level,
            "low": self.low,
            "high": self.high,
        }


@keras.saving.register_keras_serializable(package="keras_gen")
class AdditiveNoise(Corruption):
    """Adds normal noise, without clipping the result.

    Args:
        stddev: Float. The standard deviation of the noise.
        seed: Integer, `keras.random.SeedGenerator` or `None`.

    Example:

    >>> AdditiveNoise(0.3)(keras.ops.ones((2, 8)), training=True)

    Reference:

    - [Vincent et al., 2010](https://jmlr.org/papers/v11/vincent10a.html)
    """

    def __init__(self, stddev: float = 0.25, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        if stddev < 0:
            raise ValueError(
                f"`stddev` must not be negative. Received: stddev={stddev}."
            )
        self.stddev = stddev

    def corrupt(self, inputs):
        draw = noise.normal(ops.shape(inputs), self.seed_generator)
        draw = ops.cast(draw, inputs.dtype)
        return inputs + self.stddev * draw, ops.ones_like(inputs)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}


@keras.saving.register_keras_serializable(package="keras_gen")
class DropoutNoise(Corruption):
    """Sets components to zero and divides the others by their probability.

    For the same draw, `MaskingNoise(p, exact=False)` gives `1 - p` times
    what it gives.

    Args:
        level: Float in [0, 1). The probability of each component to be
            corrupted.
        seed: Integer, `keras.random.SeedGenerator` or `None`.

    Example:

    >>> DropoutNoise(0.25)(keras.ops.ones((2, 8)), training=True)

    Reference:

    - [Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)
    """

    def __init__(self, level: float = 0.25, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.level = check_level(level)
        if level == 1:
            raise ValueError(
                "`level` of DropoutNoise must be below 1. Received: level=1."
            )

    def corrupt(self, inputs):
        chosen = self.draw_uniform(inputs) < self.level
        kept = ops.where(chosen, ops.zeros_like(inputs), inputs)
        return kept / (1.0 - self.level), ops.cast(chosen, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "level": self.level}


def check_level(level):
    """`level`, if it is a fraction."""
    if not 0 <= level <= 1:
        raise ValueError(
            "The corruption level must be a fraction from 0 to 1. Received: "
            f"level={level}."
        )
    return level
