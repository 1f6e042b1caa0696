"""How networks are given a class or another condition."""

import keras
from keras import layers, ops


def condition_input(num_classes: int | None = None, size: int | None = None):
    """The input of a condition, and its vectors.

    Args:
        num_classes: Integer. The number of classes, whose vectors are one-hot;
            `None` if the condition is a vector itself.
        size: Integer. The size of such a vector.

    Returns:
        Tuple of the `keras.Input` and the tensor of shape `(batch, size)`.
    """
    if num_classes is None:
        vector = keras.Input((size,))
        return vector, vector
    labels = keras.Input((), dtype="int32")
    return labels, ops.one_hot(labels, num_classes)


def with_condition(x, vector):
    """Features with a vector concatenated, at each place of feature maps."""
    if len(x.shape) == 2:
        return layers.Concatenate()([x, vector])
    maps = layers.Reshape((1, 1, vector.shape[-1]))(vector)
    maps = layers.UpSampling2D(x.shape[1:3])(maps)
    return layers.Concatenate()([x, maps])
