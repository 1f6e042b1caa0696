import keras

from tests.engine.conftest import float64  # noqa: F401

collect_ignore = (
    [] if keras.backend.backend() == "torch" else ["test_torch_compile.py"]
)
