"""One definition, one result: the same training on every backend."""

import pytest

from tests.integration.processes import (
    CHECKPOINTS,
    assert_close,
    assert_equal,
)


def test_ten_steps_agree(agreement, other, key):
    """With those of PyTorch."""
    assert_close(agreement, f"{key}_torch", f"{key}_{other}")


@pytest.mark.parametrize("writer, reader", CHECKPOINTS)
def test_a_checkpoint_is_read_elsewhere(agreement, served_key, writer, reader):
    written = f"{served_key}_{writer}_checkpoint"
    assert_equal(agreement, written, f"{served_key}_{reader}_given_{writer}")


def test_a_checkpoint_goes_on_elsewhere(
    agreement, writer, reader, continued_key
):
    found = f"{continued_key}_{reader}_from_{writer}"
    assert_close(agreement, f"{continued_key}_{writer}", found)
