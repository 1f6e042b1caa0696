"""The evaluation kit: one call that judges a generator's samples."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.metrics.checks import versions
from keras_gen.metrics.coverage import class_coverage, pairwise_distance_ratio
from keras_gen.metrics.extractors import (
    FeatureExtractor,
    check_images,
    to_unit,
)
from keras_gen.metrics.frechet import frechet_distance
from keras_gen.metrics.further import Evidence, further_metrics
from keras_gen.metrics.inception_score import inception_score_per_split


def evaluate_samples(
    samples: Any,
    real: Any,
    extractor: FeatureExtractor,
    *,
    value_range: tuple[float, float] | None = None,
    real_value_range: tuple[float, float] | None = None,
    splits: int = 1,
    coverage_threshold: float | None = None,
    further: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Judges samples against real images.

    The Fréchet distance comes with the one between two halves of the real
    images: what a perfect generator would get from so many samples. The score
    comes with that of the real images. Both references use the same extractor.

    Args:
        samples: Generated images `(samples, height, width, channels)`.
        real: Real images that the generator was not fitted to sample by
            sample, of the same height, width and channels; at least 4. Take
            twice as many as samples and each half is as large as `samples`.
        extractor: What computes features and, where it classifies, logits.
        value_range: Values of black and white in `samples`. Defaults to
            `(0, 255)` for uint8 and to `(0, 1)` for floating point images.
        real_value_range: The same for `real`.
        splits: Number of parts the samples are scored in.
        coverage_threshold: Share from which on a class counts as covered; by
            default a fifth of an even share.
        further: Names of metrics to add: `"density_coverage"`,
            `"fid_infinity"`, `"kernel_distance"`, `"ms_ssim"`,
            `"precision_recall"`, `"sliced_wasserstein"`.
        seed: Seed of the division into halves and splits, and of the subsets
            of images whose distances are compared.

    Returns:
        A dict of plain Python values that `json.dumps` takes:
        `frechet_distance`, `frechet_distance_floor`, `distance_ratio` (mean
        distance of two samples over that of two real images);
        `inception_score`, `inception_score_std` (over the splits),
        `inception_score_real`, `class_shares`, `min_class_share`,
        `num_classes_covered`, `coverage_threshold`, each None if the extractor
        does not classify; and what the numbers depend on: `num_samples`,
        `num_real`, `extractor`, `resizer`, `splits`, `seed`, `versions`.

    Raises:
        ValueError: If the images differ in shape, are too few, not finite, or
            outside of their value range.

    Example:

    ```python
    rng = np.random.default_rng(0)
    real, samples = rng.uniform(size=(2, 100, 8, 8, 1))
    report = evaluate_samples(samples, real, PixelExtractor())
    report["frechet_distance"], report["frechet_distance_floor"]
    ```
    """
    samples, value_range = check_images(samples, value_range)
    real, real_value_range = check_images(real, real_value_range)
    if samples.shape[1:] != real.shape[1:]:
        raise ValueError(
            f"Samples of shape {samples.shape[1:]} cannot be compared with "
            f"real images of shape {real.shape[1:]}. Resize one of them."
        )
    if len(samples) < 2 or len(real) < 4:
        raise ValueError(
            "An evaluation needs at least 2 samples and 4 real images; "
            f"received {len(samples)} and {len(real)}."
        )
    features, logits = extractor.features_and_logits(samples, value_range)
    real_features, real_logits = extractor.features_and_logits(
        real, real_value_range
    )
    shuffled = np.random.default_rng(seed).permutation(real_features)
    half = len(shuffled) // 2
    given = Evidence(
        to_unit(samples, value_range),
        to_unit(real, real_value_range),
        features,
        real_features,
        seed,
    )
    report = {
        "frechet_distance": frechet_distance(features, real_features),
        "frechet_distance_floor": frechet_distance(
            shuffled[:half], shuffled[half:]
        ),
        "distance_ratio": pairwise_distance_ratio(
            given.samples, given.real, seed=seed
        ),
        **_class_report(logits, real_logits, splits, coverage_threshold, seed),
        **further_metrics(further, given),
        "num_samples": len(samples),
        "num_real": len(real),
        "extractor": extractor.name,
        "resizer": extractor.resizer(*samples.shape[1:3]),
        "splits": splits,
        "seed": seed,
        "versions": versions(),
    }
    return report


def evaluate_generator(
    model: Any,
    real: Any,
    extractor: FeatureExtractor,
    *,
    num_samples: int = 5000,
    batch_size: int = 500,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """Draws samples from a model and judges them.

    Args:
        model: A model with `sample(num, seed=...)`, or a callable
            `(num, seed) -> images`.
        real: As for `evaluate_samples`.
        extractor: As for `evaluate_samples`.
        num_samples: Number of samples.
        batch_size: Number of samples drawn at a time.
        seed: Seed of the samples and of the evaluation.
        **options: Further arguments of `evaluate_samples`.

    Returns:
        What `evaluate_samples` returns.

    Raises:
        ValueError: As `evaluate_samples`, or if the model cannot sample.

    Example:

    ```python
    def noise(num, seed):
        return np.random.default_rng(seed).uniform(size=(num, 8, 8, 1))

    evaluate_generator(noise, noise(100, 1), PixelExtractor(), num_samples=50)
    ```
    """
    samples = draw_samples(model, num_samples, batch_size, seed)
    return evaluate_samples(samples, real, extractor, seed=seed, **options)


def draw_samples(
    model: Any | Callable[[int, int], Any],
    num_samples: int,
    batch_size: int = 500,
    seed: int = 0,
) -> np.ndarray:
    """Draws samples in batches, each with a seed of its own.

    Args:
        model: A model with `sample(num, seed=...)`, or a callable
            `(num, seed) -> images`.
        num_samples: Number of samples, at least 1.
        batch_size: Number of samples drawn at a time. Another batch size
            gives other samples.
        seed: Seed from which those of the batches are derived.

    Returns:
        Array `(num_samples, ...)`.

    Raises:
        ValueError: If a number is below 1 or the model cannot sample.

    Example:

    ```python
    draw_samples(lambda num, seed: np.zeros((num, 8, 8, 1)), 10, 4).shape
    ```
    """
    if num_samples < 1 or batch_size < 1:
        raise ValueError(
            "`num_samples` and `batch_size` must be at least 1, received "
            f"{num_samples} and {batch_size}."
        )
    if hasattr(model, "sample"):

        def sampler(num, seed):
            return model.sample(num, seed=seed)

    elif callable(model):
        sampler = model
    else:
        raise ValueError(
            f"Expected a model with a `sample` method or a callable "
            f"(num, seed) -> images, received {model!r}."
        )
    starts = range(0, num_samples, batch_size)
    # 31 bits: the largest seed that every backend takes.
    seeds = np.random.SeedSequence(seed).generate_state(len(starts)) >> 1
    batches = [
        keras.ops.convert_to_numpy(
            sampler(min(batch_size, num_samples - start), int(batch_seed))
        )
        for start, batch_seed in zip(starts, seeds, strict=True)
    ]
    return np.concatenate(batches)


def _class_report(logits, real_logits, splits, threshold, seed):
    if logits is None:
        return dict.fromkeys(
            (
                "inception_score",
                "inception_score_std",
                "inception_score_real",
                "class_shares",
                "min_class_share",
                "num_classes_covered",
                "coverage_threshold",
            )
        )
    options = {"splits": splits, "from_logits": True, "seed": seed}
    scores = inception_score_per_split(logits, **options)
    real_scores = inception_score_per_split(real_logits, **options)
    coverage = class_coverage(logits.argmax(axis=1), logits.shape[1], threshold)
    return {
        "inception_score": float(scores.mean()),
        "inception_score_std": float(scores.std()),
        "inception_score_real": float(real_scores.mean()),
        "class_shares": coverage.shares.tolist(),
        "min_class_share": coverage.min_share,
        "num_classes_covered": coverage.num_covered,
        "coverage_threshold": coverage.threshold,
    }
