"""`make test-cost`: every processor second is counted, under its system."""

import json
import pathlib
import subprocess
import sys

from tests import cost

BUSY = """
import subprocess, sys, time

WORK = "import time\\nwhile time.process_time() < 0.5: pass"

def test_idle():
    time.sleep(0.5)

def test_busy():
    start = time.process_time()
    while time.process_time() < start + 0.5:
        pass

def test_child():
    subprocess.run([sys.executable, "-c", WORK], check=True)
"""


def test_own_and_childrens_seconds_are_written(tmp_path):
    file, costs = tmp_path / "test_busy.py", tmp_path / "new" / "run.json"
    file.write_text(BUSY)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + ["-p", "tests.cost", f"--cost={costs}", f"--rootdir={tmp_path}"]
        + ["-c", "/dev/null", str(file)],
        check=True,
        capture_output=True,
        cwd=pathlib.Path(__file__).parents[1],
    )
    found = json.loads(costs.read_text())
    found = {name.rpartition("::")[2]: s for name, s in found.items()}
    assert list(found) == [
        cost.STARTING,
        "test_idle",
        "test_busy",
        "test_child",
    ]
    assert found[cost.STARTING] > 0.05
    assert found["test_idle"] < 0.3
    assert 0.5 <= found["test_busy"] < 1.0
    assert found["test_child"] >= 0.5


def test_report_adds_up_by_folder_and_system():
    own = "tests/models/gans/test_"
    runs = {
        "jax": {
            cost.STARTING: 5.0,
            "tests/contract/test_saving.py::test_it[vae-free]": 1.0,
            "tests/contract/test_saving.py::test_it[ladder_vae]": 2.0,
            f"{own}wgan_gp_networks.py::test_widths": 4.0,
        },
        "once": {
            cost.STARTING: 3.0,
            "tests/metrics/samples/test_frechet.py::test_it[1]": 8.0,
            "tests/test_files.py::test_it": 16.0,
        },
    }
    lines = cost.report(runs, ["vae", "ladder_vae", "wgan", "wgan_gp"])
    rows = [line.rsplit(maxsplit=3) for line in lines]
    rows = {row[0]: row[1:] for row in rows if len(row) == 4}
    assert rows[cost.STARTING] == ["5.0", "3.0", "8.0"]
    assert rows["tests/contract"] == ["3.0", "0.0", "3.0"]
    assert rows["tests/models"] == ["4.0", "0.0", "4.0"]
    assert rows["tests/metrics/samples"] == ["0.0", "8.0", "8.0"]
    assert rows["tests"] == ["0.0", "16.0", "16.0"]
    assert rows["vae"] == ["1.0", "0.0", "1.0"]
    assert rows["ladder_vae"] == ["2.0", "0.0", "2.0"]
    assert rows["wgan_gp"] == ["4.0", "0.0", "4.0"] and "wgan" not in rows
    totals = [line.split()[2:] for line in lines if line.startswith("in all")]
    assert totals == [["12.0", "27.0", "39.0"], ["7.0", "0.0", "7.0"]]
    slowest = lines.index("Slowest tests")
    assert lines[slowest + 1].split() == [
        "16.0",
        "once",
        "tests/test_files.py::test_it",
    ]
