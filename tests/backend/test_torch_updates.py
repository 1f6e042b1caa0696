"""Keras' optimizers by few kernels of PyTorch: the same numbers and state."""

import keras
import numpy as np
import pytest
import torch
from keras import layers

from keras_gen.backend.torch import apply_gradients
from keras_gen.backend.torch_updates import quicken

SHAPES = ((5, 3), (3,), (2, 3, 4, 5), ())


def variables(dtype="float32"):
    rng = np.random.default_rng(0)
    return [
        keras.Variable(rng.normal(size=shape), dtype=dtype, name=f"w{i}")
        for i, shape in enumerate(SHAPES)
    ]


def gradients(step, dtype="float32"):
    rng = np.random.default_rng(1 + step)
    found = [rng.normal(size=shape) * 10.0 ** -(2 * step) for shape in SHAPES]
    tensors = [torch.tensor(x, dtype=getattr(torch, dtype)) for x in found]
    # As gradients of convolutions, in another order in memory.
    tensors[2] = tensors[2].permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)
    assert not tensors[2].is_contiguous()
    return tensors


def run(make, quick, dtype="float32", steps=5):
    """Variables, and state of the optimizer, after some updates."""
    optimizer, values = make(), variables(dtype)
    optimizer.build(values)
    for step in range(steps):
        # As in training, some of the variables at times.
        some = slice(None) if step != 2 else slice(0, 3)
        if quick:
            apply_gradients(
                optimizer, gradients(step, dtype)[some], values[some]
            )
        else:
            with torch.no_grad():
                optimizer.apply(gradients(step, dtype)[some], values[some])
    state = [*values, *optimizer.variables]
    paths = [variable.path.split("/")[-1] for variable in optimizer.variables]
    return [
        keras.ops.convert_to_numpy(keras.ops.cast(v, "float64")) for v in state
    ], paths


Adam, AdamW = keras.optimizers.Adam, keras.optimizers.AdamW
RMSprop = keras.optimizers.RMSprop
DECAY = keras.optimizers.schedules.PolynomialDecay(0.1, 4)
OPTIMIZERS = {
    "adam": lambda: Adam(0.1),
    "gans": lambda: Adam(0.1, beta_1=0.0, beta_2=0.9, epsilon=1e-8),
    "large_epsilon": lambda: Adam(0.1, beta_1=0.5, epsilon=1e-2),
    "amsgrad": lambda: Adam(0.1, amsgrad=True),
    "schedule": lambda: Adam(DECAY),
    "callable": lambda: Adam(lambda: 0.05),
    "clipped": lambda: Adam(0.1, global_clipnorm=0.5, weight_decay=0.1),
    "average": lambda: Adam(0.1, use_ema=True),
    "accumulated": lambda: Adam(0.1, gradient_accumulation_steps=2),
    "adamw": lambda: AdamW(0.1, weight_decay=0.2),
    "rmsprop": lambda: RMSprop(0.1),
    "rmsprop_schedule": lambda: RMSprop(DECAY, rho=0.99, epsilon=1e-8),
    "centered": lambda: RMSprop(0.1, centered=True, epsilon=1e-3),
    "momentum": lambda: RMSprop(0.1, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_numbers_and_state_are_those_of_keras(name):
    quick, paths = run(OPTIMIZERS[name], quick=True)
    expected, plain_paths = run(OPTIMIZERS[name], quick=False)
    assert paths == plain_paths
    for a, b in zip(quick, expected, strict=True):
        # Of float32, whose sums are in another order.
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_bfloat16(name):
    quick, _ = run(OPTIMIZERS[name], quick=True, dtype="bfloat16")
    exact, _ = run(OPTIMIZERS[name], quick=False)
    keras_own, _ = run(OPTIMIZERS[name], quick=False, dtype="bfloat16")
    for a, b, c in zip(quick, exact, keras_own, strict=True):
        # Eight bits, over five updates: no farther from the exact numbers
        # than Keras' own rounding leaves them, or five units in the last.
        error = np.abs(a - b).max()
        assert error <= max(np.abs(c - b).max(), 5 * 2.0**-8 * np.abs(b).max())


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_the_kernels_are_used(name, monkeypatch):
    calls = []
    kernel = {"adam": "_fused_adam_", "rmsprop": "_foreach_addcmul_"}[name]
    original = getattr(torch, kernel)

    def counted(*args, **kwargs):
        calls.append(len(args[0]))
        return original(*args, **kwargs)

    monkeypatch.setattr(torch, kernel, counted)
    run(OPTIMIZERS[name], quick=True)
    assert calls == [4, 4, 3, 4, 4]


def test_others_are_left_alone():
    class Own(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, gradient)

    for optimizer in (Own(), keras.optimizers.SGD(0.1)):
        quicken(optimizer)
        assert "_backend_update_step" not in vars(optimizer)


def test_values_in_another_order_in_memory():
    """A kernel through memory would mix up rows and columns."""
    results = []
    for transposed in (False, True):
        value = torch.arange(6.0).reshape(2, 3)
        if transposed:
            value = value.T.contiguous().T
        variable = keras.Variable(value)
        optimizer = Adam(0.1)
        optimizer.build([variable])
        for step in range(3):
            gradient = torch.arange(6.0).reshape(2, 3) - step
            apply_gradients(optimizer, [gradient], [variable])
        results.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_half_precision_scales_the_inner_optimizer():
    scaled = keras.optimizers.LossScaleOptimizer(Adam(0.1), initial_scale=4.0)
    layer = layers.Dense(1)
    layer.build((None, 2))
    values = layer.trainable_variables
    scaled.build(values)
    apply_gradients(scaled, [v.value.detach() + 1 for v in values], values)
    assert "_backend_update_step" in vars(scaled.inner_optimizer)
