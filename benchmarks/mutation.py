"""Mutation testing: whether a test fails where the mathematics is wrong.

    python benchmarks/mutation.py [--jobs 2] [FILE ...]

Every file is changed in one place at a time: a sign, a factor or divisor, a
dropped term, a sum in place of a mean, a doubled constant, a comparison, a
negated condition, a dropped `stop_gradient`, a minimum in place of a maximum.
Each such mutant is run, on PyTorch, against the tests that belong to the file
and, where these pass, against the contract of the system. Those that no test
notices survive, and are listed. Nothing is written: a mutant is compiled from
memory in a process of its own, forked from one that has imported the
libraries.

A change that no test can notice, since nothing that is promised depends on
it, is listed with its reason in `mutation_equivalent.toml`.

The exit status is 1 if fewer than 95 % of the mutants of a file are caught.
"""

import argparse
import ast
import collections
import copy
import dataclasses
import gc
import importlib
import importlib.machinery
import importlib.util
import itertools
import json
import math
import os
import pathlib
import re
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
import types
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
EQUIVALENT = pathlib.Path(__file__).with_name("mutation_equivalent.toml")
DEFAULT = (
    "keras_gen/losses/*.py",
    "keras_gen/distributions/*.py",
    "keras_gen/models/bounds.py",
    "keras_gen/models/variational.py",
    "keras_gen/models/vaes/vae.py",
    "keras_gen/models/gans/dcgan.py",
    "keras_gen/models/gans/*/*.py",
)
# Of a base of several systems, the one whose tests are run.
SYSTEM_OF = {"bounds": "vae", "variational": "vae"}
# They compare a step with itself.
IGNORED = ("tests/contract/test_compiled_steps.py",)
REQUIRED = 0.95
# How much longer than its processor time a process may take.
SLOWDOWN = 10

# ---- Mutants ----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of a file.

    Attributes:
        path: String. The file, from the root of the repository.
        line: Integer. The line of the change.
        column: Integer. Its column.
        before: String. The expression, or the statement, as it is.
        after: String. The same, changed.
        code: Code object of the changed module.
    """

    path: str
    line: int
    column: int
    before: str
    after: str
    code: types.CodeType = dataclasses.field(repr=False, compare=False)

    def __str__(self):
        return f"{self.path}:{self.line}: {self.before} -> {self.after}"


OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
COMPARISONS = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
FUNCTIONS = {
    "sum": "mean",
    "mean": "sum",
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmin": "argmax",
    "argmax": "argmin",
    "any": "all",
    "all": "any",
}
# Where a changed sign is no error of types: values, and calls of functions
# in place of classes and of methods.
VALUES = (ast.BinOp, ast.Name, ast.Attribute, ast.Subscript)
PREDICATES = ("any", "all", "callable", "hasattr", "isinstance")
STRUCTURES = ("dict", "list", "set", "sorted", "super", "tuple", "zip")


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yields what may stand in place of a node."""
    match node:
        case ast.BinOp(left, op, right) if not is_text(left, right):
            if type(op) in OPERATORS:
                yield ast.BinOp(left, OPERATORS[type(op)](), right)
            if isinstance(op, ast.Add | ast.Sub):
                yield left
                yield right
        case ast.AugAssign(target, op, value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.If(test, body, orelse) if may_be_inverted(test):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse) if may_be_inverted(test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BoolOp(ast.And(), operands):
            yield ast.BoolOp(ast.Or(), operands)
        case ast.BoolOp(ast.Or(), operands):
            yield ast.BoolOp(ast.And(), operands)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(2 * value if value else type(value)(1))
        case ast.Compare(left, ops, right):
            for index, op in enumerate(ops):
                changed = [*ops]
                changed[index] = COMPARISONS[type(op)]()
                yield ast.Compare(left, changed, right)
        case ast.Call(ast.Attribute(attr="stop_gradient"), [value, *_]):
            yield value
        case ast.Call(ast.Attribute(value, name), args, keywords):
            if name in FUNCTIONS:
                function = ast.Attribute(value, FUNCTIONS[name], ast.Load())
                yield ast.Call(function, args, keywords)
        case ast.Call(ast.Name(name), args, keywords):
            if name in ("min", "max", "any", "all"):
                function = ast.Name(FUNCTIONS[name], ast.Load())
                yield ast.Call(function, args, keywords)
        case ast.Return(value) if negation := negation_of(value):
            yield ast.Return(ast.UnaryOp(negation, value))
        case ast.Assign(targets, value) if negation := negation_of(value):
            yield ast.Assign(targets, ast.UnaryOp(negation, value))


def is_text(*nodes):
    return any(
        isinstance(node, ast.JoinedStr)
        or isinstance(getattr(node, "value", None), str)
        for node in nodes
    )


def may_be_inverted(test):
    """Whether no other change of a condition already inverts it."""
    return not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant)


def negation_of(value):
    """The operator that inverts a value, or `None` if it has no inverse."""
    if isinstance(value, ast.Call):
        match value.func:
            case ast.Name(name) if name in PREDICATES:
                return ast.Not()
            case ast.Name(name):
                numeric = name[:1].islower() and name not in STRUCTURES
                return ast.USub() if numeric else None
            case ast.Attribute(ast.Name(module), name):
                numeric = module not in ("self", "keras", "layers")
                return ast.USub() if numeric else None
    return ast.USub() if isinstance(value, VALUES) else None


# Annotations are not computed with; messages are for readers.
SKIPPED = {
    ast.AnnAssign: ("annotation",),
    ast.arg: ("annotation",),
    ast.FunctionDef: ("returns",),
    ast.Raise: ("exc", "cause"),
    ast.JoinedStr: ("values",),
}


def places(node: ast.AST) -> Iterator[tuple]:
    """Yields each node with its setter, in the order of the source."""
    for name, value in ast.iter_fields(node):
        if name in SKIPPED.get(type(node), ()):
            continue
        if isinstance(value, ast.AST):
            yield value, lambda new, name=name: setattr(node, name, new)
            yield from places(value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield (
                        item,
                        lambda new, v=value, i=index: v.__setitem__(i, new),
                    )
                    yield from places(item)


def brief(node):
    """The source of an expression; of a condition, without its branches."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return ast.unparse(node)


def mutants(path: str) -> list[Mutant]:
    """All mutants of a file."""
    tree = ast.parse((ROOT / path).read_text())
    found = []
    for node, replace in places(tree):
        for new in changes(node):
            new = ast.copy_location(copy.copy(new), node)
            before, after = brief(node), brief(new)
            replace(new)
            fixed = ast.fix_missing_locations(tree)
            code = compile(fixed, str(ROOT / path), "exec")
            replace(node)
            place = (node.lineno, node.col_offset)
            found.append(Mutant(path, *place, before, after, code))
    return found


# ---- The tests of a file ----------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Stage:
    """Tests that are run together.

    Attributes:
        paths: Tuple of strings. What pytest is given.
        system: String or `None`. If given, only the tests whose parameters
            name this system are run.
    """

    paths: tuple[str, ...]
    system: str | None = None

    def run(self, order=None) -> tuple[int, str, dict[str, float]]:
        """Runs the tests until one fails.

        Args:
            order: Dictionary or `None`. Keys to sort the tests by.

        Returns:
            The exit status, the test that failed, and the seconds of each.
        """
        import pytest

        failed, seconds = [], collections.Counter()

        class Plugin:
            @staticmethod
            def pytest_collection_modifyitems(config, items):
                items[:] = [item for item in items if self.includes(item)]
                if order is not None:
                    items.sort(key=lambda item: order.get(item.nodeid, ()))

            @staticmethod
            def pytest_runtest_logreport(report):
                seconds[report.nodeid] += report.duration
                if report.failed:
                    failed.append(report.nodeid)

        options = ["-x", "-q", "--tb=line"]
        unused = ("cacheprovider", "logging", "unraisableexception")
        options += [f"-pno:{plugin}" for plugin in unused]
        options += [f"--ignore={path}" for path in IGNORED]
        status = pytest.main([*options, *self.paths], plugins=[Plugin])
        return int(status), failed[0] if failed else "", seconds

    def includes(self, item):
        keys = re.split(r"[\[\]-]", item.nodeid.partition("[")[2])
        return self.system is None or self.system in keys


def stages_of(path: str) -> list[Stage]:
    """The tests of a file of the package, its own first."""
    room, *inner = pathlib.PurePath(path).with_suffix("").parts[1:]
    if room != "models":
        return [Stage((f"tests/{room}",))]
    from keras_gen.registry import SYSTEMS

    module = ".".join(inner)
    system = next(
        system
        for system in SYSTEMS
        if f"{module}.".startswith(f"{system.module}.")
        or SYSTEM_OF.get(module) == system.name
    )
    tests = ROOT / "tests" / "models"
    family = system.module.partition(".")[0]
    files = [
        *tests.glob(
            "test_*.py" if module in SYSTEM_OF else f"test_{module}.py"
        ),
        *sorted(tests.glob(f"{family}/test_{system.name}*.py")),
    ]
    own = tuple(str(file.relative_to(ROOT)) for file in files)
    return [Stage(own), Stage(("tests/contract",), system.name)]


# ---- Processes --------------------------------------------------------------


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module whose code is given."""

    def __init__(self, name, path, code):
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname):
        return self.code


class Finder:
    """Finds the module that a mutant takes the place of."""

    def __init__(self, mutant):
        parts = pathlib.PurePath(mutant.path).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        self.path, self.code = str(ROOT / mutant.path), mutant.code

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(
            name,
            self.path,
            loader=Loader(name, self.path, self.code),
            submodule_search_locations=[os.path.dirname(self.path)]
            if self.is_package
            else None,
        )


@dataclasses.dataclass
class Child:
    """A forked process that runs the tests of a stage.

    Attributes:
        stage: `Stage`.
        limit: Float. The processor seconds that it may take.
        mutant: `Mutant` or `None`. The change of the package, if any.
        order: Dictionary or `None`. Keys to sort the tests by.
    """

    stage: Stage
    limit: float
    mutant: Mutant | None = None
    order: dict[str, tuple] | None = None

    def start(self):
        self.output = tempfile.TemporaryFile("w+")
        self.results = tempfile.TemporaryFile("w+")
        self.deadline = time.monotonic() + SLOWDOWN * self.limit
        self.pid = os.fork()
        if self.pid:
            return self
        status = 1
        try:
            os.setsid()
            limit = math.ceil(self.limit)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
            for descriptor in (1, 2):
                os.dup2(self.output.fileno(), descriptor)
            if self.mutant is not None:
                sys.meta_path.insert(0, Finder(self.mutant))
            status, failed, seconds = self.stage.run(self.order)
            results = dict(failed=failed, seconds=seconds, modules=[])
            if self.mutant is None:
                results["modules"] = list(sys.modules)
            json.dump(results, self.results)
            self.results.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def poll(self):
        """The exit status, or `None` if the process still runs."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if not pid and time.monotonic() > self.deadline:
            os.killpg(self.pid, signal.SIGKILL)
            pid, status, usage = os.wait4(self.pid, 0)
        if not pid:
            return None
        self.seconds = usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status)

    def wait(self):
        while (status := self.poll()) is None:
            time.sleep(0.01)
        return status

    def read(self):
        """What `run` has returned, and the modules it has imported."""
        self.results.seek(0)
        text = self.results.read()
        return json.loads(text) if text else {"failed": ""}

    def tail(self):
        self.output.seek(0)
        return self.output.read()[-4000:]


def warm_up(stage: Stage) -> tuple[float, dict[str, tuple]]:
    """Runs the tests on the file as it is, and imports what they import.

    Returns:
        The processor seconds that they take, and keys by which the quickest
        files, and of each its quickest tests, come first.
    """
    for _ in range(2):  # The second time without imports of libraries.
        child = Child(stage, limit=1200).start()
        status = child.wait()
        if status != 0:
            raise SystemExit(
                f"The tests {stage} must pass without a change. Received: "
                f"status {status}.\n{child.tail()}"
            )
        preload(child.read()["modules"])
    seconds, files = child.read()["seconds"], collections.Counter()
    for name, value in seconds.items():
        files[name.partition("::")[0]] += value
    return child.seconds, {
        name: (files[name.partition("::")[0]], name.partition("::")[0], value)
        for name, value in seconds.items()
    }


def preload(modules):
    """Imports libraries, but nothing of this repository."""
    ours = ("keras_gen", "tests", "conftest", "recipes", "_pytest", "__")
    for name in modules:
        if name.startswith(ours) or name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except Exception:
            continue  # The mutants' own processes import it, if they can.
    gc.freeze()  # Else each of them would copy all pages to look at them.


def survivors(
    found: list[Mutant], stages: list[Stage], jobs: int
) -> tuple[list[Mutant], int]:
    """Runs the mutants through the stages.

    Returns:
        Those that no stage notices, in the order of the source, and the
        number of those that ran out of time.
    """
    left, late = found, 0
    for stage in stages:
        usual, order = warm_up(stage)
        killers = collections.Counter()
        waiting, running, passed = collections.deque(left), [], []
        while waiting or running:
            while waiting and len(running) < jobs:
                # First those that have failed most often.
                keys = {k: (-killers[k], *key) for k, key in order.items()}
                child = Child(stage, 20 + 4 * usual, waiting.popleft(), keys)
                running.append(child.start())
            time.sleep(0.005)
            for child in list(running):
                status = child.poll()
                if status is None:
                    continue
                running.remove(child)
                if status == 0:
                    passed.append(child.mutant)
                elif status < 0:
                    late += 1
                elif failed := child.read()["failed"]:
                    killers[failed] += 1
        left = [mutant for mutant in left if mutant in passed]
    return left, late


# ---- Equivalent mutants -----------------------------------------------------


def equivalents() -> list[dict]:
    """The changes that nothing promised depends on, with their reasons."""
    if not EQUIVALENT.exists():
        return []
    return [
        {**entry, "change": change}
        for entry in tomllib.loads(EQUIVALENT.read_text())["mutant"]
        for change in entry.pop("changes")
    ]


def matches(entry: dict, mutant: Mutant, source: list[str]) -> bool:
    return (
        entry["file"] == mutant.path
        and entry["line"] == source[mutant.line - 1].strip()
        and entry["change"] == f"{mutant.before} -> {mutant.after}"
        and entry.get("column", mutant.column) == mutant.column
    )


# ---- The report -------------------------------------------------------------


def check(path: str, options: argparse.Namespace) -> bool:
    """Tests all mutants of a file; prints and returns how it went."""
    source = (ROOT / path).read_text().splitlines()
    found, entries = mutants(path), equivalents()
    entries = [entry for entry in entries if entry["file"] == path]
    known = {
        index: entry["reason"]
        for index, mutant in enumerate(found)
        for entry in entries
        if matches(entry, mutant, source)
    }
    unknown = [
        entry
        for entry in entries
        if not any(matches(entry, mutant, source) for mutant in found)
    ]
    tried = [m for index, m in enumerate(found) if index not in known]
    if options.list:
        print("\n".join(map(str, tried)))
        return True
    if not tried:
        return not unknown
    left, late = survivors(tried, stages_of(path), options.jobs)
    caught = len(tried) - len(left)
    fraction = caught / len(tried)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{path}: {caught} of {len(tried)} caught ({fraction:.1%}), {late} by "
        f"the clock; {len(known)} equivalent; "
        f"{usage.ru_utime + usage.ru_stime:.0f} processor seconds"
    )
    for mutant in left:
        print(f"  survived    {mutant}")
    for index, reason in known.items():
        print(f"  equivalent  {found[index]}  ({reason})")
    for entry in unknown:
        print(f"  not found   {entry}")
    sys.stdout.flush()
    return fraction >= REQUIRED and not unknown


def check_in_child(path, options):
    """So that what one file imports is not there for the next."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if check(path, options) else 1
        except SystemExit as error:
            print(error)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def prepare():
    """Makes this process one from which tests can be forked."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ |= {
        "KERAS_BACKEND": "torch",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    import torch

    torch.set_num_threads(1)
    importlib.import_module("keras")
    importlib.import_module("pytest")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", help="Defaults to the losses, ...")
    parser.add_argument("--jobs", type=int, default=1, help="Processes.")
    parser.add_argument(
        "--list", action="store_true", help="Show the mutants, run nothing."
    )
    options = parser.parse_args()
    files = [
        str(pathlib.Path(file).resolve().relative_to(ROOT))
        for file in options.files
    ]
    if not files:
        found = (sorted(ROOT.glob(pattern)) for pattern in DEFAULT)
        files = [
            str(file.relative_to(ROOT)) for file in itertools.chain(*found)
        ]
    if not options.list:
        prepare()
    passed = [check_in_child(file, options) for file in files]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
