"""What the tests of the adversarial autoencoders share."""

import keras
import numpy as np
from keras import layers, ops

from keras_gen.engine import Batch
from tests.numerics import array, loss_and_gradients, tensor

LOG_2 = np.log(2.0)


def softplus(x):
    return np.logaddexp(0.0, x)


def dense_model(size, *units):
    """One linear layer for each output."""
    x = keras.Input((size,))
    outputs = [layers.Dense(n)(x) for n in units]
    return keras.Model(x, outputs if len(outputs) > 1 else outputs[0])


def points(n=6):
    return np.random.default_rng(0).normal(size=(n, 3)).astype("float32")


def batch_of(x, y=None):
    y = None if y is None else ops.convert_to_tensor(np.asarray(y, "int32"))
    return Batch(tensor(x), y)


def forward(network, x):
    """A linear network in NumPy."""
    kernel, bias = network.get_weights()
    return x @ kernel + bias


def losses_of(model, batch, training=True):
    return {
        player: float(array(getattr(model, f"{player}_loss")(batch, training)))
        for player in model.players
    }


def gradients_of(model, player, batch, network):
    """The largest derivative of a player's loss by a network."""
    loss_fn = getattr(model, f"{player}_loss")
    _, gradients = loss_and_gradients(
        lambda: loss_fn(batch, True),
        getattr(model, network).trainable_variables,
    )
    return max(np.abs(gradient).max() for gradient in gradients)


def changes_by_phase(model, batch, networks):
    """Which networks each update of a training step changes, in order."""
    # Weight decay moves all that a player owns, with or without a gradient.
    model.compile(keras.optimizers.SGD(0.1, weight_decay=0.1))
    seen = []
    minimize = model.minimize

    def recording(player, loss_fn):
        before = {n: getattr(model, n).get_weights() for n in networks}
        result = minimize(player, loss_fn)
        changed = {
            name
            for name, weights in before.items()
            if not all(
                map(np.array_equal, weights, getattr(model, name).get_weights())
            )
        }
        seen.append((player, changed))
        return result

    # Past Keras' tracking of attributes.
    object.__setattr__(model, "minimize", recording)
    model.training_step(batch)
    return seen
