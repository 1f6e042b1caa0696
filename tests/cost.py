"""What the tests cost, in processor seconds: `make test-cost`.

As a plugin of pytest, writes what each test took, in this process and in
those that it has started, to the file `--cost`. As a script, prints the costs
of all such files in a folder.
"""

import collections
import json
import os
import pathlib
import re
import resource
import sys

import pytest

STARTING = "(start and imports)"
SLOWEST = 20


def processor_seconds():
    """User and system time of this process and of its children so far."""
    usage = map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(u.ru_utime + u.ru_stime for u in usage)


# ---- The plugin -------------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption("--cost", help="The JSON file of the tests' costs.")


def pytest_configure(config):
    config.test_costs = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    costs, before = item.config.test_costs, processor_seconds()
    costs.setdefault(STARTING, before)
    try:
        return (yield)
    finally:
        costs[item.nodeid] = processor_seconds() - before


def pytest_sessionfinish(session):
    path = session.config.getoption("--cost")
    if path:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w") as file:
            json.dump(session.config.test_costs, file)


# ---- The report -------------------------------------------------------------


def group_of(test):
    """The folder of a test; of metrics and models, the folder inside."""
    if test == STARTING:
        return test
    folders = test.partition("::")[0].split("/")[:-1]
    return "/".join(folders[: 3 if folders[1:2] == ["metrics"] else 2])


def system_of(test, systems):
    """The system of a test of the contract, or of one of its own files."""
    path, _, name = test.partition("::")
    keys = re.split(r"[\[\]-]", name.partition("[")[2])
    stem = pathlib.PurePath(path).stem.removeprefix("test_")
    owners = [s for s in systems if s in keys]
    if not owners and path.startswith("tests/models/"):
        owners = [s for s in systems if f"{stem}_".startswith(f"{s}_")]
    return max(owners, key=len, default=None)


def table(title, runs, key):
    """Lines of the costs by a key of the tests, the highest first."""
    rows = collections.defaultdict(collections.Counter)
    for run, costs in runs.items():
        for test, seconds in costs.items():
            if (row := key(test)) is not None:
                rows[row][run] += seconds
    rows = dict(sorted(rows.items(), key=lambda row: -row[1].total()))
    whole = collections.Counter()
    for counter in rows.values():
        whole.update(counter)
    rows["in all"] = whole
    width = max(map(len, [title, *rows]))
    names = [*runs, "in all"]
    lines = ["", f"{title:{width}}" + "".join(f"{n:>12}" for n in names)]
    for name, counter in rows.items():
        cells = [*(counter[run] for run in runs), counter.total()]
        lines.append(f"{name:{width}}" + "".join(f"{c:12.1f}" for c in cells))
    return lines


def report(runs, systems):
    """The lines to print.

    Args:
        runs: Dictionary from the name of each run of pytest to a dictionary
            of its tests' processor seconds.
        systems: Sequence of strings. The names of the systems.
    """
    slowest = sorted(
        (
            (s, test, run)
            for run, costs in runs.items()
            for test, s in costs.items()
        ),
        reverse=True,
    )[:SLOWEST]
    return [
        *table("Processor seconds", runs, group_of),
        *table("System", runs, lambda test: system_of(test, systems)),
        "",
        "Slowest tests",
        *(
            f"{seconds:8.1f}  {run:10}  {test}"
            for seconds, test, run in slowest
        ),
    ]


def main(folder):
    from keras_gen.registry import BY_NAME

    files = sorted(pathlib.Path(folder).glob("*.json"))
    runs = {file.stem: json.loads(file.read_text()) for file in files}
    print("\n".join(report(runs, list(BY_NAME))))


if __name__ == "__main__":
    main(sys.argv[1])
