"""Metrics: pure functions of arrays, and extractors that run a network."""

from keras_gen.metrics.coverage import (
    ClassCoverage,
    class_coverage,
    mean_pairwise_distance,
    pairwise_distance_ratio,
)
from keras_gen.metrics.digits_classifier import DigitsClassifier
from keras_gen.metrics.evaluation import (
    draw_samples,
    evaluate_generator,
    evaluate_samples,
)
from keras_gen.metrics.extractors import FeatureExtractor, PixelExtractor
from keras_gen.metrics.frechet import (
    FeatureMoments,
    frechet_distance,
    frechet_distance_from_moments,
)
from keras_gen.metrics.inception_score import (
    inception_score,
    inception_score_per_split,
)
from keras_gen.metrics.likelihood import (
    ImportanceWeightedBound,
    StreamingLogMeanExp,
    bits_per_dim,
    importance_weighted_bound,
    log_mean_exp,
)

__all__ = [
    "ClassCoverage",
    "DigitsClassifier",
    "FeatureExtractor",
    "FeatureMoments",
    "ImportanceWeightedBound",
    "PixelExtractor",
    "StreamingLogMeanExp",
    "bits_per_dim",
    "class_coverage",
    "draw_samples",
    "evaluate_generator",
    "evaluate_samples",
    "frechet_distance",
    "frechet_distance_from_moments",
    "importance_weighted_bound",
    "inception_score",
    "inception_score_per_split",
    "log_mean_exp",
    "mean_pairwise_distance",
    "pairwise_distance_ratio",
]
