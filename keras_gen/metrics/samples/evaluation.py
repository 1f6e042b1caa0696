"""Evaluation of a generator: several metrics of its samples in one report."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.checks import check_positive
from keras_gen.metrics.checks import versions
from keras_gen.metrics.extractors.base import (
    FeatureExtractor,
    check_images,
    to_unit,
)
from keras_gen.metrics.samples.coverage import (
    class_coverage,
    pairwise_distance_ratio,
)
from keras_gen.metrics.samples.frechet import frechet_distance
from keras_gen.metrics.samples.inception_score import inception_score_per_split
from keras_gen.metrics.samples.optional import (
    EvaluationInputs,
    optional_metrics,
)
from keras_gen.progress import reported


def evaluate_samples(
    samples: Any,
    real: Any,
    extractor: FeatureExtractor,
    *,
    value_range: tuple[float, float] | None = None,
    real_value_range: tuple[float, float] | None = None,
    splits: int = 1,
    coverage_threshold: float | None = None,
    optional: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluates samples against real images.

    Two references come with the metrics: the Fréchet distance between two
    halves of the real images, which is what a perfect generator would get
    with as many samples, and the inception score of the real images.

    Args:
        samples: Array of shape `(samples, height, width, channels)`. The
            generated images.
        real: Array of the same height, width and channels. At least 4 real
            images, from a held-out set. With twice as many as samples, each
            half is as large as `samples`.
        extractor: `FeatureExtractor`. Computes features and, if it
            classifies, logits.
        value_range: Tuple of floats. The values of black and white in
            `samples`. Defaults to `(0, 255)` for uint8 and to `(0, 1)` for
            floating point images.
        real_value_range: Tuple of floats. The same for `real`.
        splits: Integer. The number of splits that the samples are scored in.
        coverage_threshold: Float. The fraction of the samples from which on a
            class counts as covered; defaults to a fifth of a uniform one.
        optional: Sequence of strings. Metrics to add: `"density_coverage"`,
            `"fid_infinity"`, `"kernel_distance"`, `"ms_ssim"`,
            `"precision_recall"`, `"sliced_wasserstein"`.
        seed: Integer. Seed of the halves, the splits and the subsets of
            images whose distances are compared.

    Returns:
        A dict of plain Python values that `json.dumps` accepts:
        `frechet_distance`, `frechet_distance_floor`, `distance_ratio` (mean
        distance of two samples over that of two real images);
        `inception_score`, `inception_score_std` (over the splits),
        `inception_score_real`, `class_shares`, `min_class_share`,
        `num_classes_covered`, `coverage_threshold`, each None if the extractor
        does not classify; and the settings: `num_samples`, `num_real`,
        `extractor`, `resizer`, `splits`, `seed`, `versions`.

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
            "`samples` and `real` must have images of the same shape. "
            f"Received: samples.shape={samples.shape}, "
            f"real.shape={real.shape}. Resize one of them."
        )
    if len(samples) < 2 or len(real) < 4:
        raise ValueError(
            "There must be at least 2 samples and 4 real images. Received: "
            f"len(samples)={len(samples)}, len(real)={len(real)}."
        )
    features, logits = extractor.features_and_logits(samples, value_range)
    real_features, real_logits = extractor.features_and_logits(
        real, real_value_range
    )
    shuffled = np.random.default_rng(seed).permutation(real_features)
    half = len(shuffled) // 2
    inputs = EvaluationInputs(
        to_unit(samples, value_range),
        to_unit(real, real_value_range),
        features,
        real_features,
        seed,
    )
    return {
        "frechet_distance": frechet_distance(features, real_features),
        "frechet_distance_floor": frechet_distance(
            shuffled[:half], shuffled[half:]
        ),
        "distance_ratio": pairwise_distance_ratio(
            inputs.samples, inputs.real, seed=seed
        ),
        **_class_report(logits, real_logits, splits, coverage_threshold, seed),
        **optional_metrics(optional, inputs),
        "num_samples": len(samples),
        "num_real": len(real),
        "extractor": extractor.name,
        "resizer": extractor.resizer(*samples.shape[1:3]),
        "splits": splits,
        "seed": seed,
        "versions": versions(),
    }


def evaluate_generator(
    model: Any,
    real: Any,
    extractor: FeatureExtractor,
    *,
    num_samples: int = 5000,
    batch_size: int = 500,
    value_range: tuple[float, float] | None = None,
    real_value_range: tuple[float, float] | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """Draws samples from a model and evaluates them.

    Args:
        model: Model with `sample(num, seed=...)`, or function
            `(num, seed) -> images`.
        real: Array. As for `evaluate_samples`.
        extractor: `FeatureExtractor`. As for `evaluate_samples`.
        num_samples: Integer. The number of samples.
        batch_size: Integer. The number of samples drawn at a time.
        value_range: Tuple of floats. The values of black and white in the
            samples. Defaults to `model.value_range`, if the model has one,
            and then to that of `evaluate_samples`.
        real_value_range: Tuple of floats. The same for `real`, where
            `model.value_range` is the default of floating point images only.
        seed: Integer. Seed of the samples and of the evaluation.
        **options: Further arguments of `evaluate_samples`.

    Returns:
        Dict. What `evaluate_samples` returns.

    Raises:
        ValueError: As `evaluate_samples`, or if the model cannot sample.

    Example:

    ```python
    def noise(num, seed):
        return np.random.default_rng(seed).uniform(size=(num, 8, 8, 1))

    evaluate_generator(noise, noise(100, 1), PixelExtractor(), num_samples=50)
    ```
    """
    model_range = getattr(model, "value_range", None)
    if value_range is None:
        value_range = model_range
    if not isinstance(real, np.ndarray):
        real = keras.ops.convert_to_numpy(real)
    if real_value_range is None and real.dtype.kind not in "biu":
        real_value_range = model_range
    return evaluate_samples(
        draw_samples(model, num_samples, batch_size, seed),
        real,
        extractor,
        value_range=value_range,
        real_value_range=real_value_range,
        seed=seed,
        **options,
    )


def draw_samples(
    model: Any | Callable[[int, int], Any],
    num_samples: int,
    batch_size: int = 500,
    seed: int = 0,
) -> np.ndarray:
    """Draws samples in batches, each with its own seed.

    Args:
        model: Model with `sample(num, seed=...)`, or function
            `(num, seed) -> images`.
        num_samples: Integer. The number of samples, at least 1.
        batch_size: Integer. The number of samples drawn at a time. Another
            batch size gives other samples.
        seed: Integer. Seed from which those of the batches are derived.

    Returns:
        Array of shape `(num_samples, ...)`.

    Raises:
        ValueError: If a number is below 1 or the model cannot sample.

    Example:

    ```python
    draw_samples(lambda num, seed: np.zeros((num, 8, 8, 1)), 10, 4).shape
    ```
    """
    check_positive(num_samples=num_samples, batch_size=batch_size)
    if hasattr(model, "sample"):

        def sampler(num, seed):
            return model.sample(num, seed=seed)

    elif callable(model):
        sampler = model
    else:
        raise ValueError(
            "`model` must have a method `sample`, or be a function "
            f"(num, seed) -> images. Received: {model=}."
        )
    starts = range(0, num_samples, batch_size)
    # 31 bits: the largest seed that every backend takes.
    seeds = np.random.SeedSequence(seed).generate_state(len(starts)) >> 1
    batches = (
        keras.ops.convert_to_numpy(
            sampler(min(batch_size, num_samples - start), int(batch_seed))
        )
        for start, batch_seed in zip(starts, seeds, strict=True)
    )
    return np.concatenate([*reported(batches, num_samples, "Samples")])


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
