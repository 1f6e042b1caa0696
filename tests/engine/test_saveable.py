"""The constructor's arguments, the seeds and the epochs are kept."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.engine.toys import PACKAGE, Solo, array, compiled, dense, points

X = points(8)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Sized(Solo):
    def __init__(self, size, sizes=(3, 2), *, scale=1.0, **kwargs):
        super().__init__(network=dense(size), **kwargs)
        self.size = size
        # Not what `get_config` is to return.
        self.sizes = [2 * value for value in sizes]
        self.scale = scale


@keras.saving.register_keras_serializable(package=PACKAGE)
class Larger(Sized):
    """Without a constructor of its own."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class Closed(Solo):
    """Whose constructor takes none of its parent's arguments."""

    def __init__(self, extra):
        super().__init__(network=dense(3), seed=0)
        self.extra = extra


def plain(config):
    """A configuration as a file holds it, where tuples are lists."""
    return json.loads(json.dumps(config))


def step_of(model):
    def step(batch):
        model.minimize(
            "model",
            lambda: ops.mean(model.network(batch.x, training=True) ** 2),
        )
        model.log(extra=model.epochs_seen)

    return step


def with_dropout(rate=0.5):
    return keras.Sequential(
        [keras.Input((2,)), layers.Dropout(rate, seed=1), layers.Dense(1)]
    )


def test_arguments_are_kept_as_given_or_by_default():
    config = Sized(5, scale=0.5, seed=3, name="mine").get_config()
    decoded = {
        key: keras.saving.deserialize_keras_object(value)
        for key, value in config.items()
        if key != "dtype"
    }
    assert decoded == {
        "name": "mine",
        "size": 5,
        "sizes": [3, 2],
        "scale": 0.5,
        "seed": 3,
        "network": None,
    }


@pytest.mark.parametrize("cls", [Sized, Larger])
def test_configuration_makes_the_model_again(cls):
    model = cls(5, (4,), scale=0.5, dtype="mixed_bfloat16")
    copy = cls.from_config(model.get_config())
    assert type(copy) is cls
    assert (copy.size, copy.sizes, copy.scale) == (5, [8], 0.5)
    assert copy.dtype_policy.name == "mixed_bfloat16"
    assert plain(copy.get_config()) == plain(model.get_config())
    assert copy.network.output_shape == (None, 5)


def test_a_constructor_that_passes_nothing_on(tmp_path):
    model = Closed(4)
    model.compile()
    model.save(tmp_path / "closed.keras")
    loaded = keras.models.load_model(tmp_path / "closed.keras")
    assert loaded.extra == 4
    np.testing.assert_array_equal(
        array(loaded.network(X)), array(model.network(X))
    )


def test_networks_are_kept_by_configuration():
    network = dense(3, activation="tanh")
    model = Solo(network=network)
    assert model.network is network
    copy = Solo.from_config(model.get_config())
    assert copy.network is not network
    assert copy.network.layers[0].activation is keras.activations.tanh
    # Kept as an argument, a network is not counted a second time.
    assert len(model.trainable_variables) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"input_shape": 784}, r"Pass input_shape=\(784,\)"),
        ({"input_shape": (28, 0)}, "must be a tuple of positive integers"),
        ({"input_shape": "28x28"}, "must be a tuple of positive integers"),
        ({"image_shape": (28, 28)}, "must be .height, width, channels."),
    ],
)
def test_shapes_are_checked_by_their_names(arguments, words):
    class Shaped(Solo):
        def __init__(self, input_shape=(2,), image_shape=(2, 2, 1), **kwargs):
            super().__init__(**kwargs)

    Shaped([3], (None, None, 3))
    with pytest.raises(ValueError, match=words):
        Shaped(**arguments)


def test_images_must_have_their_channels_last():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="must be 'channels_last'"):
            Solo()
    finally:
        keras.config.set_image_data_format("channels_last")


def test_two_models_do_not_share_arguments():
    first, second = Sized(2), Sized(3)
    assert first.get_config()["size"] == 2
    assert second.get_config()["size"] == 3


def test_dropout_goes_on_after_loading(tmp_path):
    """Keras saves no seeds: without them the noise would start again."""
    model = Solo(network=with_dropout())
    compiled(model, step=step_of(model))
    model.fit(X, batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.step = step_of(loaded)
    before = array(model.network.layers[0].seed_generator.state)
    np.testing.assert_array_equal(
        array(loaded.network.layers[0].seed_generator.state), before
    )
    histories = [
        m.fit(X, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        for m in (model, loaded)
    ]
    assert histories[0] == histories[1]
    assert not np.array_equal(
        array(model.network.layers[0].seed_generator.state), before
    )


def test_seeds_of_another_configuration_are_an_error(tmp_path):
    path = tmp_path / "model.weights.h5"
    Solo(network=with_dropout()).save_weights(path)
    with pytest.raises(ValueError, match="must hold 1 seed gen.*Received: 2"):
        Solo(network=dense()).load_weights(path)


def test_epochs_are_counted_over_all_runs(tmp_path):
    """And a step knows their number."""
    model = Solo()
    compiled(model, step=step_of(model))
    seen = []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(int(model.epochs_seen))
    )
    first = model.fit(
        X, batch_size=4, epochs=2, verbose=0, callbacks=[record]
    ).history
    second = model.fit(
        X, batch_size=4, initial_epoch=2, epochs=4, verbose=0, callbacks=record
    ).history
    assert first["extra"] + second["extra"] == [0.0, 1.0, 2.0, 3.0]
    assert int(model.epochs_seen) == 4
    assert seen == [1, 2, 3, 4]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert int(loaded.epochs_seen) == 4


def test_a_list_of_callbacks_of_keras_is_taken():
    model = Solo()
    compiled(model, step=step_of(model))
    callbacks = keras.callbacks.CallbackList(
        [], add_history=True, model=model, epochs=2, verbose=0, steps=2
    )
    for runs in (1, 2):
        model.fit(X, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
        assert int(model.epochs_seen) == 2 * runs


if keras.backend.backend() != "torch":

    def test_several_steps_in_one_call():
        """`steps_per_execution` changes speed alone."""
        results = []
        for steps in (1, 2):
            keras.utils.set_random_seed(0)
            model = Solo(network=with_dropout(), seed=0)
            compiled(model, step=step_of(model), steps_per_execution=steps)
            history = model.fit(
                X, batch_size=2, shuffle=False, verbose=0
            ).history
            results.append((history, array(model.network.weights[0])))
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-6)
        assert results[0][0]["loss"] == pytest.approx(results[1][0]["loss"])
