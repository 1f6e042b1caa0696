"""Exponential moving averages of networks, kept in a model's own state."""

import keras
from keras import ops


def averaged_copy(network):
    """A frozen copy of `network` to hold the average of its weights.

    Args:
        network: A built `keras.Model`.

    Returns:
        A network of the same architecture with the same weights, none of
        them trainable. Assign it to an attribute of the model, so that it is
        saved with it, and call `update_average` after each update.
    """
    config = keras.saving.serialize_keras_object(network)
    copy = keras.saving.deserialize_keras_object(config)
    if not copy.built:
        copy.build(network.input_shape)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


def update_average(average, network, decay):
    """Moves `average` towards `network`: `a <- decay * a + (1 - decay) * w`.

    Weights that no optimizer updates, such as the moving statistics of batch
    normalization, are copied.

    Args:
        average: The network that `averaged_copy` returned.
        network: The network whose weights are averaged.
        decay: Float in [0, 1], or a scalar tensor.
    """
    trainable = {id(variable) for variable in network.trainable_variables}
    for a, w in zip(average.weights, network.weights, strict=True):
        value = ops.copy(ops.convert_to_tensor(w))
        if id(w) in trainable:
            rate = ops.cast(1.0 - decay, a.dtype)
            value = a + rate * (value - a)
        a.assign(value)
