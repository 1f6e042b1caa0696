"""The optional metrics of `evaluate_samples`, by name."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.samples.frechet_infinity import fid_infinity
from keras_gen.metrics.samples.kernel_distance import kernel_distance
from keras_gen.metrics.samples.precision_recall import (
    density_coverage,
    precision_recall,
)
from keras_gen.metrics.samples.sliced_wasserstein import (
    sliced_wasserstein_distance,
)
from keras_gen.metrics.samples.structural_similarity import ms_ssim_diversity


class EvaluationInputs(NamedTuple):
    """Images in [0, 1] and their features, of samples and of real data.

    Attributes:
        samples: Array of shape `(samples, height, width, channels)`.
        real: Array of shape `(real, height, width, channels)`.
        features: Array of shape `(samples, dim)`.
        real_features: Array of shape `(real, dim)`.
        seed: Integer. Seed of the evaluation.
    """

    samples: np.ndarray
    real: np.ndarray
    features: np.ndarray
    real_features: np.ndarray
    seed: int


def _kernel_distance(inputs):
    size = min(1000, len(inputs.features), len(inputs.real_features))
    distance = kernel_distance(
        inputs.features,
        inputs.real_features,
        subset_size=size,
        seed=inputs.seed,
    )
    return {
        "kernel_distance": distance.mean,
        "kernel_distance_std": distance.std,
        "kernel_distance_subset_size": size,
    }


def _fid_infinity(inputs):
    distance = fid_infinity(
        inputs.real_features, inputs.features, seed=inputs.seed
    )
    return {"fid_infinity": float(distance.distance)}


def _precision_recall(inputs):
    return precision_recall(inputs.real_features, inputs.features)._asdict()


def _density_coverage(inputs):
    return density_coverage(inputs.real_features, inputs.features)._asdict()


def _ms_ssim(inputs):
    options = {"value_range": (0.0, 1.0), "seed": inputs.seed}
    similarity = ms_ssim_diversity(inputs.samples, **options)
    real_similarity = ms_ssim_diversity(inputs.real, **options)
    return {
        "ms_ssim": float(similarity.mean),
        "ms_ssim_real": float(real_similarity.mean),
    }


def _sliced_wasserstein(inputs):
    size = min(len(inputs.samples), len(inputs.real))
    distance = sliced_wasserstein_distance(
        inputs.real[:size],
        inputs.samples[:size],
        (0.0, 1.0),
        min_resolution=min(16, inputs.real.shape[1]),
        seed=inputs.seed,
    )
    return {
        "sliced_wasserstein": float(distance.average),
        "sliced_wasserstein_bands": [float(band) for band in distance.bands],
    }


OPTIONAL_METRICS: dict[str, Callable[[EvaluationInputs], dict[str, Any]]] = {
    "density_coverage": _density_coverage,
    "fid_infinity": _fid_infinity,
    "kernel_distance": _kernel_distance,
    "ms_ssim": _ms_ssim,
    "precision_recall": _precision_recall,
    "sliced_wasserstein": _sliced_wasserstein,
}


def optional_metrics(
    names: Sequence[str], inputs: EvaluationInputs
) -> dict[str, Any]:
    """Computes the named metrics.

    Args:
        names: Sequence of strings. Some of the keys of `OPTIONAL_METRICS`.
        inputs: `EvaluationInputs`.

    Returns:
        Dict of plain Python values.

    Raises:
        ValueError: If a name is unknown.
    """
    unknown = sorted(set(names) - set(OPTIONAL_METRICS))
    if unknown:
        raise ValueError(
            f"`optional` must be among {sorted(OPTIONAL_METRICS)}. Received: "
            f"{unknown}."
        )
    report = {}
    for name in names:
        report.update(OPTIONAL_METRICS[name](inputs))
    return report
