"""Compiled steps do what uncompiled ones do.

Of JAX this is known: its compiled steps agree with those of the others,
uncompiled (tests/integration/test_backends_agree.py).
"""

import keras
import numpy as np
import pytest
from keras import ops

from tests.contract.helpers import arrays, fit, state_of, widen


def smooth_optimizer():
    """Adam whose epsilon is above rounding errors.

    A gradient that is zero but for rounding, as that of a bias in front
    of a normalization, would else become a full step of random sign.
    """
    return keras.optimizers.Adam(1e-2, beta_1=0.5, epsilon=1e-1)


def assert_close(left, right):
    # Fused and reordered float32 sums: rounding of 1e-7, and what the
    # normalization of small batches makes of it, above all in the gradients of
    # biases in front of it, which would be zero: hundredths of a step of 1e-2.
    for a, b in zip(
        arrays(left.variables), arrays(right.variables), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    # The moments of gradients, beside the largest of an array.
    left, right = left.optimizer.variables, right.optimizer.variables
    for a, b in zip(arrays(left), arrays(right), strict=True):
        scale = max(1.0, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4 * scale)


@pytest.fixture
def quick_backend(stepping_case, monkeypatch):
    """On PyTorch: all steps are traced, and those of few models compiled.

    Returns whether they are compiled.
    """
    if keras.backend.backend() != "torch":
        return True
    from keras_gen.backend import torch_tracing

    monkeypatch.setattr(torch_tracing, "EAGER_STEPS", 0)
    if stepping_case.key != "vae":
        monkeypatch.setattr(torch_tracing, "BACKEND", "aot_eager")
    return stepping_case.is_first_of_family


@pytest.fixture
def same_noise(monkeypatch):
    """On TensorFlow: noise that XLA computes as the kernels do.

    TensorFlow leaves to the compiler how random numbers are made, so that
    compiled steps see other draws. In their place stand waves, which follow
    the state of the seed generator all the same.
    """
    if keras.backend.backend() != "tensorflow":
        return

    def waves(shape, seed):
        first, second = ops.unstack(seed.next(), 2)
        phase = ops.cast(ops.mod(first, 1000) + second, "float32")
        count = ops.cast(ops.arange(ops.prod(shape)), "float32")
        return ops.reshape(ops.sin(1.7 * count + phase), shape)

    def normal(shape, dtype=None, seed=None):
        return waves(shape, seed)

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        return minval + (maxval - minval) * (0.5 + 0.5 * waves(shape, seed))

    monkeypatch.setattr(keras.random, "normal", normal)
    monkeypatch.setattr(keras.random, "uniform", uniform)


def test_compiled_steps_equal_uncompiled_ones(
    stepping_case, same_noise, quick_backend
):
    eager = stepping_case.compiled(smooth_optimizer(), run_eagerly=True)
    quick = stepping_case.compiled(
        smooth_optimizer(),
        run_eagerly=False,
        jit_compile=quick_backend or "auto",
    )
    widen(eager)
    widen(quick)
    data = stepping_case.data()
    before = state_of(eager)
    eager_history, quick_history = fit(eager, data), fit(quick, data)
    if quick_backend:
        assert_close(quick, eager)
    else:
        # The same operations in the same order: the same bits.
        for a, b in zip(state_of(quick), state_of(eager), strict=True):
            np.testing.assert_array_equal(a, b)
    assert any(
        not np.allclose(a, b, rtol=1e-2, atol=1e-3)
        for a, b in zip(before, state_of(eager), strict=True)
    )
    assert set(quick_history) == set(eager_history)
    for name, values in eager_history.items():
        np.testing.assert_allclose(
            quick_history[name], values, rtol=1e-4, atol=1e-6
        )
    # What grows is compiled again.
    torch = keras.backend.backend() == "torch"
    if torch and not stepping_case.is_proof:
        assert_compiled_once(
            quick, data, at_least=stepping_case.is_first_of_family
        )


def assert_compiled_once(model, data, at_least):
    """More steps on batches of the same size compile nothing."""
    from torch._dynamo.utils import counters

    assert len(model._traced_step.graphs) == 1
    frames = counters["stats"]["unique_graphs"]
    assert frames >= at_least
    fit(model, data)
    assert len(model._traced_step.graphs) == 1
    assert counters["stats"]["unique_graphs"] == frames
