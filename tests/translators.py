"""What tests of translators share: drawn batches, what a loss logs, teaches."""

import keras
import numpy as np
from keras import layers

from keras_gen.engine import Batch
from tests.numerics import array, loss_and_gradients, tensor


def batch_of(model, n=4, seed=0):
    """A batch of what a model is trained on, at random."""
    rng = np.random.default_rng(seed)
    draw = keras.tree.map_structure(
        lambda part: None if part is None else tensor(part.draw(rng, n)),
        model.data_spec(),
    )
    return Batch(*draw)


def loss_and_logs(model, loss):
    """A loss, and what it logs."""
    logged = {}
    model.log = lambda **values: logged.update(values)
    value = float(array(loss()))
    return value, {name: float(array(x)) for name, x in logged.items()}


def gradient_sizes(model, loss, names):
    """For each of some networks, the largest derivative of a loss."""
    variables = {
        name: getattr(model, name).trainable_variables for name in names
    }
    # Of all at once: each call is a program.
    _, gradients = loss_and_gradients(loss, sum(variables.values(), []))
    gradients = iter(gradients)
    return {
        name: max(np.abs(next(gradients)).max() for _ in own)
        for name, own in variables.items()
    }


def scaling(factor, shape):
    """The network that multiplies images by a number."""
    inputs = keras.Input(shape)
    layer = layers.Conv2D(shape[-1], 1, use_bias=False)
    network = keras.Model(inputs, layer(inputs))
    layer.kernel.assign(factor * np.eye(shape[-1])[None, None])
    return network
