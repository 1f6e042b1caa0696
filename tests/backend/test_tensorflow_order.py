"""Updates of a step that is a graph, without XLA, are in their order."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.engine.tensorflow import updates_in_order
from tests.contract.case import all_cases
from tests.contract.helpers import fit, state_of, widen


def trained(run_eagerly):
    # Moments tell the first gradient from the last.
    adam = keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-1)
    model = all_cases()["wgan"].compiled(
        adam, run_eagerly=run_eagerly, jit_compile=False
    )
    widen(model)
    fit(model, all_cases()["wgan"].data(steps=1))
    return state_of(model)


def test_graphs_update_as_eager_steps_do():
    """Two updates of the critic and one of the generator. Each graph is
    another one to TensorFlow, whose passes depend on the order of sets."""
    tf.config.optimizer.set_experimental_options({"constant_folding": True})
    expected = trained(run_eagerly=True)
    for _ in range(12):
        for a, b in zip(trained(run_eagerly=False), expected, strict=True):
            np.testing.assert_allclose(
                a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max(initial=0)
            )
    # What is set for all graphs is as it was.
    options = tf.config.optimizer.get_experimental_options()
    assert options["dependency_optimization"] and options["constant_folding"]


def removes_dependencies():
    options = tf.config.optimizer.get_experimental_options()
    return options.get("dependency_optimization", True)


def test_scopes_may_be_nested_and_end_by_an_error():
    assert removes_dependencies()
    with pytest.raises(RuntimeError), updates_in_order():
        with updates_in_order():
            assert not removes_dependencies()
        assert not removes_dependencies()
        raise RuntimeError
    assert removes_dependencies()


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_fit_is_a_scope_where_steps_are_graphs(run_eagerly):
    found = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            found.append(removes_dependencies())

    case = all_cases()["vae"]
    model = case.compiled(run_eagerly=run_eagerly, jit_compile=False)
    fit(model, case.data(), callbacks=[Look()])
    assert found and set(found) == {run_eagerly}
    assert removes_dependencies()
