"""One definition, one result: the same training on every backend."""

import numpy as np
import pytest

from tests.integration import processes

TOLERANCE = 1e-4


def assert_close(folder, first, second):
    worst = processes.differences(
        np.load(folder / f"{first}.npz"), np.load(folder / f"{second}.npz")
    )
    assert max(worst.values()) < TOLERANCE, worst


@pytest.mark.parametrize("other", ["tensorflow", "torch"])
def test_ten_steps_agree(agreement, key, other):
    assert_close(agreement, f"{key}_jax", f"{key}_{other}")


@pytest.mark.parametrize(
    "writer, reader",
    [("torch", "tensorflow"), ("tensorflow", "jax"), ("jax", "torch")],
)
def test_a_checkpoint_goes_on_elsewhere(agreement, served_key, writer, reader):
    assert_close(
        agreement,
        f"{served_key}_{writer}",
        f"{served_key}_{reader}_from_{writer}",
    )
