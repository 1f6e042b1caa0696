"""The paper's toy experiment: five Gaussians and ten, without pairs.

    python benchmarks/claims/discogan.py

The means of both domains are on circles of radius 1, standard deviations are
0.05. The controls are the paper's: a generator without a way back, and one with
a reconstruction in one direction alone. A mode of the ten is hit if more than
1 % of the translations lie within three standard deviations of its mean. A
translation belongs to the mode that is nearest; the overlap is the fraction of
the translations in modes that belong to two of the five: of each mode, those
that are not from its principal one of the five. The error of the cycle from the
five is a root mean square, in distances between neighboring means.
"""

import argparse

import _seeds
import keras
import numpy as np

import keras_gen

STD, BATCH, POINTS = 0.05, 3 * 128, 30_000
MODES = {"a": 5, "b": 10}


def means(count):
    angles = 2.0 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def points(domain, rng, count):
    """Points of a mixture of equal weights, and their components."""
    chosen = rng.integers(MODES[domain], size=count)
    noise = rng.normal(0.0, STD, (count, 2))
    x = means(MODES[domain])[chosen] + noise
    return x.astype("float32"), chosen


def figures(model, x, chosen):
    translated = model.translate(x)
    distances = np.linalg.norm(translated[:, None] - means(MODES["b"]), axis=2)
    near = (distances < 3.0 * STD).mean(axis=0)
    table = np.zeros((MODES["b"], MODES["a"]))
    np.add.at(table, (distances.argmin(axis=1), chosen), 1)
    found = {
        "modes": float((near > 0.01).sum()),
        "near": float(near.sum()),
        "overlap": float(1.0 - table.max(axis=1).sum() / len(x)),
    }
    if "ba" in model.directions:
        back = model.translate(translated, direction="ba")
        spacing = np.linalg.norm(np.diff(means(MODES["a"])[:2], axis=0))
        error = np.sqrt(np.square(back - x).sum(axis=1).mean())
        found["cycle_error"] = float(error / spacing)
    return found


def main(arguments):
    table = _seeds.Table()
    on_torch = keras.backend.backend() == "torch"
    for seed in arguments.seeds:
        rng = np.random.default_rng(seed)
        a, _ = points("a", rng, POINTS)
        b, _ = points("b", rng, POINTS)
        test = points("a", rng, 5000)
        for mode in ("discogan", "recongan", "gan"):
            keras.utils.set_random_seed(seed)
            model = keras_gen.DiscoGAN(
                (2,), architecture="mlp", mode=mode, seed=seed
            )
            model.compile(steps_per_execution=1 if on_torch else 20)
            epochs = -(-arguments.steps * BATCH // POINTS)
            model.fit(a, b, batch_size=BATCH, epochs=epochs, verbose=0)
            table.add(mode, seed, **figures(model, *test))
    table.show()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--steps", type=int, default=6667)
    main(parser.parse_args())
