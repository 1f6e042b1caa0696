"""Half precision computes in half precision; sums and weights do not."""

import contextlib

import keras
import numpy as np

from keras_gen import load_model
from tests.contract.case import BATCH
from tests.contract.helpers import (
    arrays,
    assert_finite,
    fit,
    layers_of,
    rows,
)

HALF = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


@contextlib.contextmanager
def policy_of_all(policy):
    """The global dtype policy, for a while."""
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def dtype_of(x):
    return keras.backend.standardize_dtype(x.dtype)


def policies_of(model):
    return [layer.dtype_policy.name for layer in layers_of(model)]


def test_float16(half_case, tmp_path):
    """With loss scaling."""
    check_half_precision(half_case, "mixed_float16", tmp_path)


def test_bfloat16(first_case, tmp_path):
    """Whose range is that of float32: one model of each family."""
    check_half_precision(first_case, "mixed_bfloat16", tmp_path)


def check_half_precision(case, policy, tmp_path):
    with policy_of_all(policy):
        path = tmp_path / "model.keras"
        model = train_in_half_precision(case, policy)
        model.save(path)
    loaded = load_model(path)
    assert loaded.dtype_policy.name == policy
    assert policies_of(loaded) == policies_of(model)
    assert keras.config.dtype_policy().name == "float32"


def train_in_half_precision(case, policy):
    model = case.compiled()
    losses, logged = [], []
    player_loss, log = model.player_loss, model.log
    minimize = model.minimize

    def recording_loss(player, batch, training):
        losses.append(player_loss(player, batch, training))
        return losses[-1]

    def recording_minimize(player, batch=None, **options):
        if not callable(batch):
            return minimize(player, batch, **options)

        def loss_fn(*part):
            result = batch(*part)
            loss = result[0] if isinstance(result, tuple) else result
            losses.append(loss)
            return result

        return minimize(player, loss_fn, **options)

    def recording_log(**values):
        logged.extend(values.values())
        log(**values)

    # Past Keras' tracking of attributes.
    object.__setattr__(model, "player_loss", recording_loss)
    object.__setattr__(model, "minimize", recording_minimize)
    object.__setattr__(model, "log", recording_log)
    before = arrays(model.trainable_variables)
    history = fit(model, case.data())

    assert losses and logged
    assert {dtype_of(loss) for loss in losses} == {"float32"}
    assert {dtype_of(v) for v in logged if hasattr(v, "dtype")} == {"float32"}
    for values in history.values():
        assert_finite(values)

    assert model.compute_dtype == HALF[policy]
    assert policies_of(model).count(policy) > 0
    assert {dtype_of(v) for v in model.trainable_variables} == {"float32"}
    assert_finite(arrays(model.weights))
    after = arrays(model.trainable_variables)
    # Loss scaling may skip its first steps until the scale fits.
    scaled = all(
        isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        for optimizer in model.optimizer.optimizers
    )
    assert scaled == (policy == "mixed_float16")
    if scaled:
        step = rows(case.data(), 0, BATCH)
        waiting = list(model.optimizer.optimizers)
        for _ in range(20):
            waiting = [
                o for o in waiting if not int(o.inner_optimizer.iterations)
            ]
            if not waiting:
                break
            fit(model, step)
        assert not waiting
        after = arrays(model.trainable_variables)
        assert_finite(after)
    assert any(
        not np.array_equal(a, b) for a, b in zip(before, after, strict=True)
    )

    for output in keras.tree.flatten(model.predict(case.inputs(), verbose=0)):
        assert output.dtype == "float32"
        assert_finite([output])
    return model
