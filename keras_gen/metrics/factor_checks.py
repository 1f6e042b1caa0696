"""Input checks of the disentanglement metrics: codes and factors."""

from typing import Any

import numpy as np

from keras_gen.metrics.checks import finite_array


def check_codes(codes: Any, num: int | None = None) -> np.ndarray:
    """Converts codes to float64 and checks them.

    Args:
        codes: Array or tensor of shape `(samples, dim)`.
        num: Integer. The number of samples there must be, or None for any.

    Returns:
        NumPy array of shape `(samples, dim)`.

    Raises:
        ValueError: If the shape or the number is another, or a value is not
            finite.

    Example:

    ```python
    check_codes([[0.5], [1.0]]).shape  # (2, 1)
    ```
    """
    codes = finite_array("codes", codes, ("samples", "dim"))
    _check_length("codes", codes, num)
    return codes


def check_factors(factors: Any, num: int | None = None) -> np.ndarray:
    """Converts factors to int64 and checks them.

    Args:
        factors: Array of shape `(samples, factors)`. Integers, or floats
            without a fractional part.
        num: Integer. The number of samples there must be, or None for any.

    Returns:
        NumPy array of shape `(samples, factors)`.

    Raises:
        ValueError: If the shape or the number is another, or a value is not
            an integer.

    Example:

    ```python
    check_factors([[0.0, 2.0]]).dtype  # int64
    ```
    """
    values = finite_array("factors", factors, ("samples", "factors"))
    broken = values != np.floor(values)
    if broken.any():
        raise ValueError(
            "`factors` must be integers, the numbers of their values. "
            f"Received: {values[broken][0]}. Number the values of each by "
            "`np.unique(column, return_inverse=True)[1]`, or bin them first."
        )
    _check_length("factors", values, num)
    return values.astype(np.int64)


def varying_factors(factors: np.ndarray) -> np.ndarray:
    """Finds the factors that take more than one value.

    A factor of one value holds no information: metrics leave it out.

    Args:
        factors: Integer array of shape `(samples, factors)`.

    Returns:
        Boolean array of shape `(factors,)`.

    Raises:
        ValueError: If none varies.

    Example:

    ```python
    varying_factors(np.array([[0, 1], [0, 2]]))  # [False, True]
    ```
    """
    varying = (factors != factors[:1]).any(axis=0)
    if not varying.any():
        raise ValueError(
            "`factors` must hold a factor that varies. Received: "
            f"{factors.shape[1]} constant factors of {len(factors)} samples."
        )
    return varying


def check_splits(
    codes: Any, factors: Any, test_codes: Any, test_factors: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Checks the training and the test set of classifiers on codes.

    Args:
        codes: Array of shape `(samples, dim)`, at least 2 samples.
        factors: Integer array of shape `(samples, factors)`.
        test_codes: Array of shape `(test_samples, dim)`.
        test_factors: Integer array of shape `(test_samples, factors)`.

    Returns:
        The four, as float64 and int64 arrays.

    Raises:
        ValueError: If shapes do not fit, samples are too few, a code is not
            finite, or a factor is not an integer.

    Example:

    ```python
    check_splits([[0.0], [1.0]], [[0], [1]], [[0.5]], [[1]])
    ```
    """
    codes, test_codes = check_codes(codes), check_codes(test_codes)
    factors = check_factors(factors, len(codes))
    test_factors = check_factors(test_factors, len(test_codes))
    if len(codes) < 2:
        raise ValueError(
            "`codes` must hold at least 2 samples. Received: len(codes)=1."
        )
    if (
        codes.shape[1] != test_codes.shape[1]
        or factors.shape[1] != test_factors.shape[1]
    ):
        raise ValueError(
            "Training and test set must have the same latents and factors. "
            f"Received: codes.shape={codes.shape}, "
            f"test_codes.shape={test_codes.shape}, "
            f"factors.shape={factors.shape}, "
            f"test_factors.shape={test_factors.shape}."
        )
    return codes, factors, test_codes, test_factors


def standardized(
    codes: np.ndarray, *others: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Standardizes each latent to mean 0 and variance 1.

    Args:
        codes: Array of shape `(samples, dim)`, whose mean and variance are
            used.
        *others: Arrays that are shifted and scaled alike.

    Returns:
        All arrays. A latent that never varies becomes 0.

    Example:

    ```python
    standardized(np.array([[0.0], [2.0]]))  # ([[-1.0], [1.0]],)
    ```
    """
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    # Rounding leaves a constant column a deviation of the order of its size.
    constant = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scale = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, deviation))
    return tuple((array - mean) * scale for array in (codes, *others))


def _check_length(name, values, expected):
    if expected is not None and len(values) != expected:
        raise ValueError(
            f"`{name}` must have one row per example. Received: "
            f"len({name})={len(values)} for {expected} examples."
        )
