"""Importance-weighted bounds on the log-likelihood, computed in a stream.

With latents drawn from the encoder and weights
`w_k = p(x|z_k) p(z_k) / q(z_k|x)`,

    log p_K(x) = log (1/K) sum_k w_k

is a lower bound of `log p(x)` in expectation, is the ELBO's estimate at K = 1
and grows with K. Thousands of weights do not fit in memory at once, so they
are taken in chunks; the arithmetic is in log space, in float64.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
import numpy as np


class ImportanceWeightedBound(NamedTuple):
    """Result of `importance_weighted_bound`.

    Attributes:
        log_likelihood: float64 array. `log p_K(x)` in nats, one value per
            example.
        effective_sample_size: float64 array. `(sum w)^2 / sum w^2`, between 1
            and `num_samples`, one value per example. Close to 1, the bound
            depends on a single draw.
        num_samples: Integer. K, the number of draws.
    """

    log_likelihood: np.ndarray
    effective_sample_size: np.ndarray
    num_samples: int


def log_mean_exp(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Numerically stable logarithm of the mean of exponentials.

    Args:
        values: Array of logarithms; `-inf` stands for a weight of zero.
        axis: Integer. The axis averaged over.

    Returns:
        float64 array without that axis.

    Raises:
        ValueError: If a value is NaN or `+inf`, or the axis is empty.

    Example:

    ```python
    log_mean_exp([1000.0, 1000.0])  # 1000.0
    ```
    """
    return StreamingLogMeanExp().update(values, axis=axis).result()


class StreamingLogMeanExp:
    """`log_mean_exp` of values that arrive in chunks.

    Keeps the running maximum and the sums of the weights and of their
    squares relative to it: constant memory, and the same result for every
    division into chunks.

    Example:

    ```python
    stream = StreamingLogMeanExp()
    for chunk in np.random.default_rng(0).normal(size=(10, 100, 3)):
        stream.update(chunk)
    stream.result().shape  # (3,): the mean over 1000 values
    ```
    """

    def __init__(self):
        self._count = 0
        self._max = None
        self._sum = None
        self._square_sum = None

    @property
    def count(self) -> int:
        """The number of values so far."""
        return self._count

    def update(self, values: Any, axis: int = 0) -> "StreamingLogMeanExp":
        """Adds a chunk of logarithms.

        Args:
            values: Array or tensor of any backend. The shape without `axis`
                must be the same for all chunks; the length along `axis` may
                differ.
            axis: Integer. The axis averaged over.

        Returns:
            The accumulator itself.

        Raises:
            ValueError: If a value is NaN or `+inf`, or the shape does not fit
                the earlier chunks.
        """
        values = np.moveaxis(_to_float64(values), axis, 0)
        if np.isnan(values).any() or np.isposinf(values).any():
            raise ValueError(
                "Log weights must not be NaN or +inf. Received: NaN or +inf. "
                "Check the terms of log p(x|z) + log p(z) - log q(z|x)."
            )
        if self._max is None:
            self._max = np.full(values.shape[1:], -np.inf)
            self._sum = np.zeros(values.shape[1:])
            self._square_sum = np.zeros(values.shape[1:])
        if values.shape[1:] != self._max.shape:
            raise ValueError(
                "All chunks must be of the same examples. Received: a chunk "
                f"for examples of shape {values.shape[1:]} after chunks for "
                f"shape {self._max.shape}."
            )
        new_max = np.maximum(self._max, values.max(axis=0, initial=-np.inf))
        # While all weights are zero there is nothing to measure against.
        anchor = np.where(np.isneginf(new_max), 0.0, new_max)
        decay = np.exp(self._max - anchor)
        weights = np.exp(values - anchor)
        self._sum = self._sum * decay + weights.sum(axis=0)
        self._square_sum = self._square_sum * decay**2 + np.square(weights).sum(
            axis=0
        )
        self._max = new_max
        self._count += len(values)
        return self

    def result(self) -> np.ndarray:
        """The logarithm of the mean weight so far, float64.

        Raises:
            ValueError: If there are no values yet.
        """
        self._require_values()
        with np.errstate(divide="ignore"):
            log_sum = np.log(self._sum)
        finite_max = np.where(np.isneginf(self._max), 0.0, self._max)
        return finite_max + log_sum - math.log(self._count)

    def effective_sample_size(self) -> np.ndarray:
        """`(sum w)^2 / sum w^2` so far; 0 where all weights are zero.

        Raises:
            ValueError: If there are no values yet.
        """
        self._require_values()
        return np.divide(
            np.square(self._sum),
            self._square_sum,
            out=np.zeros_like(self._sum),
            where=self._square_sum > 0.0,
        )

    def _require_values(self) -> None:
        if self._count == 0:
            raise ValueError("No values yet: call `update` first.")


def importance_weighted_bound(
    log_weight_chunks: Iterable[Any],
) -> ImportanceWeightedBound:
    """Importance-weighted bound from log weights that come in chunks.

    Args:
        log_weight_chunks: Iterable of arrays or tensors `(draws, examples)`
            with `log p(x|z) + log p(z) - log q(z|x)` in nats; the number of
            draws may differ from chunk to chunk.

    Returns:
        An `ImportanceWeightedBound`: per example the bound in nats and the
        effective sample size, and the number of draws. Report
        `-bound.log_likelihood.mean()` as the negative log-likelihood.

    Raises:
        ValueError: If there are no chunks, shapes do not fit, or a weight is
            NaN or `+inf`.

    Example:

    ```python
    rng = np.random.default_rng(0)
    chunks = (rng.normal(size=(50, 4)) for _ in range(20))
    bound = importance_weighted_bound(chunks)
    bound.log_likelihood.shape, bound.num_samples  # ((4,), 1000)
    ```

    Reference:

    - [Burda et al., 2015](https://arxiv.org/abs/1509.00519)
    """
    stream = StreamingLogMeanExp()
    for chunk in log_weight_chunks:
        stream.update(chunk, axis=0)
    return ImportanceWeightedBound(
        stream.result(), stream.effective_sample_size(), stream.count
    )


def bits_per_dim(
    log_likelihood: float | np.ndarray, num_dims: int, levels: int = 1
) -> float | np.ndarray:
    """Converts a log-likelihood in nats to bits per dimension.

    Args:
        log_likelihood: Float or array. The log-likelihood of an example in
            nats.
        num_dims: Integer. The number of dimensions of an example, such as
            height times width times channels.
        levels: Integer. The factor by which integer data were divided: 256 for
            8-bit images with uniform dequantization scaled to `[0, 1]`, whose
            density is larger by 256 per dimension; 1 for unscaled or discrete
            data.

    Returns:
        Float or array. `-log_likelihood / (num_dims log 2) + log2(levels)`.

    Example:

    ```python
    bits_per_dim(0.0, num_dims=784, levels=256)  # 8.0
    ```
    """
    return -log_likelihood / (num_dims * math.log(2.0)) + math.log2(levels)


def _to_float64(values: Any) -> np.ndarray:
    if not isinstance(values, np.ndarray | list | tuple | float | int):
        values = keras.ops.convert_to_numpy(values)
    values = np.asarray(values, dtype=np.float64)
    if values.ndim == 0:
        raise ValueError("Log weights must be an array. Received: a scalar.")
    return values
