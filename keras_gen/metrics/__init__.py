"""Metrics: pure functions of arrays, and extractors that run a network.

- `samples`: Fréchet and kernel distances, inception score, precision and
  recall, structural and perceptual similarity, and `evaluate_generator`.
- `likelihood`: importance-weighted bounds and the ELBO's decomposition.
- `disentanglement`: MIG, SAP, DCI and others, and `disentanglement_report`.
- `representations`: clustering accuracy, linear probes, PCA.
- `speech`: segmental SNR, LLR, WSS, PESQ and composite ratings.
- `extractors`: networks that turn images into features and logits.

All public names are here: `keras_gen.metrics.frechet_distance`.
"""

from keras_gen.metrics.disentanglement.beta_vae import (
    BetaVAEScore,
    beta_vae_score,
)
from keras_gen.metrics.disentanglement.dci import (
    DCI,
    DCIFromImportance,
    dci,
    dci_from_importance,
)
from keras_gen.metrics.disentanglement.factor_vae import (
    FactorVAEScore,
    factor_vae_score,
)
from keras_gen.metrics.disentanglement.factors import (
    bin_factors,
    encode_factors,
)
from keras_gen.metrics.disentanglement.gaussian_correlation import (
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    mutual_information_score,
)
from keras_gen.metrics.disentanglement.mig import (
    MutualInformationGap,
    mig_hist,
    mig_sampled,
    mutual_information_matrix,
)
from keras_gen.metrics.disentanglement.modularity import (
    ModularityExplicitness,
    modularity_explicitness,
)
from keras_gen.metrics.disentanglement.report import (
    DISENTANGLEMENT_METRICS,
    DisentanglementReport,
    disentanglement_report,
)
from keras_gen.metrics.disentanglement.sap import (
    SAP,
    sap,
)
from keras_gen.metrics.extractors.base import FeatureExtractor, PixelExtractor
from keras_gen.metrics.extractors.cache import trained_once
from keras_gen.metrics.extractors.digits import DigitsClassifier
from keras_gen.metrics.extractors.inception import InceptionV3Extractor
from keras_gen.metrics.extractors.models import (
    ModelExtractor,
    RandomConvExtractor,
)
from keras_gen.metrics.likelihood.elbo_decomposition import (
    ActiveUnits,
    ELBODecomposition,
    active_units,
    elbo_decomposition,
)
from keras_gen.metrics.likelihood.importance_weighted import (
    ImportanceWeightedBound,
    StreamingLogMeanExp,
    bits_per_dim,
    importance_weighted_bound,
    log_mean_exp,
)
from keras_gen.metrics.likelihood.rate_distortion import (
    RateDistortionCurve,
    rate_distortion_curve,
)
from keras_gen.metrics.report import MetricReport
from keras_gen.metrics.representations.clustering import (
    MatchedAccuracy,
    classifier_agreement,
    matched_accuracy,
    normalized_mutual_information,
)
from keras_gen.metrics.representations.linear_probe import linear_probe
from keras_gen.metrics.representations.pca import pca_reconstruction_error
from keras_gen.metrics.samples.coverage import (
    ClassCoverage,
    class_coverage,
    mean_pairwise_distance,
    pairwise_distance_ratio,
)
from keras_gen.metrics.samples.evaluation import (
    draw_samples,
    evaluate_generator,
    evaluate_samples,
)
from keras_gen.metrics.samples.frechet import (
    FeatureMoments,
    frechet_distance,
    frechet_distance_from_moments,
)
from keras_gen.metrics.samples.frechet_infinity import (
    ExtrapolatedDistance,
    fid_infinity,
)
from keras_gen.metrics.samples.inception_score import (
    inception_score,
    inception_score_per_split,
)
from keras_gen.metrics.samples.kernel_distance import (
    KernelDistance,
    kernel_distance,
    polynomial_mmd,
)
from keras_gen.metrics.samples.maximum_mean_discrepancy import (
    maximum_mean_discrepancy,
)
from keras_gen.metrics.samples.parzen import (
    ParzenEstimate,
    choose_parzen_sigma,
    parzen_log_likelihood,
)
from keras_gen.metrics.samples.path_length import (
    PathLength,
    lerp,
    perceptual_path_length,
    slerp,
)
from keras_gen.metrics.samples.perceptual import (
    PairwiseDiversity,
    PerceptualDistance,
    load_linear_weights,
    pairwise_diversity,
    perceptual_distance,
    squared_pixel_distance,
)
from keras_gen.metrics.samples.precision_recall import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    expected_coverage,
    precision_recall,
    realism_scores,
)
from keras_gen.metrics.samples.sliced_wasserstein import (
    SlicedWassersteinDistance,
    projected_wasserstein,
    sliced_wasserstein_distance,
)
from keras_gen.metrics.samples.structural_similarity import (
    ClassDiversity,
    PairSimilarity,
    class_ms_ssim_diversity,
    ms_ssim,
    ms_ssim_diversity,
    ssim,
)
from keras_gen.metrics.speech.measures import (
    CompositeScores,
    composite,
    evaluate_speech,
    log_likelihood_ratio,
    overall_snr,
    pesq,
    segmental_snr,
    weighted_spectral_slope,
)
from keras_gen.metrics.streaming import (
    FrechetDistance,
    InceptionScore,
    NegativeLogLikelihood,
)

__all__ = [
    "ActiveUnits",
    "BetaVAEScore",
    "ClassCoverage",
    "ClassDiversity",
    "CompositeScores",
    "DCI",
    "DCIFromImportance",
    "DISENTANGLEMENT_METRICS",
    "DensityCoverage",
    "DigitsClassifier",
    "DisentanglementReport",
    "ELBODecomposition",
    "ExtrapolatedDistance",
    "FactorArrays",
    "FactorData",
    "FactorVAEScore",
    "FeatureExtractor",
    "FeatureMoments",
    "FrechetDistance",
    "ImportanceWeightedBound",
    "InceptionScore",
    "InceptionV3Extractor",
    "KernelDistance",
    "MatchedAccuracy",
    "MetricReport",
    "ModelExtractor",
    "ModularityExplicitness",
    "MutualInformationGap",
    "NegativeLogLikelihood",
    "PairSimilarity",
    "PairwiseDiversity",
    "ParzenEstimate",
    "PathLength",
    "PerceptualDistance",
    "PixelExtractor",
    "PrecisionRecall",
    "RandomConvExtractor",
    "RateDistortionCurve",
    "SAP",
    "SlicedWassersteinDistance",
    "StreamingLogMeanExp",
    "active_units",
    "beta_vae_score",
    "bin_factors",
    "bits_per_dim",
    "choose_parzen_sigma",
    "class_coverage",
    "class_ms_ssim_diversity",
    "classifier_agreement",
    "composite",
    "dci",
    "dci_from_importance",
    "density_coverage",
    "disentanglement_report",
    "draw_samples",
    "elbo_decomposition",
    "encode_factors",
    "evaluate_generator",
    "evaluate_samples",
    "evaluate_speech",
    "expected_coverage",
    "factor_vae_score",
    "fid_infinity",
    "frechet_distance",
    "frechet_distance_from_moments",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "importance_weighted_bound",
    "inception_score",
    "inception_score_per_split",
    "kernel_distance",
    "lerp",
    "load_linear_weights",
    "log_likelihood_ratio",
    "log_mean_exp",
    "linear_probe",
    "matched_accuracy",
    "maximum_mean_discrepancy",
    "mean_pairwise_distance",
    "mig_hist",
    "mig_sampled",
    "modularity_explicitness",
    "ms_ssim",
    "ms_ssim_diversity",
    "mutual_information_matrix",
    "mutual_information_score",
    "normalized_mutual_information",
    "overall_snr",
    "pairwise_distance_ratio",
    "pairwise_diversity",
    "parzen_log_likelihood",
    "pca_reconstruction_error",
    "perceptual_distance",
    "perceptual_path_length",
    "pesq",
    "polynomial_mmd",
    "precision_recall",
    "projected_wasserstein",
    "rate_distortion_curve",
    "realism_scores",
    "sap",
    "segmental_snr",
    "slerp",
    "sliced_wasserstein_distance",
    "sprite_factor_data",
    "squared_pixel_distance",
    "ssim",
    "trained_once",
    "weighted_spectral_slope",
]


def __getattr__(name):
    # `keras_gen.data` imports TensorFlow, which no metric needs.
    if name in ("FactorArrays", "FactorData", "sprite_factor_data"):
        from keras_gen.data import factors

        return getattr(factors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
