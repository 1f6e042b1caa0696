import keras

from tests.engine.conftest import float64  # noqa: F401

collect_ignore_glob = (
    [] if keras.backend.backend() == "torch" else ["test_torch_*.py"]
)
