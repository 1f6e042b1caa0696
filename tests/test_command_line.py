"""`python -m keras_gen`."""

import subprocess
import sys

import pytest

import keras_gen
from keras_gen import __main__ as command_line
from keras_gen.registry import SYSTEMS


def test_list_has_every_class_and_paper(capsys):
    command_line.main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "class", "paper"]
    assert len(lines) == 1 + sum(len(system.classes) for system in SYSTEMS)
    for system in SYSTEMS:
        row = next(line for line in lines if line.startswith(f"{system.name} "))
        assert row.split()[1] == system.class_name
        assert row.endswith(system.paper)
        for variant in system.variants:
            assert variant in [line.strip() for line in lines]


def test_list_is_quick():
    """It needs no backend, nor Keras itself."""
    script = (
        "import runpy, sys\n"
        "sys.argv = ['keras_gen', 'list']\n"
        "runpy.run_module('keras_gen', run_name='__main__')\n"
        "heavy = {'keras', 'numpy', 'tensorflow', 'jax', 'torch'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "LadderVAE" in result.stdout


@pytest.mark.parametrize("name", keras_gen.list_models())
def test_info_is_the_card(name, capsys):
    command_line.main(["info", name])
    assert capsys.readouterr().out.strip() == keras_gen.card(name).strip()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["info", "dcgn"], "`name` must be one of ['ae', .*, 'dcgan', "),
        (["info"], "must be `list` or `info NAME`. Received: 'info'."),
        (["lost"], "must be `list` or `info NAME`. Received: 'lost'."),
        (["list", "vae"], "`info NAME`. Received: 'list vae'."),
    ],
)
def test_errors_say_what_must_be(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        command_line.main(arguments)
    assert error.value.code == 2
    start, _, end = message.partition(".*")
    said = capsys.readouterr().err
    assert start in said and end in said
