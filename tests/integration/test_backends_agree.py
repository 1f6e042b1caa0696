"""One definition, one result: the same training on every backend."""

import pytest

from tests.integration.processes import assert_close


def test_ten_steps_agree(agreement, other, key):
    """With those of PyTorch."""
    assert_close(agreement, f"{key}_torch", f"{key}_{other}")


@pytest.mark.parametrize(
    "writer, reader",
    [("torch", "tensorflow"), ("tensorflow", "jax"), ("jax", "torch")],
)
def test_a_checkpoint_goes_on_elsewhere(agreement, served_key, writer, reader):
    found = f"{served_key}_{reader}_from_{writer}"
    assert_close(agreement, f"{served_key}_{writer}", found)
