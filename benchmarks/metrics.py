"""Time and memory of a Fréchet distance at the size that papers report.

    KERAS_BACKEND=jax python benchmarks/metrics.py

Two sets of 50,000 vectors of 2,048 features are drawn chunk by chunk in
float32 and streamed: neither is ever in memory. The sets are normal, with the
deviations of one half as large again and the means shifted, so that the
distance is known but for the scatter and the bias of the estimate.
"""

import argparse
import pathlib
import resource
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from keras_gen.metrics import (  # noqa: E402
    FeatureMoments,
    frechet_distance_from_moments,
)


class Stream:
    """Chunks of normal features; counts the time that drawing them takes."""

    def __init__(self, options, seed, mean, deviation):
        self.sizes = [
            min(options.chunk, options.samples - start)
            for start in range(0, options.samples, options.chunk)
        ]
        self.dim, self.mean, self.deviation = options.dim, mean, deviation
        self.rng = np.random.default_rng(seed)
        self.seconds = 0.0

    def __iter__(self):
        for size in self.sizes:
            start = time.perf_counter()
            chunk = self.rng.standard_normal((size, self.dim), np.float32)
            chunk *= self.deviation
            chunk += self.mean
            self.seconds += time.perf_counter() - start
            yield chunk


def peak_megabytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # In bytes on macOS, in kilobytes elsewhere.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--chunk", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    before = peak_megabytes()
    real = Stream(options, (options.seed, 0), 0.0, 1.0)
    fake = Stream(options, (options.seed, 1), 0.1, 1.5)
    start, used = time.perf_counter(), time.process_time()
    moments = []
    for stream in (real, fake):
        moments.append(FeatureMoments())
        for chunk in stream:
            moments[-1].update(chunk)
    streamed = time.perf_counter()
    a, b = moments
    distance = frechet_distance_from_moments(
        a.mean, a.covariance, b.mean, b.covariance
    )
    end = time.perf_counter()
    drawing = real.seconds + fake.seconds
    exact = options.dim * (0.1**2 + 0.5**2)
    print(f"{options.samples} x {options.dim}, chunks of {options.chunk}")
    print(f"distance {distance:.2f}, of infinitely many samples {exact:.2f}")
    print(f"drawing the features {drawing:.1f} s")
    print(f"moments              {streamed - start - drawing:.1f} s")
    print(f"distance of moments  {end - streamed:.1f} s")
    print(f"in all               {end - start:.1f} s")
    print(f"  processor time     {time.process_time() - used:.1f} s")
    print(f"peak memory          {peak_megabytes():.0f} MB")
    print(f"  of it the imports  {before:.0f} MB")


if __name__ == "__main__":
    main()
