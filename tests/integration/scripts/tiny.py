"""Tiny settings of the four models, and noise that no backend draws."""

import math

import keras
import numpy as np
from keras import ops

import keras_gen

SETTINGS = {
    "vae": {"input_shape": (8, 8, 1), "latent_dim": 3, "hidden_units": 16},
    "ladder_vae": {
        "input_shape": (8, 8, 1),
        "latent_dims": (6, 3),
        "hidden_dims": (16, 8),
        "warmup_epochs": 4,
    },
    "dcgan": {"image_shape": (16, 16, 1), "latent_dim": 6, "base_filters": 8},
    "wgan_gp": {
        "image_shape": (28, 28, 1),
        "architecture": "conv",
        "latent_dim": 6,
        "width": 4,
        "critic_steps": 2,
    },
}


def build(name, seed=1):
    return keras_gen.model_class(name)(seed=seed, **SETTINGS[name])


def images(name, number, seed=0):
    settings = SETTINGS[name]
    shape = settings.get("input_shape") or settings["image_shape"]
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(number, *shape)).astype("float32")


def use_given_noise():
    """Makes Keras' random draws the same on every backend.

    The numbers are a function of the place and of the seed generator's
    counter in exact integer arithmetic, so that compiled steps draw them too.
    """

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        size = math.prod(int(length) for length in shape)
        counter = ops.cast(seed.next()[1], "int32")
        numbers = ops.arange(size, dtype="int32") * 7919 + counter * 10_007
        # Neighbours must not form a pattern: squares modulo a prime.
        numbers = ops.mod(numbers, 32_749)
        numbers = ops.mod(numbers * numbers, 32_749)
        values = ops.cast(numbers, "float32") / 32_749.0
        values = minval + values * (maxval - minval)
        return ops.reshape(values, [int(length) for length in shape])

    def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return mean + stddev * uniform(shape, -(3**0.5), 3**0.5, seed=seed)

    keras.random.normal = normal
    keras.random.uniform = uniform


def state(model):
    """All variables of a model, by their place and kind.

    Names carry counters that differ from one copy of a model to the next.
    """
    groups = {
        "weights": model.weights,
        "optimizer": model.optimizer.variables,
        "all": model.variables,
    }
    arrays = {}
    for group, variables in groups.items():
        for index, variable in enumerate(variables):
            kind = variable.name.split("_")[-1]
            arrays[f"{group}/{index:03d}/{kind}"] = ops.convert_to_numpy(
                variable
            )
    return arrays
