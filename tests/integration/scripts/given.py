"""Random draws that are the same on every backend, and the state to compare."""

import math

import keras
from keras import ops

PRIME = 32_717


def use_given_noise():
    """Makes Keras' random draws the same on every backend.

    The numbers are a function of the place and of the seed generator's
    counter in exact integer arithmetic, so that compiled steps draw them too.
    """

    def integers(shape, seed):
        counter = ops.cast(seed.next()[1], "int32")
        n = ops.arange(math.prod(shape), dtype="int32") * 7919
        n = ops.mod(n + counter * 10_007, PRIME)
        # Neighbors must not form a pattern, and no two must be equal: cubes
        # modulo a prime that is 2 modulo 3.
        n = ops.mod(ops.mod(n * n, PRIME) * n, PRIME)
        return ops.reshape(n, shape)

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        values = ops.cast(integers(shape, seed), "float32") / PRIME
        return minval + values * (maxval - minval)

    def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return mean + stddev * uniform(shape, -(3**0.5), 3**0.5, seed=seed)

    def randint(shape, minval, maxval, dtype="int32", seed=None):
        return minval + ops.mod(integers(shape, seed), maxval - minval)

    keras.random.uniform = uniform
    keras.random.normal = normal
    keras.random.randint = randint


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
