"""What the tests of the autoencoders share."""

import contextlib
from unittest import mock

import keras
import numpy as np
import scipy.special

from keras_gen.engine import Batch
from tests.numerics import loss_and_gradients, randomize, tensor

SHAPE = (4, 3, 1)


def images(n=6, shape=SHAPE):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, *shape)).astype("float32")


@contextlib.contextmanager
def zero_weights():
    """Layers that are built inside start from zero, which takes no time."""

    def zeros(self, shape, dtype=None):
        return keras.ops.zeros(shape, dtype)

    with contextlib.ExitStack() as stack:
        for name in ("VarianceScaling", "RandomNormal", "RandomUniform"):
            initializer = getattr(keras.initializers, name)
            stack.enter_context(
                mock.patch.object(initializer, "__call__", zeros)
            )
        yield


def randomized(cls, *args, scale=0.5, **options):
    """An autoencoder with random weights, biases included, from NumPy."""
    with zero_weights():
        model = cls(*args, seed=0, **options)
    randomize(model.encoder, 1, scale)
    randomize(model.decoder, 2)
    return model


def weights_of(model):
    return [*model.encoder.get_weights(), *model.decoder.get_weights()]


def sum_by_example(x):
    return x.reshape(len(x), -1).sum(1)


def reconstruction_terms(likelihood, x, outputs):
    """The reconstruction and the loss of each component, in NumPy."""
    if likelihood == "gaussian":
        return outputs, 0.5 * (x - outputs) ** 2
    mean = scipy.special.expit(outputs)
    return mean, -(x * np.log(mean) + (1 - x) * np.log(1 - mean))


def gradients_of(model, x):
    """The training loss of a batch and its derivatives by all variables."""
    batch = Batch(tensor(x))
    return loss_and_gradients(
        lambda: model.model_loss(batch, True), model.trainable_variables
    )
