"""SavedModels from every backend answer with TensorFlow alone."""

import pytest

from tests.integration import processes

MODELS = ("vae", "ladder_vae", "dcgan", "wgan_gp")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    for backend in processes.BACKENDS:
        processes.run("export_all.py", backend, folder)
    output = processes.run("serve_all.py", "tensorflow", folder)
    lines = [line.split() for line in output.splitlines()]
    return {
        words[1]: (int(words[2]), float(words[3]))
        for words in lines
        if words[:1] == ["served"]
    }


@pytest.mark.parametrize("backend", processes.BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_answers_equal_the_model(served, name, backend):
    cases, difference = served[f"{name}_{backend}"]
    assert cases >= 2
    assert difference < 1e-5
