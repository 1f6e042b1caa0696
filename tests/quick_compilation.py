"""Tests compile many tiny programs, each of which runs a few times."""

import importlib.metadata
import math
import os
import types

import keras
import numpy as np

# With these, XLA compiles such programs for a CPU in half the time or less.
FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_cpu_multi_thread_eigen=false",
)
# The versions that know them: an unknown flag ends the process.
VERSIONS = {"jax": ("jaxlib", "0.10"), "tensorflow": ("tensorflow", "2.21")}


def xla_flags(backend):
    """The value of `XLA_FLAGS`, which XLA reads when it starts."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    if backend in VERSIONS:
        package, known = VERSIONS[backend]
        if importlib.metadata.version(package).startswith(f"{known}."):
            flags += FLAGS
    return " ".join(dict.fromkeys(flags))


def compile_once(folder):
    """On JAX, keeps what was compiled in a folder.

    The tests build the same model many times. Each is a new program to JAX,
    but one that this cache knows.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    for name, value in {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }.items():
        jax.config.update(name, value)


def draw_in_few_sizes():
    """On JAX, draws initial values in arrays whose sizes are powers of two.

    Otherwise it would compile the draws of each shape of a kernel.
    """
    if keras.backend.backend() != "jax":
        return
    import jax
    from keras.src.initializers import random_initializers

    def in_few_sizes(draw):
        def drawn(shape, **options):
            size = math.prod(shape)
            values = draw((1 << (size - 1).bit_length(),), **options)
            if isinstance(values, jax.core.Tracer):
                return values[:size].reshape(shape)
            return jax.device_put(np.asarray(values)[:size].reshape(shape))

        return drawn

    module = random_initializers.random
    draws = {
        name: in_few_sizes(getattr(module, name))
        for name in ("normal", "truncated_normal", "uniform")
    }
    random_initializers.random = types.SimpleNamespace(
        **{**vars(module), **draws}
    )
