"""Half precision computes in half precision; sums and weights do not."""

import keras
import numpy as np
import pytest

from tests.contract.helpers import (
    BATCH,
    arrays,
    assert_finite,
    compiled,
    data_of,
    fit,
    inputs_of,
    layers_of,
)

HALF = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


@pytest.fixture(params=list(HALF))
def policy(request):
    """The global dtype policy, as long as the test lasts."""
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def dtype_of(x):
    return keras.backend.standardize_dtype(x.dtype)


def policies_of(model):
    return [layer.dtype_policy.name for layer in layers_of(model)]


def test_half_precision(plain_case, policy, tmp_path):
    """One model for several checks, since each policy is compiled anew."""
    model = compiled(plain_case)
    losses, logged = [], []
    minimize, log = model.minimize, model.log

    def recording_minimize(player, loss_fn):
        def recording_loss():
            outputs = loss_fn()
            pair = isinstance(outputs, tuple)
            losses.append(outputs[0] if pair else outputs)
            return outputs

        return minimize(player, recording_loss)

    def recording_log(**values):
        logged.extend(values.values())
        log(**values)

    # Past Keras' tracking of attributes.
    object.__setattr__(model, "minimize", recording_minimize)
    object.__setattr__(model, "log", recording_log)
    before = arrays(model.trainable_variables)
    history = fit(model, data_of(plain_case))

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
        step = [part[:BATCH] for part in data_of(plain_case)]
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

    for output in keras.tree.flatten(
        model.predict(inputs_of(plain_case), verbose=0)
    ):
        assert output.dtype == "float32"
        assert_finite([output])

    path = tmp_path / "model.keras"
    model.save(path)
    keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(path)
    assert loaded.dtype_policy.name == policy
    assert policies_of(loaded) == policies_of(model)
    assert keras.config.dtype_policy().name == "float32"


def test_policy_of_one_model(plain_case):
    """`dtype=` sets the policy of a model and of no other."""
    model = compiled(plain_case, build_arguments={"dtype": "mixed_bfloat16"})
    assert model.compute_dtype == "bfloat16"
    assert "mixed_bfloat16" in policies_of(model)
    assert keras.config.dtype_policy().name == "float32"
    assert set(policies_of(compiled(plain_case))) == {"float32"}
