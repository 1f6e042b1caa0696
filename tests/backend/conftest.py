import keras

from tests.engine.conftest import float64  # noqa: F401

collect_ignore_glob = [
    f"test_{backend}_*.py"
    for backend in ("jax", "tensorflow", "torch")
    if backend != keras.backend.backend()
]
