"""Models of a few variables, whose steps each test writes itself."""

import keras
import numpy as np
from keras import layers

from keras_gen.engine import Batch, GenerativeModel, Spec

PACKAGE = "keras_gen_tests"


def dense(units=1, inputs=2, **options):
    return keras.Sequential(
        [keras.Input((inputs,)), layers.Dense(units, **options)]
    )


class Anything(Spec):
    """Arrays of any shape and type, which may be missing."""

    shape = ()
    optional = True

    def accepts(self, shape):
        return True

    def check_values(self, owner, name, array):
        pass

    def prepare(self, x):
        return x


@keras.saving.register_keras_serializable(package=PACKAGE)
class Solo(GenerativeModel):
    """One player. `step` and `check` are set by a test."""

    players = {"model": ["network"]}
    logged = ("extra",)

    def __init__(self, network=None, **kwargs):
        super().__init__(**kwargs)
        self.network = network or dense()
        self.noise_seed = self.seed_generator("noise")

    def call(self, inputs, training=False):
        return self.network(inputs, training=training)

    def data_spec(self):
        return Batch(Anything(), Anything())

    def default_optimizers(self):
        return {name: keras.optimizers.SGD(0.1) for name in self.players}

    def training_step(self, batch):
        self.step(batch)

    def evaluation_step(self, batch):
        self.check(batch)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Game(Solo):
    """Two players with a network each."""

    players = {"first": ["left"], "second": ["right"]}

    def __init__(self, left=None, right=None, **kwargs):
        super().__init__(network=dense(), **kwargs)
        self.network.trainable = False
        self.left = left or dense()
        self.right = right or dense()


@keras.saving.register_keras_serializable(package=PACKAGE)
class Shared(Solo):
    """Two players, one of whose networks belongs to both."""

    players = {"first": ["network", "left"], "second": ["network"]}

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left = dense()


def compiled(model, optimizer=None, step=None, check=None, **options):
    model.compile(optimizer, **options)
    model.step, model.check = step, check
    return model


def array(x):
    return np.array(keras.ops.convert_to_numpy(x))


def arrays(variables):
    return [array(variable) for variable in variables]


def logs_of(model):
    return {k: float(v) for k, v in model.get_metrics_result().items()}


def points(n=4, size=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, size)).astype(keras.config.floatx())
