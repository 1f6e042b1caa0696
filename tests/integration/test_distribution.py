"""Training on several devices equals training on one.

The global batch, the noise and the seeds are the same; batch normalization
takes its statistics over the global batch. On TensorFlow and PyTorch a
worker's logs are those of its own rows.
"""

from tests.integration.processes import assert_close
from tests.integration.scripts.devices import KINDS


def test_equals_a_single_device(agreement, kind, distributed_key):
    backend = KINDS[kind]
    assert_close(
        agreement,
        f"{distributed_key}_{backend}_checkpoint",
        f"{distributed_key}_{kind}",
        logs=backend == "jax",
    )
