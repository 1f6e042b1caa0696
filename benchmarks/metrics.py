"""Time and memory of the metrics that are heavy at the size of papers.

    KERAS_BACKEND=jax python benchmarks/metrics.py frechet
    KERAS_BACKEND=jax python benchmarks/metrics.py elbo

`frechet`: two sets of 50,000 vectors of 2,048 features are drawn chunk by
chunk in float32 and streamed: neither is ever in memory. The sets are normal,
with the deviations of one half as large again and the means shifted, so that
the distance is known, apart from the variance and the bias of the estimate.

`elbo`: the decomposition of the rate of 10,000 encodings of 10 latents, with
the aggregate posterior taken over all 10,000. The aggregate is standard
normal, so that the mutual information is the rate.
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
    elbo_decomposition,
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


def frechet(options):
    real = Stream(options, (options.seed, 0), 0.0, 1.0)
    fake = Stream(options, (options.seed, 1), 0.1, 1.5)
    start = time.perf_counter()
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


def elbo(options):
    rng = np.random.default_rng(options.seed)
    deviation = 0.2
    shape = (options.encodings, options.latents)
    mean = np.sqrt(1.0 - deviation**2) * rng.standard_normal(shape)
    log_variance = np.full(shape, 2.0 * np.log(deviation))
    parts = elbo_decomposition(mean, log_variance)
    print(f"{parts.num_samples} draws, {parts.num_reference} encodings")
    print(f"rate                 {parts.rate:.3f} nats")
    print(f"mutual information   {parts.mutual_information:.3f}")
    print(f"total correlation    {parts.total_correlation:.3f}")
    print(f"dimension-wise KL    {parts.dimension_wise_kl:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("metric", choices=["frechet", "elbo"])
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--chunk", type=int, default=1000)
    parser.add_argument("--encodings", type=int, default=10_000)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    before = peak_megabytes()
    start, used = time.perf_counter(), time.process_time()
    {"frechet": frechet, "elbo": elbo}[options.metric](options)
    print(f"in all               {time.perf_counter() - start:.1f} s")
    print(f"  processor time     {time.process_time() - used:.1f} s")
    print(f"peak memory          {peak_megabytes():.0f} MB")
    print(f"  of it the imports  {before:.0f} MB")


if __name__ == "__main__":
    main()
