"""For tests that train many small models: import this fixture in a conftest."""

import keras
import pytest


@pytest.fixture(scope="package", autouse=True)
def quick_compilation(tmp_path_factory):
    """On JAX: tiny programs, compiled without optimization and only once.

    The tests build the same model many times. Each is a new program to JAX,
    but one that a cache on disk knows.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    options = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(
            tmp_path_factory.getbasetemp() / "jax"
        ),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
