"""With `ema_decay`, samples come from an average of the generator."""

import keras
import numpy as np
import pytest

from tests.contract.helpers import arrays, assert_identical, fit

DECAY = 0.15


def test_averages_follow_the_formula(averaging_case):
    adam = keras.optimizers.Adam(1e-2)
    model = averaging_case.compiled(adam, build={"ema_decay": DECAY})
    network, average = model.generator, model.ema_generator
    trainable = {id(variable) for variable in network.trainable_variables}
    expected = arrays(network.weights)
    assert_identical(arrays(average.weights), expected)
    # The warm-up of the first step is 1/10, of the second 2/11, above DECAY.
    for step, decay in enumerate((0.1, DECAY)):
        fit(model, averaging_case.data(steps=1, seed=step))
        weights = arrays(network.weights)
        expected = [
            decay * a + (1 - decay) * w if id(variable) in trainable else w
            for a, w, variable in zip(
                expected, weights, network.weights, strict=True
            )
        ]
    for a, b, variable in zip(
        arrays(average.weights), expected, network.weights, strict=True
    ):
        # Only rounding: the difference between weights and average is 1e4
        # times as large.
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)
        if id(variable) not in trainable:
            np.testing.assert_array_equal(a, b)
    assert any(
        not np.array_equal(a, w)
        for a, w in zip(arrays(average.weights), weights, strict=True)
    )


def test_samples_come_from_the_average(averaging_case):
    model = averaging_case.build(ema_decay=DECAY)
    before = model.sample(3, seed=0)
    scrambled = [np.full_like(w, 0.1) for w in model.generator.get_weights()]
    model.generator.set_weights(scrambled)
    np.testing.assert_array_equal(model.sample(3, seed=0), before)
    model.ema_generator.set_weights(scrambled)
    assert not np.allclose(model.sample(3, seed=0), before, atol=1e-3)


def test_no_player_owns_the_average(averaging_case):
    model = averaging_case.build(ema_decay=DECAY)
    plain = averaging_case.build()
    assert not model.ema_generator.trainable_variables
    for player in model.players:
        assert len(model.player_variables(player)) == len(
            plain.player_variables(player)
        )


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_the_average_is_saved(averaging_case, name, tmp_path):
    model = averaging_case.compiled(build={"ema_decay": DECAY})
    fit(model, averaging_case.data())
    model_path = tmp_path / name
    if name.endswith(".keras"):
        model.save(model_path)
        loaded = keras.saving.load_model(model_path)
    else:
        model.save_weights(model_path)
        loaded = averaging_case.build(ema_decay=DECAY)
        loaded.load_weights(model_path)
    assert_identical(
        arrays(model.ema_generator.weights),
        arrays(loaded.ema_generator.weights),
    )
