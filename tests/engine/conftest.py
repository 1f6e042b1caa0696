import keras
import pytest


@pytest.fixture
def float64(monkeypatch):
    """Everything in double precision, as long as the test lasts."""
    from keras.src.backend.common import dtypes

    # On JAX and PyTorch, Keras computes means and products of float64 tensors
    # in float32, as this table of it says.
    monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    keras.config.set_floatx("float64")
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        yield
        jax.config.update("jax_enable_x64", False)
    else:
        yield
    keras.config.set_floatx("float32")
