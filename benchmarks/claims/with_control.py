"""A recipe and its control, for some seeds.

    KERAS_BACKEND=jax python benchmarks/claims/with_control.py infogan \\
        --dataset mnist --data-dir DIR \\
        --control --model.categorical-weight 0 --model.continuous-weight 0

What is before `--control` are options of the recipe; the control has them too,
and those after it. Each run is a folder of `runs`, with its pictures; the means
of all that the recipe measures, and the smallest and the largest, are printed
at the end.
"""

import argparse
import json
import subprocess
import sys

import _seeds
from _claim import RECIPES


def split(arguments, at="--control"):
    """The arguments before and after one of them; `None` if it is missing."""
    if at not in arguments:
        return arguments, None
    index = arguments.index(at)
    return arguments[:index], arguments[index + 1 :]


def main(recipe, seeds, options, control):
    table = _seeds.Table()
    sides = {recipe: options}
    if control is not None:
        sides["control"] = options + control
    for seed in seeds:
        for side, given in sides.items():
            name = f"{recipe}_{seed}" if side == recipe else f"{recipe}_c{seed}"
            own = ["--seed", seed, "--run-name", name, "--overwrite"]
            command = [sys.executable, RECIPES / f"{recipe}.py", *given, *own]
            subprocess.run([str(part) for part in command], check=True)
            with open(f"runs/{name}/metrics.json") as file:
                found = json.load(file)
            figures = {k: v for k, v in found.items() if isinstance(v, float)}
            table.add(side, seed, **figures)
    table.show()


if __name__ == "__main__":
    given, control = split(sys.argv[1:])
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", help="such as infogan")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    known, options = parser.parse_known_args(given)
    main(known.recipe, known.seeds, options, control)
