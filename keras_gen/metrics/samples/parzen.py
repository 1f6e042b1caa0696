"""Log-likelihood under a Parzen window of samples.

A Gaussian of standard deviation `sigma` is placed on each of N generated
samples `s_j`, and test data are scored under the mixture,

    log p(x) = log 1/N sum_j N(x; s_j, sigma^2 I).

The first GAN papers compare 10,000 samples with 10,000 test images of MNIST in
`[0, 1]`, with `sigma` chosen on validation data. In high dimensions the
estimate is far from the likelihood, and better samples may score lower (Theis
et al., 2016): use it to compare with early papers only.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.likelihood.importance_weighted import StreamingLogMeanExp

# Distances in memory at a time: 32 MB.
_BLOCK_ELEMENTS = 2**22


class ParzenEstimate(NamedTuple):
    """Result of `parzen_log_likelihood`.

    Attributes:
        mean: Float. The mean log-likelihood of the data in nats.
        standard_error: Float. The standard error of this mean.
        sigma: Float. The standard deviation of the window.
        log_likelihood: float64 array of shape `(n,)`. The log-likelihood of
            each example.
        num_samples: Integer. The number of generated samples.
    """

    mean: float
    standard_error: float
    sigma: float
    log_likelihood: np.ndarray
    num_samples: int


def parzen_log_likelihood(
    data: np.ndarray,
    samples: np.ndarray | Iterable[np.ndarray],
    sigma: float | None = None,
    *,
    validation: np.ndarray | None = None,
    sigmas: np.ndarray | None = None,
) -> ParzenEstimate:
    """Mean log-likelihood of data under a Parzen window of samples.

    Args:
        data: Array of shape `(n, dim)` with `n >= 2`. The test data.
        samples: Array of shape `(num_samples, dim)`, or iterable of batches,
            which need not be in memory together. The generated samples.
        sigma: Float. The standard deviation of the window, in the units of the
            data. Defaults to the choice of `choose_parzen_sigma`.
        validation: Array of shape `(n_validation, dim)`. Data, other than
            `data`, on which `sigma` is chosen.
        sigmas: Array of shape `(values,)`. The candidates of
            `choose_parzen_sigma`.

    Returns:
        A `ParzenEstimate`.

    Raises:
        ValueError: If neither `sigma` nor `validation` is given, or both are,
            if `sigma` is not positive, widths differ, there are no samples, or
            values are not finite.

    Example:

    ```python
    rng = np.random.default_rng(0)
    data, validation, samples = rng.normal(size=(3, 500, 2))
    estimate = parzen_log_likelihood(data, samples, validation=validation)
    estimate.mean, estimate.standard_error, estimate.sigma
    ```

    Reference:

    - [Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661)
    - [Theis et al., 2016](https://arxiv.org/abs/1511.01844)
    """
    if (sigma is None) == (validation is None):
        raise ValueError(
            "Exactly one of `sigma` and `validation` must be given. Received: "
            f"{sigma=}, and validation data "
            f"{'missing' if validation is None else 'given'}."
        )
    if sigma is None:
        if isinstance(samples, Iterator):
            raise ValueError(
                "`samples` must allow two passes to choose `sigma`. Received: "
                f"an iterator ({type(samples).__name__}). Pass an array or a "
                "list of batches, or give `sigma`."
            )
        sigma = choose_parzen_sigma(validation, samples, sigmas)
    data = finite_array("data", data, ("examples", "dim"), min_rows=2)
    streams = _streams(data, samples, _checked_sigmas([sigma]))
    log_likelihood = streams[0].result()
    return ParzenEstimate(
        float(log_likelihood.mean()),
        float(log_likelihood.std(ddof=1) / math.sqrt(len(data))),
        float(sigma),
        log_likelihood,
        streams[0].count,
    )


def choose_parzen_sigma(
    validation: np.ndarray,
    samples: np.ndarray | Iterable[np.ndarray],
    sigmas: np.ndarray | None = None,
) -> float:
    """The window of maximum likelihood of validation data.

    Args:
        validation: Array of shape `(n, dim)`. The validation data.
        samples: Array or iterable of batches. As for `parzen_log_likelihood`.
        sigmas: Array of shape `(values,)`. The candidates. Defaults to 10
            values from 0.1 to 1, logarithmically spaced, for data in `[0, 1]`.

    Returns:
        Float. The standard deviation of largest mean log-likelihood. If it is
        the first or the last of the candidates, try a wider range.

    Raises:
        ValueError: If there are no values, one is not positive, widths
            differ, there are no samples, or values are not finite.

    Example:

    ```python
    rng = np.random.default_rng(0)
    validation, samples = rng.normal(size=(2, 500, 2))
    choose_parzen_sigma(validation, samples, [0.01, 0.4, 10.0])  # 0.4
    ```
    """
    if sigmas is None:
        sigmas = np.logspace(-1.0, 0.0, 10)
    sigmas = _checked_sigmas(sigmas)
    validation = finite_array("validation", validation, ("examples", "dim"))
    streams = _streams(validation, samples, sigmas)
    means = [stream.result().mean() for stream in streams]
    return float(sigmas[int(np.argmax(means))])


def _streams(
    data: np.ndarray,
    samples: np.ndarray | Iterable[np.ndarray],
    sigmas: np.ndarray,
) -> list[StreamingLogMeanExp]:
    """For each sigma, the mean over the samples of the densities of data."""
    streams = [StreamingLogMeanExp() for _ in sigmas]
    # Relative to their mean, a large common mean costs no precision.
    origin = data.mean(axis=0)
    data = data - origin
    norms, dim = np.square(data).sum(axis=1), data.shape[1]
    block = max(1, _BLOCK_ELEMENTS // len(data))
    for batch in [samples] if hasattr(samples, "shape") else samples:
        batch = finite_array("samples", batch, ("samples", "dim"))
        if batch.shape[1] != dim:
            raise ValueError(
                "Data and samples must have the same dimensions. Received: "
                f"data of {dim} and samples of {batch.shape[1]}. Flatten both "
                "the same way."
            )
        for start in range(0, len(batch), block):
            centers = batch[start : start + block] - origin
            squared = np.square(centers).sum(axis=1)[:, None] + norms
            squared -= 2.0 * (centers @ data.T)
            np.maximum(squared, 0.0, out=squared)
            for sigma, stream in zip(sigmas, streams, strict=True):
                log_scale = dim * math.log(sigma * math.sqrt(2.0 * math.pi))
                stream.update(squared * (-0.5 / sigma**2) - log_scale)
    if streams[0].count == 0:
        raise ValueError(
            "`samples` must hold at least one sample. Received: none."
        )
    return streams


def _checked_sigmas(sigmas: np.ndarray) -> np.ndarray:
    sigmas = finite_array("sigmas", sigmas, ("values",))
    if sigmas.min() <= 0.0:
        raise ValueError(f"`sigma` must be above 0. Received: {sigmas.min()}.")
    return sigmas
