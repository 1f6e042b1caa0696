"""Tests compile many tiny programs, each of which runs a few times."""

import importlib.metadata
import os

import keras

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
