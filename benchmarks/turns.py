"""Steps per second of `fit` after a change, against those before it.

```
git worktree add /tmp/before e083892
KERAS_BACKEND=tensorflow python benchmarks/turns.py /tmp/before --model vae
```

Single runs of `throughput.py` differ by more than most changes do. Here each
of the two working trees has a process of its own, and the two take turns of a
few seconds, so that a slow minute of the machine slows both. They are started
anew several times, since processes of the same code differ, too. Above 1, this
tree is faster.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
JIT_COMPILE = {"true": True, "false": False, "auto": "auto"}


def train_by_turns(tree, options):
    """Trains for an epoch per line of standard input, and says how long."""
    sys.path[:0] = [tree, str(pathlib.Path(tree, "benchmarks"))]
    import throughput

    case = throughput.CASES[options.model]
    sides = throughput.Sides(case, JIT_COMPILE[options.jit_compile])
    # PyTorch traces a step when it has run some times.
    for _ in range(3):
        sides.ours(throughput.data(case, min(options.steps, 40)))
    x = throughput.data(case, options.steps)
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, processor, _ = sides.ours(x)
        print(json.dumps([wall, processor]), flush=True)


class Tree:
    """The process that trains by the code of one working tree."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, *sys.argv, "--worker", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.read()

    def turn(self):
        """The seconds, and processor seconds, of an epoch."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.read())

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("The process of a tree ended; see above.")
        return line

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def summary(ratios):
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.3f} ({low:.3f}, {high:.3f})"


def take_turns(options):
    """Speed after over before, and by processor time, of each turn."""
    before, after = Tree(options.before), Tree(ROOT)
    found = []
    for turn in range(options.turns):
        pair = (before, after) if turn % 2 else (after, before)
        times = {tree: tree.turn() for tree in pair}
        ratios = [
            old / new
            for old, new in zip(times[before], times[after], strict=True)
        ]
        found.append(ratios)
        speeds = [options.steps / times[tree][0] for tree in (before, after)]
        print("{:8.2f} {:8.2f} {:8.3f} {:8.3f}".format(*speeds, *ratios))
    before.close()
    after.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", help="the other working tree")
    parser.add_argument("--model", default="vae")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument(
        "--jit-compile", choices=list(JIT_COMPILE), default="auto"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        train_by_turns(options.worker, options)
        return
    print("steps per second before, after; their ratio; by processor time")
    middles = []
    for start in range(options.starts):
        found = list(zip(*take_turns(options), strict=True))
        middles.append([statistics.median(ratios) for ratios in found])
        print(f"start {start + 1}: {middles[-1][0]:.3f}, {middles[-1][1]:.3f}")
    wall, processor = (summary(ratios) for ratios in zip(*middles, strict=True))
    print(f"median and quartiles of the starts: {wall}; {processor}")


if __name__ == "__main__":
    main()
