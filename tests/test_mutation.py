"""benchmarks/mutation.py notices what tests do not."""

import ast
import importlib.util
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[1] / "benchmarks" / "mutation.py"


@pytest.fixture(scope="module")
def mutation():
    spec = importlib.util.spec_from_file_location("mutation", SCRIPT)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("f(a - b)", ["a + b", "a", "b"]),
        ("f(a * b)", ["a / b"]),
        ("f(-a)", ["a"]),
        ("a += b", ["a -= b"]),
        ("f(0.5)", ["1.0"]),
        ("f(0)", ["1"]),
        ("f(True)", ["False"]),
        ("f(a <= b)", ["a > b"]),
        ("f(not a)", ["a"]),
        ("f(a and b)", ["a or b"]),
        ("if a: b()", ["if not a"]),
        ("f(b if a else c)", ["b if not a else c"]),
        ("ops.mean(a, axis=b)", ["ops.sum(a, axis=b)"]),
        ("max(a, b)", ["min(a, b)"]),
        ("f(ops.stop_gradient(a))", ["a"]),
        ("def f(a, b=2.0): return a", ["4.0", "return -a"]),
        ("a = ops.exp(b)", ["a = -ops.exp(b)"]),
        ("a = isinstance(b, c)", ["a = not isinstance(b, c)"]),
        # Nothing that is computed with.
        ("def f(a: 1 = None) -> 2: raise E(3)", []),
        ("f('a' + b, f'{1}')", []),
        ("a = tuple(b)", []),
        ("a = layers.Dense(b)", []),
    ],
)
def test_changes(mutation, tmp_path, monkeypatch, source, expected):
    (tmp_path / "file.py").write_text(source)
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    found = mutation.mutants("file.py")
    assert [mutant.after for mutant in found] == expected
    for mutant in found:
        assert (mutant.line, mutant.path) == (1, "file.py")
        assert mutant.before in ast.unparse(ast.parse(source))


FILE = """
def half(x):
    return 0.5 * x

def more(x):
    if x < 1.0:
        x = x + 1.0
    return x
"""
TESTS = """
from keras_gen.losses.file import half, more

def test_half():
    assert half(4.0) == 2.0

def test_more():
    assert more(0.5) == 1.5
    assert more(2.0) == 2.0
"""
ENTRY = """
[[mutant]]
file = "keras_gen/losses/file.py"
line = "if x < 1.0:"
changes = ["1.0 -> {after}"]
reason = "Nobody asks."
"""


@pytest.fixture
def run(tmp_path):
    """Runs the script in a repository of one file."""
    for path, text in (
        ("keras_gen/__init__.py", ""),
        ("keras_gen/losses/__init__.py", ""),
        ("keras_gen/losses/file.py", FILE),
        ("tests/losses/test_file.py", TESTS),
        ("benchmarks/mutation.py", SCRIPT.read_text()),
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(**changed):
        for name, text in changed.items():
            paths = {
                "tests": "tests/losses/test_file.py",
                "entries": "benchmarks/mutation_equivalent.toml",
            }
            (tmp_path / paths[name]).write_text(text)
        done = subprocess.run(
            [sys.executable, "benchmarks/mutation.py"]
            + ["keras_gen/losses/file.py"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        return done.returncode, done.stdout

    return run


def test_survivors_and_entries_that_fit_nothing_are_listed(run):
    status, output = run(entries=ENTRY.format(after="3.0"))
    assert status == 1
    assert "file.py: 10 of 11 caught (90.9%), 0 by the clock" in output
    assert "survived    keras_gen/losses/file.py:6: 1.0 -> 2.0" in output
    assert "not found" in output and "0 equivalent" in output


def test_equivalent_changes_are_left_out(run):
    status, output = run(entries=ENTRY.format(after="2.0"))
    assert status == 0 and "10 of 10 caught (100.0%)" in output
    assert "1.0 -> 2.0  (Nobody asks.)" in output


def test_tests_must_pass_without_a_change(run):
    status, output = run(tests=TESTS.replace("1.5", "2.5"))
    assert status == 1 and "must pass without a change" in output
