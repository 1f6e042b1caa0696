"""Training on several devices equals training on one.

The global batch, the noise and the seeds are the same; batch normalization
takes its statistics over the global batch. On TensorFlow and PyTorch a
worker's logs are those of its own rows.
"""

import pytest

from tests.integration.processes import assert_close


@pytest.mark.parametrize(
    "kind, backend",
    [
        ("mirrored", "tensorflow"),
        ("data_parallel", "jax"),
        ("torchrun", "torch"),
    ],
)
def test_equals_a_single_device(agreement, distributed_key, kind, backend):
    assert_close(
        agreement,
        f"{distributed_key}_{backend}_checkpoint",
        f"{distributed_key}_{kind}",
        logs=backend == "jax",
    )


def test_two_processes_of_jax_equal_one(agreement, first_key):
    assert_close(
        agreement, f"{first_key}_jax_checkpoint", f"{first_key}_processes"
    )
