"""Steps per second of `fit`, against a loop written by hand without Keras.

```
KERAS_BACKEND=torch python benchmarks/throughput.py --model dcgan
```

Both sides train the same networks with the same losses and optimizers on the
same NumPy array, shuffled, and report the mean losses of an epoch. A round is
an epoch; the rounds of the two sides alternate, so that whatever else the
machine does slows both alike. Compilation and tracing are outside the rounds,
the former reported separately. `--check` compares the losses of the two sides
instead, from the same weights, batches and noise.
"""

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import platform
import statistics
import sys
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import keras  # noqa: E402
import numpy as np  # noqa: E402

import keras_gen  # noqa: E402
from keras_gen.backend import noise  # noqa: E402


def build_vae():
    model = keras_gen.VAE(input_shape=(784,), latent_dim=20, seed=0)
    return model, keras.optimizers.Adam(1e-3)


def build_dcgan():
    model = keras_gen.DCGAN((28, 28, 1), base_filters=32, seed=0)
    return model, None


def build_wgan_gp():
    model = keras_gen.WGANGP((28, 28, 1), architecture="conv", width=32, seed=0)
    return model, None


@dataclasses.dataclass
class Case:
    """A model, its batch, and the sizes that the hand-written one needs."""

    name: str
    build: Callable
    networks: tuple[str, ...]
    shape: tuple[int, ...]
    batch_size: int
    sizes: dict[str, int]
    value_range: tuple[float, float] = (0.0, 1.0)


CASES = [
    Case(
        "vae",
        build_vae,
        ("encoder", "decoder"),
        (784,),
        100,
        {"pixels": 784, "hidden": 500, "latent": 20},
    ),
    Case(
        "dcgan",
        build_dcgan,
        ("generator", "discriminator"),
        (28, 28, 1),
        64,
        {"latent": 100, "width": 32},
        (-1.0, 1.0),
    ),
    Case(
        "wgan_gp",
        build_wgan_gp,
        ("generator", "critic"),
        (28, 28, 1),
        5 * 50,
        {"latent": 128, "width": 32, "critic_steps": 5},
    ),
]
CASES = {case.name: case for case in CASES}
JIT_COMPILE = {"true": True, "false": False, "auto": "auto"}


class Sides:
    """Our model and the hand-written loop, from the same weights."""

    def __init__(self, case, jit_compile, verbose=0, **options):
        self.case = case
        self.verbose = verbose
        self.model, optimizer = case.build()
        self.model.compile(optimizer, jit_compile=jit_compile, **options)
        self.pipeline = None
        self.loop = self.make_loop(jit_compile is True)
        self.rng = np.random.default_rng(0)

    def make_loop(self, jit_compile):
        case = self.case
        weights = {
            name: getattr(self.model, name).get_weights()
            for name in case.networks
        }
        module = importlib.import_module(
            f"hand_written.{keras.backend.backend()}_loops"
        )
        # TensorFlow's users have pipelines; both sides take the same.
        self.pipeline = getattr(module, "dataset", None)
        return module.LOOPS[case.name](weights, case.sizes, jit_compile)

    def ours(self, x, shuffle=True):
        """Trains for an epoch: its two times and its losses."""
        clock = Clock()
        arguments = {
            "epochs": 1,
            "verbose": self.verbose,
            "callbacks": [clock],
        }
        if self.pipeline and shuffle:
            batches = self.pipeline(x, self.case.batch_size)
            history = self.model.fit(batches, **arguments).history
        else:
            history = self.model.fit(
                x,
                batch_size=self.case.batch_size,
                shuffle=shuffle,
                **arguments,
            ).history
        losses = {name: values[0] for name, values in history.items()}
        return *clock.times, losses

    def theirs(self, x):
        clock = Clock()
        clock.on_epoch_begin()
        losses = self.loop.train(self.batches(x))
        clock.on_epoch_end()
        return *clock.times, losses

    def batches(self, x):
        if self.pipeline:
            yield from self.pipeline(x, self.case.batch_size)
            return
        order = self.rng.permutation(len(x))
        size = self.case.batch_size
        for start in range(0, len(x), size):
            yield x[order[start : start + size]]


def data(case, steps):
    rng = np.random.default_rng(1)
    shape = (steps * case.batch_size, *case.shape)
    low, high = case.value_range
    return low + (high - low) * rng.random(shape, dtype="float32")


class Clock(keras.callbacks.Callback):
    """Seconds, and seconds of processor time, of an epoch.

    The losses have been fetched when an epoch ends, so the device is done.
    What `fit` does once per call is left out.
    """

    def on_epoch_begin(self, epoch=0, logs=None):
        self.start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch=0, logs=None):
        now = time.perf_counter(), time.process_time()
        self.times = [b - a for a, b in zip(self.start, now, strict=True)]


@contextlib.contextmanager
def recorded_noise():
    """Collects the random draws of an uncompiled step, in their order."""
    draws = []
    names = ("normal", "uniform")
    originals = {name: getattr(noise, name) for name in names}

    def recording(draw):
        def recorded(*args, **kwargs):
            value = draw(*args, **kwargs)
            draws.append(keras.ops.convert_to_numpy(value))
            return value

        return recorded

    for name, draw in originals.items():
        setattr(noise, name, recording(draw))
    try:
        yield draws
    finally:
        for name, draw in originals.items():
            setattr(noise, name, draw)


def check(case, steps, rtol):
    """Compares the losses of both sides after each of a few steps."""
    sides = Sides(case, jit_compile="auto", run_eagerly=True)
    x = data(case, steps)
    for step, start in enumerate(range(0, len(x), case.batch_size)):
        batch = x[start : start + case.batch_size]
        with recorded_noise() as draws:
            *_, ours = sides.ours(batch, shuffle=False)
        theirs = sides.loop.update(batch, draws)
        print(f"step {step + 1}")
        for name, value in theirs.items():
            print(f"  {name:22} {ours[name]:14.7f} {value:14.7f}")
        np.testing.assert_allclose(
            list(theirs.values()),
            [ours[name] for name in theirs],
            rtol=rtol,
            atol=1e-5,
        )
    print(f"The losses of {steps} steps agree (rtol={rtol}).")


def compare(sides, rounds, steps):
    """Alternates rounds of both sides; returns what was measured."""
    case = sides.case
    x = data(case, steps)
    start = {
        "ours": sides.ours(x[: 2 * case.batch_size])[0],
        "theirs": sides.theirs(x[: 2 * case.batch_size])[0],
    }
    print("first two steps, compilation included:")
    for side, seconds in start.items():
        print(f"  {side:7} {seconds:8.2f} s")
    for side in (sides.ours, sides.theirs):
        # PyTorch traces a step when it has run some times.
        side(x[: min(40, steps) * case.batch_size])
        side(x[: min(40, steps) * case.batch_size])
    seconds = {"ours": [], "theirs": []}
    processor = {"ours": [], "theirs": []}
    print(
        "steps per second; processor milliseconds per step:\n"
        "  round      ours    theirs     ratio  |     ours    theirs     ratio"
    )
    for index in range(rounds):
        for side in ("ours", "theirs") if index % 2 else ("theirs", "ours"):
            wall, cpu, losses = getattr(sides, side)(x)
            if not all(map(np.isfinite, losses.values())):
                raise FloatingPointError(f"{side}: {losses}")
            seconds[side].append(wall / steps)
            processor[side].append(cpu / steps)
        report(f"{index + 1}", seconds, processor, lambda values: values[-1])
    report("median", seconds, processor, statistics.median)
    return {
        "first_two_steps_seconds": start,
        "seconds_per_step": seconds,
        "processor_seconds_per_step": processor,
        "median_ratio": median_ratio(seconds, statistics.median),
        "median_processor_ratio": median_ratio(processor, statistics.median),
    }


def median_ratio(times, summary):
    """The ratio of the speeds of the two sides, ours to theirs."""
    return summary(
        [b / a for a, b in zip(times["ours"], times["theirs"], strict=True)]
    )


def report(label, seconds, processor, summary):
    rates = [1.0 / summary(values) for values in seconds.values()]
    loads = [1e3 * summary(values) for values in processor.values()]
    print(
        f"  {label:6} {rates[0]:8.2f} {rates[1]:9.2f} "
        f"{median_ratio(seconds, summary):9.3f}  | {loads[0]:8.2f} "
        f"{loads[1]:9.2f} {median_ratio(processor, summary):9.3f}",
        flush=True,
    )


def surroundings():
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        device = (
            torch.cuda.get_device_name()
            if torch.cuda.is_available()
            else f"cpu, {torch.get_num_threads()} threads"
        )
    elif backend == "jax":
        import jax

        device = str(jax.devices()[0])
    else:
        import tensorflow as tf

        device = tf.config.list_logical_devices()[-1].name
    return {
        "backend": backend,
        "version": importlib.import_module(backend).__version__,
        "keras": keras.__version__,
        "device": device,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=list(CASES), default="dcgan")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument(
        "--jit-compile",
        choices=list(JIT_COMPILE),
        default="auto",
        help="for our side; on TensorFlow `true` compiles both by XLA",
    )
    parser.add_argument(
        "--steps-per-execution",
        type=int,
        default=1,
        help="of `compile`, for our side",
    )
    parser.add_argument(
        "--verbose",
        type=int,
        choices=[0, 1],
        default=0,
        help="of `fit`: 1 for a progress bar",
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rtol", type=float, default=1e-3)
    parser.add_argument(
        "--output", type=pathlib.Path, default=ROOT / "runs" / "benchmarks"
    )
    options = parser.parse_args()
    keras.utils.set_random_seed(0)
    case = CASES[options.model]
    if options.check:
        check(case, min(options.steps, 3), options.rtol)
        return
    facts = surroundings()
    print(options.model, facts)
    sides = Sides(
        case,
        JIT_COMPILE[options.jit_compile],
        steps_per_execution=options.steps_per_execution,
        verbose=options.verbose,
    )
    measured = compare(sides, options.rounds, options.steps)
    options.output.mkdir(parents=True, exist_ok=True)
    name = f"throughput-{options.model}-{facts['backend']}"
    name += f"-jit-{options.jit_compile}-{options.steps_per_execution}"
    path = options.output / f"{name}.json"
    path.write_text(
        json.dumps(
            {
                "model": options.model,
                "jit_compile": options.jit_compile,
                "batch_size": case.batch_size,
                "steps": options.steps,
                "steps_per_execution": options.steps_per_execution,
                "verbose": options.verbose,
                **facts,
                **measured,
            },
            indent=2,
        )
    )
    print(path)


if __name__ == "__main__":
    main()
