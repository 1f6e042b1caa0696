import keras
import pytest

collect_ignore = (
    [] if keras.backend.backend() == "torch" else ["test_torch_compile.py"]
)


@pytest.fixture
def float64():
    """Everything in double precision, as long as the test lasts."""
    keras.config.set_floatx("float64")
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        yield
        jax.config.update("jax_enable_x64", False)
    else:
        yield
    keras.config.set_floatx("float32")
