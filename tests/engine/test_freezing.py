"""Layers that are frozen by `trainable = False`, as in Keras."""

import keras
import numpy as np
from keras import layers, ops

from keras_gen.engine.freezing import trainable_by_nature
from tests.engine.toys import Game, Solo, array, arrays, compiled, points

X = points(8)


def network():
    return keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(3, kernel_initializer="ones"),
            layers.Dense(1, kernel_initializer="ones"),
        ]
    )


def solo(**options):
    """A model that learns a value with every weight it has."""
    model = Solo(network=network())

    def step(batch):
        model.minimize("model", lambda: ops.mean((model(batch.x) - 5.0) ** 2))

    return compiled(model, keras.optimizers.Adam(0.1), step=step, **options)


def moved(model, fit=None):
    """Which of the four variables an epoch of two steps moves."""
    before = arrays(model.network.variables)
    fit = fit or model.fit
    fit(X, **({} if fit != model.fit else {"batch_size": 4, "verbose": 0}))
    after = arrays(model.network.variables)
    return [
        not np.array_equal(a, b) for a, b in zip(before, after, strict=True)
    ]


def test_layers_may_be_frozen_at_any_time():
    """Before and after steps are compiled, and without `compile`."""
    model = solo()
    model.network.layers[0].trainable = False
    assert moved(model) == [False, False, True, True]
    model.network.layers[0].trainable = True
    assert moved(model) == [True] * 4
    model.network.layers[1].trainable = False
    assert moved(model) == [True, True, False, False]
    assert moved(model, model.train_on_batch) == [True, True, False, False]
    model.network.trainable = False
    assert moved(model, model.train_on_batch) == [False] * 4
    model.network.trainable = True
    assert moved(model, model.train_on_batch) == [True] * 4


def test_what_is_trained_again_goes_on_with_its_moments():
    model = solo()
    model.fit(X, verbose=0)
    adam = model.optimizer["model"]
    model.network.layers[0].trainable = False
    momentum = array(adam._momentums[0])
    model.fit(X, verbose=0)
    np.testing.assert_array_equal(array(adam._momentums[0]), momentum)
    assert np.any(momentum)
    model.network.layers[0].trainable = True
    model.fit(X, verbose=0)
    assert not np.array_equal(array(adam._momentums[0]), momentum)


def test_a_whole_player_may_be_frozen():
    """Its loss is logged all the same."""
    model = Game()

    def step(batch):
        for name, network in (("first", model.left), ("second", model.right)):
            model.minimize(
                name, lambda network=network: ops.mean(network(batch.x) ** 2)
            )

    compiled(model, step=step)
    model.left.trainable = False
    left, right = arrays(model.left.weights), arrays(model.right.weights)
    history = model.fit(X, verbose=0).history
    expected = np.mean(array(model.left(X)) ** 2)
    np.testing.assert_allclose(history["first_loss"], [expected], rtol=1e-5)
    for before, after in zip(left, arrays(model.left.weights), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(right[0], array(model.right.weights[0]))
    assert int(model.optimizer["first"].iterations) == 0
    assert int(model.optimizer["second"].iterations) == 1


def test_frozen_variables_are_not_regularized():
    model = Solo(
        network=keras.Sequential(
            [keras.Input((2,)), layers.Dense(1, kernel_regularizer="l2")]
        )
    )
    compiled(model)
    assert float(array(model.regularization("model"))) > 0.0
    model.network.trainable = False
    assert model.regularization("model") == 0


def test_variables_keep_their_order():
    model = network()
    model.add(layers.BatchNormalization())
    expected = list(model.trainable_variables)
    model.layers[0].trainable = False
    found = trainable_by_nature(model)
    assert len(found) == 6
    assert all(a is b for a, b in zip(found, expected, strict=True))


def test_some_layers_inside_of_frozen_ones_stay_trainable(tmp_path):
    """Through a configuration."""
    model = solo()
    assert "frozen" not in model.get_config()
    model.network.trainable = False
    model.network.layers[1].trainable = True
    clone = Solo.from_config(model.get_config())
    flags = [layer.trainable for layer in clone._flatten_layers()]
    assert flags == [layer.trainable for layer in model._flatten_layers()]
    model.trainable = False
    assert not Solo.from_config(model.get_config()).trainable
