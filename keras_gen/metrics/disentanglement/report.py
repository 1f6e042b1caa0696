"""A report of all disentanglement metrics of an encoder."""

import inspect
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_gen.checks import check_positive
from keras_gen.files import atomic_path
from keras_gen.metrics.checks import versions
from keras_gen.metrics.disentanglement.beta_vae import beta_vae_score
from keras_gen.metrics.disentanglement.dci import dci
from keras_gen.metrics.disentanglement.factor_vae import factor_vae_score
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
    discretize,
    mig_hist,
    mig_sampled,
    mutual_information_matrix,
)
from keras_gen.metrics.disentanglement.modularity import modularity_explicitness
from keras_gen.metrics.disentanglement.pictures import (
    draw_information,
    draw_traversals,
    traversals,
)
from keras_gen.metrics.disentanglement.sap import sap
from keras_gen.metrics.likelihood.elbo_decomposition import active_units

if TYPE_CHECKING:
    from keras_gen.data.factors import FactorData

_BEST = {
    "gaussian_total_correlation": "0",
    "gaussian_wasserstein_correlation": "0",
    "gaussian_wasserstein_correlation_normalized": "0",
    "mutual_information_score": "0",
    "active_units": "",
}


@dataclass(frozen=True)
class DisentanglementReport:
    """Result of `disentanglement_report`.

    Attributes:
        scores: Dict from the name of each score to a float.
        settings: Dict. The settings of the scores: numbers of samples, bins,
            options of each metric, seed, the data's factors, versions.
        mutual_information: float64 array of shape `(dim, factors)`. Of the
            binned codes and the factors, in nats.
        traversals: Array of shape `(dim, steps, height, width, channels)`.
            Images in which one latent varies along each row; None without a
            decoder.
    """

    scores: dict[str, float]
    settings: dict[str, Any]
    mutual_information: np.ndarray
    traversals: np.ndarray | None = None

    def table(self) -> str:
        """The scores as text, one to a line.

        Returns:
            String.
        """
        width = max(len(name) for name in self.scores)
        lines = [f"{'score':<{width}}  {'value':>8}  best"]
        lines += [
            f"{name:<{width}}  {value:>8.4f}  {_BEST.get(name, '1')}".rstrip()
            for name, value in self.scores.items()
        ]
        settings = self.settings
        lines.append(
            f"{settings['encoder']}: {settings['num_latents']} latents, "
            f"{settings['num_train']} + {settings['num_test']} samples, "
            f"{settings['num_bins']} bins, seed {settings['seed']}"
        )
        return "\n".join(lines)

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """The report as JSON, without the pictures.

        Args:
            path: Path. The file to write; its folder is made if needed. None
                writes no file.

        Returns:
            String. A score that is not finite is a string in it: `"inf"`.
        """
        scores = {
            name: value if math.isfinite(value) else str(value)
            for name, value in self.scores.items()
        }
        text = json.dumps(
            {
                "scores": scores,
                "settings": self.settings,
                "mutual_information": self.mutual_information.tolist(),
            },
            indent=2,
        )
        if path is not None:
            with atomic_path(path) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
        return text

    def save_pictures(self, folder: str | os.PathLike) -> list[Path]:
        """Writes pictures of the mutual information and of the traversals.

        Args:
            folder: Path. Where the pictures are written; it is made if needed.

        Returns:
            List of the files: `mutual_information.png` and `traversals.png`.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        folder = Path(folder)
        names = self.settings["factor_names"]
        files = [folder / "mutual_information.png"]
        draw_information(files[0], self.mutual_information, names)
        if self.traversals is not None:
            files.append(folder / "traversals.png")
            draw_traversals(files[1], self.traversals)
        return files


class _Draws(NamedTuple):
    """The inputs of the metrics."""

    data: "FactorData"
    encoder: Any
    codes: np.ndarray
    log_variance: np.ndarray | None
    factors: np.ndarray
    test_codes: np.ndarray
    test_factors: np.ndarray
    classes: np.ndarray
    test_classes: np.ndarray


class _Metric(NamedTuple):
    """How a metric is run, and what of its result is reported.

    Its arguments are fields of `_Draws`; its scores are attributes of its
    result, or its result itself if there are none.
    """

    function: Callable
    arguments: tuple[str, ...]
    scores: dict[str, str] | None
    fixed: dict[str, Any] = {}


def _unsupervised(codes: np.ndarray, num_bins: int = 20) -> dict[str, float]:
    distance = gaussian_wasserstein_correlation
    scores = {
        "gaussian_total_correlation": gaussian_total_correlation(codes),
        "gaussian_wasserstein_correlation": distance(codes),
        "gaussian_wasserstein_correlation_normalized": distance(
            codes, normalize=True
        ),
        "active_units": float(active_units(codes).count),
    }
    if codes.shape[1] > 1:
        pairs = mutual_information_score(codes, num_bins)
        scores["mutual_information_score"] = pairs
    return scores


_SPLITS = ("codes", "factors", "test_codes", "test_factors")
_CLASS_SPLITS = ("codes", "classes", "test_codes", "test_classes")
_METRICS = {
    "beta_vae": _Metric(
        beta_vae_score, ("data", "encoder"), {"beta_vae": "score"}
    ),
    "factor_vae": _Metric(
        factor_vae_score, ("data", "encoder"), {"factor_vae": "score"}
    ),
    "mig_hist": _Metric(mig_hist, _SPLITS[:2], {"mig_hist": "score"}),
    "mig_sampled": _Metric(
        mig_sampled,
        ("codes", "log_variance", "factors"),
        {"mig_sampled": "score"},
    ),
    "sap_continuous": _Metric(
        sap, _SPLITS[:2], {"sap_continuous": "score"}, {"continuous": True}
    ),
    "sap_discrete": _Metric(
        sap, _CLASS_SPLITS, {"sap_discrete": "score"}, {"continuous": False}
    ),
    "dci": _Metric(
        dci,
        _CLASS_SPLITS,
        {
            f"dci_{name}": name
            for name in ("disentanglement", "completeness", "informativeness")
        },
    ),
    "modularity_explicitness": _Metric(
        modularity_explicitness,
        _SPLITS,
        {name: name for name in ("modularity", "explicitness")},
    ),
    "unsupervised": _Metric(_unsupervised, _SPLITS[:1], None),
}

DISENTANGLEMENT_METRICS = tuple(_METRICS)


def disentanglement_report(
    encoder: Any,
    data: "FactorData",
    *,
    metrics: Sequence[str] | None = None,
    num_train: int = 10000,
    num_test: int = 5000,
    num_bins: int = 20,
    max_classes: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    decoder: Any = None,
    batch_size: int = 1024,
    seed: int = 0,
) -> DisentanglementReport:
    """Runs disentanglement metrics on an encoder.

    The metrics of given codes use the same examples. `beta_vae` and
    `factor_vae` draw their own, by default more than a million images: for a
    slow encoder, lower their numbers by `options`.

    Factors of many values need other settings than the usual 20 bins. For the
    40 orientations and 32 positions of sprites, take `num_bins=40`, so that
    perfect codes reach the full score, and `max_classes=8`, so that classifiers
    merge neighboring values.

    Args:
        encoder: Model or function. As for `encode_factors`; None if the data's
            images are codes.
        data: `keras_gen.data.FactorData`.
        metrics: Sequence of strings. Some of `DISENTANGLEMENT_METRICS`;
            defaults to all, with `mig_sampled` only if the encoder gives
            log-variances.
        num_train: Integer. The number of examples drawn for the metrics of
            given codes.
        num_test: Integer. The number of examples that their classifiers are
            tested on.
        num_bins: Integer. The number of bins of a latent, wherever it is
            binned.
        max_classes: Integer. The most values of a factor for `sap_discrete` and
            `dci`; of more, neighbors are merged. None merges none.
        options: Dict. Further arguments of a metric by its name, such as
            `{"dci": {"predictor": "lasso"}}`.
        decoder: Model or function. A model with `decode`, or a function from
            codes to images, for the traversals.
        batch_size: Integer. The number of images encoded at a time.
        seed: Integer. Seed of every draw.

    Returns:
        A `DisentanglementReport`.

    Raises:
        ValueError: If a metric is unknown, needs log-variances that the encoder
            does not give, or rejects its input.
        ImportError: If a metric needs a package that is not installed.

    Example:

    ```python
    data = FactorData((3, 6, 8, 8))
    report = disentanglement_report(
        None, data, metrics=["mig_hist", "modularity_explicitness"]
    )
    print(report.table())
    ```
    """
    options = {name: dict(given) for name, given in (options or {}).items()}
    _check_names([*(metrics or ()), *options])
    check_positive(num_train=num_train, num_test=num_test)
    draws = _draw(
        encoder, data, num_train, num_test, max_classes, batch_size, seed
    )
    if metrics is None:
        metrics = [
            name
            for name in DISENTANGLEMENT_METRICS
            if name != "mig_sampled" or draws.log_variance is not None
        ]
    elif "mig_sampled" in metrics and draws.log_variance is None:
        raise ValueError(
            "`mig_sampled` must have an encoder with log-variances. Received: "
            "an encoder of codes only. Pass a model with `posterior`, or a "
            "function that returns (mean, log_variance)."
        )
    common = {"num_bins": num_bins, "batch_size": batch_size, "seed": seed}
    scores, used = {}, {}
    for name in metrics:
        metric = _METRICS[name]
        keywords = _defaults(metric.function)
        keywords |= {key: common[key] for key in common if key in keywords}
        keywords |= options.get(name, {}) | metric.fixed
        arguments = [getattr(draws, field) for field in metric.arguments]
        result = metric.function(*arguments, **keywords)
        scores |= (
            result
            if metric.scores is None
            else {
                score: getattr(result, name)
                for score, name in metric.scores.items()
            }
        )
        used[name] = keywords
    images = None
    if decoder is not None:
        images = traversals(decoder, draws.codes)
    settings = {
        "encoder": _name(encoder),
        "num_latents": draws.codes.shape[1],
        "factor_names": list(data.factor_names),
        "factor_sizes": [int(size) for size in data.factor_sizes],
        "num_train": num_train,
        "num_test": num_test,
        "num_bins": num_bins,
        "max_classes": max_classes,
        "seed": seed,
        "options": used,
        "versions": versions("numpy", "scikit-learn"),
    }
    information = mutual_information_matrix(
        discretize(draws.codes, num_bins), draws.factors
    )
    return DisentanglementReport(scores, settings, information, images)


def _draw(encoder, data, num_train, num_test, max_classes, batch_size, seed):
    rng = np.random.default_rng(seed)
    factors = data.sample_factors(num_train, rng)
    test_factors = data.sample_factors(num_test, rng)
    codes, log_variance = encode_factors(data, encoder, factors, batch_size)
    test_codes, _ = encode_factors(data, encoder, test_factors, batch_size)
    classes = factors, test_factors
    if max_classes is not None:
        classes = tuple(
            bin_factors(each, data.factor_sizes, max_classes)
            for each in classes
        )
    return _Draws(
        data,
        encoder,
        codes,
        log_variance,
        factors,
        test_codes,
        test_factors,
        *classes,
    )


def _check_names(names):
    unknown = sorted(set(names) - set(DISENTANGLEMENT_METRICS))
    if unknown:
        raise ValueError(
            "`metrics` and `options` must be among "
            f"{list(DISENTANGLEMENT_METRICS)}. Received: {unknown}."
        )


def _defaults(function):
    """The optional arguments of a metric that are settings."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default not in (parameter.empty, None)
    }


def _name(encoder):
    if encoder is None:
        return "codes"
    for name in ("name", "__name__"):
        if isinstance(getattr(encoder, name, None), str):
            return getattr(encoder, name)
    return type(encoder).__name__
