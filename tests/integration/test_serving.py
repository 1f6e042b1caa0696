"""SavedModels from every backend answer with TensorFlow alone."""

import pytest

from tests.integration import processes


@pytest.fixture(scope="module")
def served(agreement):
    folder = agreement / "served"
    output = processes.run("serve_all.py", "tensorflow", folder)
    lines = [line.split() for line in output.splitlines()]
    return {
        words[1]: (int(words[2]), float(words[3]))
        for words in lines
        if words[:1] == ["served"]
    }


@pytest.mark.parametrize("backend", processes.BACKENDS)
def test_answers_equal_the_model(served, served_key, backend):
    """At batch sizes 1 and 7, for each signature, after training."""
    cases, difference = served[f"{served_key}_{backend}"]
    assert cases >= 2
    assert difference < 1e-5
