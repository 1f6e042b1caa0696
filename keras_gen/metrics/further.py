"""What `evaluate_samples` computes only when asked, by name."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.frechet_infinity import fid_infinity
from keras_gen.metrics.kernel_distance import kernel_distance
from keras_gen.metrics.precision_recall import (
    density_coverage,
    precision_recall,
)
from keras_gen.metrics.sliced_wasserstein import sliced_wasserstein_distance
from keras_gen.metrics.structural_similarity import ms_ssim_diversity


class Evidence(NamedTuple):
    """Samples and real data: images in `[0, 1]`, and their features."""

    samples: np.ndarray
    real: np.ndarray
    features: np.ndarray
    real_features: np.ndarray
    seed: int


def _kernel_distance(given):
    size = min(1000, len(given.features), len(given.real_features))
    distance = kernel_distance(
        given.features, given.real_features, subset_size=size, seed=given.seed
    )
    return {
        "kernel_distance": distance.mean,
        "kernel_distance_std": distance.std,
        "kernel_distance_subset_size": size,
    }


def _fid_infinity(given):
    distance = fid_infinity(
        given.real_features, given.features, seed=given.seed
    )
    return {"fid_infinity": float(distance.distance)}


def _precision_recall(given):
    return precision_recall(given.real_features, given.features)._asdict()


def _density_coverage(given):
    return density_coverage(given.real_features, given.features)._asdict()


def _ms_ssim(given):
    options = {"value_range": (0.0, 1.0), "seed": given.seed}
    similarity = ms_ssim_diversity(given.samples, **options)
    real_similarity = ms_ssim_diversity(given.real, **options)
    return {
        "ms_ssim": float(similarity.mean),
        "ms_ssim_real": float(real_similarity.mean),
    }


def _sliced_wasserstein(given):
    size = min(len(given.samples), len(given.real))
    distance = sliced_wasserstein_distance(
        given.real[:size],
        given.samples[:size],
        (0.0, 1.0),
        min_resolution=min(16, given.real.shape[1]),
        seed=given.seed,
    )
    return {
        "sliced_wasserstein": float(distance.average),
        "sliced_wasserstein_bands": [float(band) for band in distance.bands],
    }


FURTHER_METRICS: dict[str, Callable[[Evidence], dict[str, Any]]] = {
    "density_coverage": _density_coverage,
    "fid_infinity": _fid_infinity,
    "kernel_distance": _kernel_distance,
    "ms_ssim": _ms_ssim,
    "precision_recall": _precision_recall,
    "sliced_wasserstein": _sliced_wasserstein,
}


def further_metrics(names: Sequence[str], given: Evidence) -> dict[str, Any]:
    """Computes the named metrics.

    Args:
        names: Some of the keys of `FURTHER_METRICS`.
        given: `Evidence`.

    Returns:
        Dictionary of plain Python values.

    Raises:
        ValueError: If a name is unknown.
    """
    unknown = sorted(set(names) - set(FURTHER_METRICS))
    if unknown:
        raise ValueError(
            f"Unknown metrics {unknown}. Choose among "
            f"{sorted(FURTHER_METRICS)}."
        )
    report = {}
    for name in names:
        report.update(FURTHER_METRICS[name](given))
    return report
