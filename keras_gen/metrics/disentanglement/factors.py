"""Codes of examples with known factors, and factors of fewer values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_gen.checks import check_positive
from keras_gen.metrics.checks import check_log_variance
from keras_gen.metrics.factor_checks import check_codes, check_factors

if TYPE_CHECKING:
    from keras_gen.data.factors import FactorData


def encode_factors(
    data: "FactorData",
    encoder: Any,
    factors: np.ndarray,
    batch_size: int = 1024,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Encodes the examples of given factors, batch by batch.

    Args:
        data: `keras_gen.data.FactorData`.
        encoder: Model or function. A model with `posterior(x)`, whose result
            has `mean` and, if it is normal, `log_variance`; a model with
            `encode(x)`; a function that returns codes `(num, dim)`, a tuple
            `(mean, log_variance)`, or an object with `mean` and
            `log_variance`; or None if the examples are codes already.
        factors: Integer array of shape `(num, factors)`.
        batch_size: Integer. The number of examples encoded at a time.

    Returns:
        Means or codes, float64 of shape `(num, dim)`, and log-variances of
        the same shape, or None if the encoder returns none.

    Raises:
        ValueError: If the encoder cannot be called, or its codes are not
            finite or of another shape.

    Example:

    ```python
    data = FactorData((3, 6))
    codes, _ = encode_factors(data, np.square, np.array([[2, 5]]))
    codes  # [[4.0, 25.0]]
    ```
    """
    encode = _encode_function(encoder)
    check_positive(batch_size=batch_size)
    means, log_variances = [], []
    for start in range(0, len(factors), batch_size):
        examples = data.images(factors[start : start + batch_size])
        codes = examples if encode is None else encode(examples)
        mean, log_variance = _mean_and_log_variance(codes)
        means.append(keras.ops.convert_to_numpy(mean))
        if log_variance is not None:
            log_variance = keras.ops.convert_to_numpy(log_variance)
            if log_variance.ndim == 0:
                log_variance = np.full(means[-1].shape, log_variance)
            log_variances.append(log_variance)
    codes = check_codes(np.concatenate(means), len(factors))
    if not log_variances:
        return codes, None
    return codes, check_log_variance(np.concatenate(log_variances), codes)


def bin_factors(
    factors: Any, factor_sizes: Sequence[int], max_values: int
) -> np.ndarray:
    """Merges neighboring values of factors that have many of them.

    Classifiers of 40 classes are slow, and few samples leave some classes
    nearly empty. The values of a factor that has more than `max_values` are
    divided into `max_values` bins, as even as possible.

    Args:
        factors: Integer array of shape `(num, factors)`, counted from 0.
        factor_sizes: Sequence of integers. The number of values of each
            factor.
        max_values: Integer. The most values that a factor keeps, at least 2.

    Returns:
        int64 array of shape `(num, factors)`.

    Raises:
        ValueError: If factors are out of range or `max_values` is below 2.

    Example:

    ```python
    bin_factors([[2, 39], [0, 4]], (3, 40), max_values=8)  # [[2, 7], [0, 0]]
    ```
    """
    factors = check_factors(factors)
    sizes = np.asarray(factor_sizes)
    if max_values < 2:
        raise ValueError(
            f"`max_values` must be at least 2. Received: {max_values=}."
        )
    if (
        sizes.shape != factors.shape[1:]
        or not ((factors >= 0) & (factors < sizes)).all()
    ):
        raise ValueError(
            f"`factors` must have {len(sizes)} columns, from 0 to below "
            f"{sizes.tolist()}. Received: factors.shape={factors.shape} with "
            f"values from {factors.min()} to {factors.max()}."
        )
    return np.where(sizes > max_values, factors * max_values // sizes, factors)


def _encode_function(encoder):
    if encoder is None:
        return None
    for name in ("posterior", "encode"):
        if callable(getattr(encoder, name, None)):
            return getattr(encoder, name)
    if not callable(encoder):
        raise ValueError(
            "`encoder` must be a model with `posterior` or `encode`, a "
            f"function of images, or None. Received: {encoder=}."
        )
    return encoder


def _mean_and_log_variance(codes):
    mean = getattr(codes, "mean", None)
    # The mean of an array is a method, that of a distribution a tensor.
    if mean is not None and not callable(mean):
        return mean, getattr(codes, "log_variance", None)
    if not isinstance(codes, list | tuple):
        return codes, None
    if isinstance(codes, list) or len(codes) != 2:
        raise ValueError(
            "`encoder` must return codes (num, dim), or a tuple of means and "
            f"log-variances. Received: a {type(codes).__name__} of "
            f"{len(codes)}. Pass a function that selects one of them."
        )
    return codes
