"""What every test runs under: one backend, fixed seeds, a blank Keras."""

import gc
import importlib.util
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# No backend may claim all of an accelerator: some tests use two of them.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

# A process in which TensorFlow is imported before torch crashes. Sorted
# imports put TensorFlow first in any file that needs both, so torch comes
# here, before everything else.
if importlib.util.find_spec("torch") is not None:
    import torch  # noqa: F401

import keras
import pytest

from tests.quick_compilation import (
    compile_once,
    draw_in_few_sizes,
    xla_flags,
)

SEED = 1234

# Before the first test is collected: some models are built then.
os.environ["XLA_FLAGS"] = xla_flags(keras.backend.backend())
CACHE = tempfile.TemporaryDirectory()
compile_once(CACHE.name)
draw_in_few_sizes()


def start_afresh():
    keras.utils.clear_session(free_memory=False)
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(SEED)


# Fixtures of a wider scope are made before those of a single test, so they
# need seeds of their own to be the same whichever tests ran before.
@pytest.fixture(scope="module", autouse=True)
def fresh_module():
    start_afresh()


@pytest.fixture(autouse=True)
def fresh_test(fresh_module):
    start_afresh()


def pytest_sessionfinish(session, exitstatus):
    session.config.exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    # An iterator of tf.data whose threads call Python waits for them when it
    # is deleted; once the interpreter ends, they never come. Those that are
    # still referred to are not deleted: the process ends without that.
    gc.collect()
    CACHE.cleanup()
    sys.stdout.flush()
    sys.stderr.flush()
    if "pytest" in os.path.basename(os.path.dirname(sys.argv[0])):
        # `python -m pytest`, not a program that runs it, as mutation.py.
        os._exit(getattr(config, "exit_status", 1))
