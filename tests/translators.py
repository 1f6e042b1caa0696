"""What tests of translators share: drawn batches, what a loss logs, teaches."""

import keras
import numpy as np
from keras import layers

from keras_gen import backend
from keras_gen.engine import Batch
from tests.numerics import array, one_program, tensor


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


def gradients_by_network(model, loss, names, changing=()):
    """A function, to the largest derivative of a loss by each of networks.

    It is one program; variables that change between its calls are named.
    """
    variables = [
        (name, variable)
        for name in names
        for variable in getattr(model, name).trainable_variables
    ]

    def objective():
        value = loss()
        return value, value

    program = one_program(
        lambda: backend.differentiate(objective, [v for _, v in variables])[1],
        changing,
    )

    def sizes():
        found = dict.fromkeys(names, 0.0)
        for (name, _), gradient in zip(variables, program(), strict=True):
            largest = np.abs(array(gradient)).max()
            found[name] = max(found[name], float(largest))
        return found

    return sizes


def gradient_sizes(model, loss, names):
    """For each of some networks, the largest derivative of a loss."""
    return gradients_by_network(model, loss, names)()


def scaling(factor, shape):
    """The network that multiplies images by a number."""
    inputs = keras.Input(shape)
    layer = layers.Conv2D(shape[-1], 1, use_bias=False)
    network = keras.Model(inputs, layer(inputs))
    layer.kernel.assign(factor * np.eye(shape[-1])[None, None])
    return network
