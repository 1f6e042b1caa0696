"""Normalization of each feature map of each example."""

import keras

from keras_gen.layers.layer_normalization import LayerNormalization


@keras.saving.register_keras_serializable(package="keras_gen")
class InstanceNormalization(LayerNormalization):
    """Normalizes each channel of each example over the axes of space.

    Args:
        epsilon: Float. Added to the variance.
        affine: Boolean. Whether a scale and a bias of each channel are learned.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`.

    Example:

    >>> layer = InstanceNormalization()
    >>> y = layer(keras.random.normal((2, 8, 8, 3)))

    Reference:

    - [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022)
    """

    def __init__(self, epsilon: float = 1e-5, affine: bool = False, **kwargs):
        super().__init__(epsilon, **kwargs)
        self.affine = affine

    def normalized_axes(self, rank):
        return tuple(range(1, rank - 1))

    def get_config(self):
        return {**super().get_config(), "affine": self.affine}
