"""Settings for every model, small enough that a training step is quick.

Each entry of `SETTINGS` is a model's name, as `keras_gen.list_models()` has
it, or a name and a variant, as in `"wgan_gp-classes"`.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    SaltAndPepperNoise,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the contract needs to know about a model.

    Attributes:
        arguments: Function that returns the constructor's arguments, without
            `seed`. Networks among them must be made anew in each call.
        make_batch: Function of a NumPy generator and a number of examples
            that returns `(x,)` or `(x, y)` for `fit`.
        make_inputs: Function of the same arguments that returns what
            `model(inputs)` takes.
        networks: Function that returns networks of the user's own, as
            arguments of the constructor. One of them has dropout, so that a
            state of randomness inside a network is tested as well.
        updates: Number of updates in a step, for each player that has not
            one. The largest is the smallest batch.
        unmoved: For a player, how many of its trainable variables have a
            gradient that is zero by construction.
        labels: `"required"`, `"refused"` or `"ignored"`.
        value_range: The smallest and the largest value of a sample, or
            `None` where samples are not bounded.
        data_range: The range that data is checked for, or `None`.
        class_name: The public name of a class that is not the model's own
            but one of its family, as `"RBM"` is of `"ae"`.
        wrong_arguments: Pairs of arguments that the constructor must refuse
            and of the words that its message must contain.
    """

    arguments: Callable[[], dict]
    make_batch: Callable
    make_inputs: Callable
    networks: Callable[[], dict]
    updates: dict = dataclasses.field(default_factory=dict)
    unmoved: dict = dataclasses.field(default_factory=dict)
    labels: str = "ignored"
    value_range: tuple | None = None
    data_range: tuple | None = None
    class_name: str | None = None
    wrong_arguments: tuple = ()

    @property
    def round_size(self):
        """The number of examples that one step needs at least."""
        return max(self.updates.values(), default=1)


# ---- Data -----------------------------------------------------------------


def uniform(shape, low=0.0, high=1.0):
    """Batches of one array of uniform numbers."""

    def make_batch(rng, n):
        return (rng.uniform(low, high, (n, *shape)).astype("float32"),)

    return make_batch


def labelled(shape, num_classes, low=-1.0, high=1.0):
    """Batches of uniform numbers and a class for each example."""

    def make_batch(rng, n):
        (x,) = uniform(shape, low, high)(rng, n)
        return x, rng.integers(0, num_classes, n).astype("int32")

    return make_batch


def grouped(shape, groups):
    """Uniform numbers, eight by eight with the number of one group."""

    def make_batch(rng, n):
        (x,) = uniform(shape)(rng, n)
        numbers = rng.integers(groups) + np.arange(n) // 8
        return x, (numbers % groups).astype("int32")

    return make_batch


def partly_labelled(shape, num_classes, low=-1.0, high=1.0):
    """Batches of uniform numbers and a class or -1 for each example."""

    def make_batch(rng, n):
        x, y = labelled(shape, num_classes, low, high)(rng, n)
        return x, np.where(rng.random(n) < 0.5, y, -1)

    return make_batch


def labelled_inputs(shape, num_classes):
    """The inputs of a model of examples and classes."""
    return lambda rng, n: list(labelled(shape, num_classes, 0.0)(rng, n))


def first_of(make_batch):
    """The inputs of a model that reconstructs what it is trained on."""
    return lambda rng, n: make_batch(rng, n)[0]


def normal(size):
    """The inputs of a model that generates from latents."""
    return lambda rng, n: rng.normal(size=(n, size)).astype("float32")


def normal_and_labels(size, num_classes):
    """The inputs of a model that generates from latents and classes."""

    def make_inputs(rng, n):
        labels = rng.integers(0, num_classes, n).astype("int32")
        return [normal(size)(rng, n), labels]

    return make_inputs


# ---- Networks -------------------------------------------------------------


def several_heads(input_shape, sizes, name):
    """From an example to several vectors, with dropout on the way."""
    x = inputs = keras.Input(input_shape)
    x = layers.Dense(5, activation="tanh")(layers.Flatten()(x))
    x = layers.Dropout(0.3, seed=1)(x)
    heads = [layers.Dense(size, activation=a)(x) for size, a in sizes]
    return keras.Model(inputs, heads, name=name)


def to_vector(input_shape, size, activation=None):
    """From an example to one vector, with dropout on the way."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Flatten(),
            layers.Dense(5, activation="tanh"),
            layers.Dropout(0.3, seed=1),
            layers.Dense(size, activation=activation),
        ]
    )


def to_example(size, shape, activation=None):
    """From a vector to an example, with a batch normalization."""
    return keras.Sequential(
        [
            keras.Input((size,)),
            layers.Dense(int(np.prod(shape)), use_bias=False),
            BatchNormalization(),
            layers.Reshape(shape),
            layers.Activation(activation or "linear", dtype="float32"),
        ]
    )


def to_score(shape):
    """From an example to one number, with dropout on the way."""
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(5),
            layers.LeakyReLU(0.2),
            layers.Dropout(0.3, seed=1),
            layers.Dense(1),
        ]
    )


def generator_of_classes(size, shape, num_classes):
    """From a vector and a class to an example."""
    z, labels = keras.Input((size,)), keras.Input((), dtype="int32")
    x = layers.Dense(int(np.prod(shape)))(z)
    x = ConditionalBatchNormalization(num_classes)(x, labels)
    x = layers.Activation("tanh", dtype="float32")(layers.Reshape(shape)(x))
    return keras.Model([z, labels], x)


def critic_of_classes(shape, num_classes):
    """From an example to a score and class logits."""
    x = examples = keras.Input(shape)
    x = layers.Dense(8, activation="tanh")(layers.Flatten()(x))
    return keras.Model(
        examples, [layers.Dense(1)(x), layers.Dense(num_classes)(x)]
    )


# ---- The table ------------------------------------------------------------

SHAPE = (6, 5, 1)

SETTINGS = {
    "ae": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "latent_dim": 3,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 3),
            "decoder": to_example(3, SHAPE),
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"architecture": "rnn"}, ("architecture", "'rnn'", "'mlp'")),
            ({"likelihood": "cat"}, ("likelihood", "'cat'", "'gaussian'")),
            ({"architecture": "conv"}, ("multiples of 4", str(SHAPE))),
            (
                {"architecture": "conv", "tied": True},
                ("dense", "architecture='conv'", "tied=True"),
            ),
            ({"hidden_units": (8, 0)}, ("positive", "(8, 0")),
            (
                {"encoder": several_heads(SHAPE, [(3, None)] * 2, "own")},
                ("one tensor", "(None, 3), (None, 3)"),
            ),
            (
                {"encoder": to_vector((6, 4, 1), 3)},
                ("encoder of AE takes", "(None, 6, 5, 1)", "(None, 6, 4, 1)"),
            ),
            (
                {"decoder": to_example(5, SHAPE)},
                ("decoder of AE takes", "(None, 3)", "(None, 5)"),
            ),
            (
                {"decoder": to_example(3, (6, 5, 3))},
                ("decoder of AE makes", "(None, 6, 5, 1)", "(None, 6, 5, 3)"),
            ),
        ),
    ),
    "ae-rbm": Settings(
        class_name="RBM",
        arguments=lambda: {"input_shape": SHAPE, "hidden_units": 5},
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"visible": "relu"}, ("visible='relu'", "'binary'")),
            (
                {"visible": "gaussian", "hidden": "gaussian"},
                ("visible='gaussian'", "hidden='gaussian'", "'binary'"),
            ),
        ),
    ),
    "dae": Settings(
        arguments=lambda: {"input_shape": SHAPE, "hidden_units": 8},
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 8, "sigmoid"),
            "decoder": to_example(8, SHAPE),
            "tied": False,
            "noise": SaltAndPepperNoise(0.3, seed=5),
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"noise": "fog"}, ("noise='fog'", "'masking'", "'gaussian'")),
            ({"noise": layers.ReLU()}, ("corrupt", "ReLU", "Corruption")),
            ({"noise_level": 1.5}, ("from 0 to 1", "level=1.5")),
            ({"emphasis": (1.0, -1.0)}, ("pair", "(1.0, -1.0)")),
            (
                {"decoder": to_example(8, SHAPE)},
                ("tied=True", "decoder"),
            ),
            (
                {"decoder": to_example(8, (1, 1, 1)), "tied": False},
                ("decoder of DAE makes", "(None, 6, 5, 1)", "(None, 1, 1, 1)"),
            ),
        ),
    ),
    "dae-stacked": Settings(
        class_name="StackedDAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (6, 5),
            "noise_levels": (0.1, 0.2),
            "num_classes": 3,
        },
        make_batch=labelled(SHAPE, 3, 0.0),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        labels="required",
        wrong_arguments=(
            ({"noise_levels": (0.1,)}, ("level of noise", "(0.1,)")),
            ({"noise": "fog"}, ("noise='fog'", "'masking'")),
        ),
    ),
    "sae": Settings(
        arguments=lambda: {"input_shape": SHAPE, "hidden_units": 5},
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 5, "sigmoid"),
            "decoder": to_example(5, SHAPE, "sigmoid"),
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"sparsity": 1.0}, ("between 0 and 1", "sparsity=1.0")),
            (
                {"sparsity_estimator": "sum"},
                ("sparsity_estimator='sum'", "'batch'", "'ema'"),
            ),
        ),
    ),
    "sae-ema": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": 5,
            "sparsity_estimator": "ema",
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "sae-k_sparse": Settings(
        class_name="KSparseAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": 12,
            "k": 4,
            "initial_k": 10,
            "schedule_epochs": 2,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 12),
            "decoder": to_example(12, SHAPE),
            "tied": False,
        },
        labels="refused",
        wrong_arguments=(
            ({"k": 13}, ("12 units", "k=13")),
            ({"alpha": 0.5}, ("at least 1", "alpha=0.5")),
            ({"schedule_epochs": None}, ("initial_k=10", "both or neither")),
            ({"schedule_epochs": 0}, ("above 0", "schedule_epochs=0")),
            ({"initial_k": -3}, ("not negative", "initial_k=-3")),
            ({"initial_k": 13}, ("12 units", "initial_k=13")),
            ({"k": 2.5}, ("integer", "k=2.5")),
        ),
    ),
    "cae": Settings(
        arguments=lambda: {"input_shape": SHAPE, "hidden_units": 8},
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 3, "tanh"),
            "decoder": to_example(3, SHAPE),
            "tied": False,
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"estimator": "svd"}, ("estimator='svd'", "'hutchinson'")),
            (
                {"encoder": to_vector(SHAPE, 3, "tanh"), "likelihood": "x"},
                ("likelihood='x'", "'bernoulli'"),
            ),
        ),
    ),
    "cae-higher_order": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 4),
            "estimator": "hutchinson",
            "hessian_weight": 0.1,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "cae-stacked": Settings(
        class_name="StackedCAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (6, 5),
            "num_classes": 3,
        },
        make_batch=labelled(SHAPE, 3, 0.0),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        labels="required",
    ),
    "dc_ign": Settings(
        arguments=lambda: {
            "input_shape": (8, 8, 1),
            "latent_dim": 6,
            "filters": 4,
        },
        make_batch=grouped((8, 8, 1), 4),
        make_inputs=first_of(uniform((8, 8, 1))),
        networks=lambda: {
            "encoder": several_heads((8, 8, 1), [(6, None)] * 2, "own"),
            "decoder": to_example(6, (8, 8, 1)),
        },
        labels="required",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"clamp": "last"}, ("clamp='last'", "'mean'", "'first'")),
            ({"input_shape": (6, 8, 1)}, ("150 x 150", "(6, 8, 1)")),
            ({"invariance_scale": -1.0}, ("apart", "invariance_scale=-1.0")),
            ({"filters": 2}, ("four maps", "filters=2")),
            (
                {"groups": {"pose": 3, "light": 2}},
                ("'pose': 3", "latent_dim=6", "None"),
            ),
            (
                {"encoder": to_vector((8, 8, 1), 6)},
                ("a mean and a log-variance", "[(None, 6)]"),
            ),
            (
                {"encoder": several_heads((8, 6, 1), [(6, None)] * 2, "own")},
                ("encoder of DCIGN", "(None, 8, 8, 1)", "(None, 8, 6, 1)"),
            ),
            (
                {"decoder": to_example(5, (8, 8, 1))},
                ("decoder of DCIGN takes", "(None, 6)", "(None, 5)"),
            ),
            (
                {"decoder": to_example(6, (8, 8, 3))},
                ("decoder of DCIGN makes", "(None, 8, 8, 3)"),
            ),
        ),
    ),
    "dc_ign-first": Settings(
        arguments=lambda: {
            "input_shape": (8, 8, 1),
            "latent_dim": 6,
            "groups": {"pose": 2, "light": 1, "rest": None},
            "clamp": "first",
            "invariance_scale": 1.0,
            "initial_scale": 0.1,
            "schedule_epochs": 2,
            "filters": 4,
        },
        make_batch=grouped((8, 8, 1), 3),
        make_inputs=first_of(uniform((8, 8, 1))),
        networks=lambda: {},
        labels="required",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "aae": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "latent_dim": 3,
            "initial_std": 0.5,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 3),
            "decoder": to_example(3, SHAPE, "sigmoid"),
            "discriminator": to_score((3,)),
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"posterior": "laplace"}, ("posterior='laplace'", "'gaussian'")),
            ({"prior": "cauchy"}, ("prior='cauchy'", "'swiss_roll'")),
            ({"prior": "mixture"}, ("size 2", "size 3", "latent_dim=2")),
            ({"prior_std": 0.0}, ("std=0.0", "above 0")),
            ({"hidden_units": (8, 0)}, ("positive", "(8, 0")),
            (
                {"decoder": to_example(4, SHAPE)},
                ("decoder", "(None, 3)", "(None, 4)"),
            ),
            (
                {"encoder": several_heads(SHAPE, [(3, None)] * 2, "own")},
                ("posterior='deterministic'", "one tensor"),
            ),
            (
                {"encoder": to_vector((6, 4, 1), 3)},
                ("encoder of AAE takes", "(None, 6, 5, 1)", "(None, 6, 4, 1)"),
            ),
            (
                {"decoder": to_example(3, (1, 1, 1))},
                ("decoder of AAE makes", "(None, 6, 5, 1)", "(None, 1, 1, 1)"),
            ),
            (
                {"discriminator": to_vector((3,), 2)},
                ("discriminator of AAE makes", "(None, 1)", "(None, 2)"),
            ),
        ),
    ),
    "aae-gaussian": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": 8,
            "latent_dim": 3,
            "posterior": "gaussian",
            "prior": "uniform",
            "initial_std": None,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": several_heads(SHAPE, [(3, None)] * 2, "own"),
            "decoder": to_example(3, SHAPE, "sigmoid"),
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "aae-universal": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": 8,
            "latent_dim": 2,
            "posterior": "universal",
            "noise_dim": 4,
            "prior": "swiss_roll",
            "initial_std": 0.5,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "aae-label_prior": Settings(
        class_name="LabelPriorAAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "num_classes": 3,
            "initial_std": 0.5,
        },
        make_batch=partly_labelled(SHAPE, 3, 0.0),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 2),
            "decoder": to_example(2, SHAPE, "sigmoid"),
            "discriminator": to_score((6,)),
        },
        labels="required",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"prior": "normal"}, ("3 classes", "no components")),
            ({"latent_dim": 3}, ("size 2", "size 3", "latent_dim=2")),
        ),
    ),
    "aae-supervised": Settings(
        class_name="SupervisedAAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "latent_dim": 3,
            "num_classes": 3,
            "initial_std": 0.5,
        },
        make_batch=labelled(SHAPE, 3, 0.0),
        make_inputs=labelled_inputs(SHAPE, 3),
        networks=lambda: {
            "encoder": to_vector(SHAPE, 2),
            "decoder": to_example(5, SHAPE, "sigmoid"),
            "discriminator": to_score((2,)),
        },
        labels="required",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            (
                {"decoder": to_example(3, SHAPE)},
                ("decoder", "(None, 6)", "(None, 3)"),
            ),
        ),
    ),
    "aae-semi_supervised": Settings(
        class_name="SemiSupervisedAAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "latent_dim": 3,
            "num_classes": 3,
            "labelled_in_all_phases": False,
            "initial_std": 0.5,
        },
        make_batch=partly_labelled(SHAPE, 3, 0.0),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": several_heads(SHAPE, [(3, None), (2, None)], "own"),
            "decoder": to_example(5, SHAPE, "sigmoid"),
            "class_discriminator": to_score((3,)),
        },
        # The classes do not depend on the output of the style.
        unmoved={"classifier": 2},
        labels="required",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            (
                {"encoder": several_heads(SHAPE, [(4, None)] * 2, "own")},
                ("(batch, 3)", "(None, 4)"),
            ),
            (
                {
                    "encoder": several_heads(
                        (6, 4, 1), [(3, None), (3, None)], "own"
                    )
                },
                ("encoder of SemiSupervisedAAE takes", "(None, 6, 4, 1)"),
            ),
            (
                {"style_discriminator": to_vector((3,), 3)},
                ("style_discriminator", "makes (None, 1)", "(None, 3)"),
            ),
        ),
    ),
    "aae-clustering": Settings(
        class_name="ClusteringAAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "latent_dim": 3,
            "num_clusters": 3,
            "initial_std": 0.5,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": several_heads(SHAPE, [(3, None), (2, None)], "own"),
            "decoder": to_example(5, SHAPE, "sigmoid"),
            "style_discriminator": to_score((2,)),
        },
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "aae-dim_reduction": Settings(
        class_name="DimReductionAAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "num_classes": 3,
            # Heads that are not pushed apart do not move.
            "head_distance": 9.0,
            "initial_std": 0.5,
        },
        make_batch=partly_labelled(SHAPE, 3, 0.0),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": several_heads(SHAPE, [(3, None), (2, None)], "own"),
            "decoder": to_example(2, SHAPE, "sigmoid"),
        },
        # The classes do not depend on the output of the style.
        unmoved={"classifier": 2},
        labels="required",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "aae-dim_reduction_clusters": Settings(
        class_name="DimReductionAAE",
        arguments=lambda: {
            "input_shape": SHAPE,
            "hidden_units": (8, 6),
            "num_classes": 3,
            "supervised": False,
            "head_distance": 9.0,
            "initial_std": 0.5,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {},
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
    ),
    "vae": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "latent_dim": 3,
            "hidden_units": 8,
            "num_examples": 100,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": several_heads(SHAPE, [(3, None)] * 2, "own"),
            "decoder": to_example(3, SHAPE),
        },
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"architecture": "rnn"}, ("architecture", "'rnn'", "'mlp'")),
            ({"likelihood": "cat"}, ("likelihood", "'cat'", "'gaussian'")),
            ({"estimator": "x"}, ("estimator", "'x'", "'monte_carlo'")),
            ({"architecture": "conv"}, ("multiples of 4", str(SHAPE))),
            ({"num_samples": 0}, ("num_samples=0", "above 0")),
            ({"scale": 0.0}, ("scale=0.0", "above 0")),
            ({"decoder": to_example(4, SHAPE)}, ("decoder", "(None, 4)")),
            (
                {"encoder": several_heads(SHAPE, [(3, None)], "own")},
                ("encoder of VAE", "(None, 3), (None, 3)"),
            ),
        ),
    ),
    "ladder_vae": Settings(
        arguments=lambda: {
            "input_shape": SHAPE,
            "latent_dims": (3, 2),
            "hidden_dims": (8, 6),
            "warmup_epochs": 3,
        },
        make_batch=uniform(SHAPE),
        make_inputs=first_of(uniform(SHAPE)),
        networks=lambda: {
            "encoder": several_heads(
                SHAPE,
                [(3, None), (3, "softplus"), (2, None), (2, "softplus")],
                "own",
            ),
            "decoder": to_example(3, SHAPE),
        },
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"hidden_dims": (8,)}, ("latent_dims=(3, 2)", "(8,)")),
            ({"latent_dims": ()}, ("latent_dims=()", "hidden_dims=(8, 6)")),
            ({"importance_samples": 0}, ("importance_samples=0", "above 0")),
            ({"decoder": to_example(4, SHAPE)}, ("decoder", "(None, 4)")),
        ),
    ),
    "dcgan": Settings(
        arguments=lambda: {
            "image_shape": (8, 8, 1),
            "latent_dim": 3,
            "base_filters": 4,
        },
        make_batch=uniform((8, 8, 1), -1.0, 1.0),
        make_inputs=normal(3),
        networks=lambda: {
            "generator": to_example(3, (8, 8, 1), "tanh"),
            "discriminator": to_score((8, 8, 1)),
        },
        value_range=(-1.0, 1.0),
        data_range=(-1.0, 1.0),
        wrong_arguments=(
            ({"kernel_size": 3}, ("kernel_size=3", "5", "4")),
            ({"image_shape": (8, 6, 1)}, ("(8, 6, 1)", "square")),
            (
                {"latent_distribution": "cauchy"},
                ("latent_distribution='cauchy'", "'normal'", "'uniform'"),
            ),
            (
                {"generator": to_example(3, (4, 4, 1))},
                ("(8, 8, 1)", "(4, 4, 1)", "image_shape"),
            ),
        ),
    ),
    "wgan_gp": Settings(
        arguments=lambda: {
            "image_shape": (28, 28, 1),
            "latent_dim": 3,
            "architecture": "conv",
            "width": 2,
            "critic_steps": 2,
        },
        make_batch=uniform((28, 28, 1)),
        make_inputs=normal(3),
        networks=lambda: {
            "generator": to_example(3, (28, 28, 1), "sigmoid"),
            "critic": to_score((28, 28, 1)),
        },
        updates={"critic": 2},
        # The offset of the score cancels out between real and fake.
        unmoved={"critic": 1},
        labels="refused",
        value_range=(0.0, 1.0),
        data_range=(0.0, 1.0),
        wrong_arguments=(
            ({"architecture": "vit"}, ("architecture='vit'", "'resnet'")),
            ({"image_shape": (32, 32, 1)}, ("(28, 28, channels)", "(32, 32")),
            ({"num_classes": 3}, ("num_classes=3", "'resnet'", "'conv'")),
            ({"critic_steps": 0}, ("critic_steps=0", "above 0")),
            ({"penalty_target": 0.0}, ("penalty_target=0.0", "above 0")),
        ),
    ),
    "wgan_gp-classes": Settings(
        arguments=lambda: {
            "image_shape": SHAPE,
            "latent_dim": 3,
            "num_classes": 3,
            "critic_steps": 2,
            "generator": generator_of_classes(3, SHAPE, 3),
            "critic": critic_of_classes(SHAPE, 3),
        },
        make_batch=labelled(SHAPE, 3),
        make_inputs=normal_and_labels(3, 3),
        networks=lambda: {
            "generator": generator_of_classes(3, SHAPE, 3),
            "critic": critic_of_classes(SHAPE, 3),
        },
        updates={"critic": 2},
        unmoved={"critic": 1},
        labels="required",
        value_range=(-1.0, 1.0),
    ),
}
