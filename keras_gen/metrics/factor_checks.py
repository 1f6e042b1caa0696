"""Checks of codes and factors, the arrays of the disentanglement metrics."""

from typing import Any

import numpy as np

from keras_gen.metrics.checks import finite_array


def check_codes(codes: Any, num: int | None = None) -> np.ndarray:
    """Returns codes as float64 `(samples, dim)`, if they are finite.

    Args:
        codes: Array or tensor.
        num: The number of samples there must be; any if None.

    Returns:
        NumPy array.

    Raises:
        ValueError: If they are of another shape, number, or not finite.

    Example:

    ```python
    check_codes([[0.5], [1.0]]).shape  # (2, 1)
    ```
    """
    codes = finite_array("`codes`", codes, ("samples", "dim"))
    _check_number("codes", len(codes), num)
    return codes


def check_log_variance(log_variance: Any, codes: np.ndarray) -> np.ndarray:
    """Returns log-variances as float64, if they fit their means.

    Args:
        log_variance: Array or tensor `(samples, dim)`.
        codes: The means, `(samples, dim)`.

    Returns:
        NumPy array.

    Raises:
        ValueError: If they are of another shape, not finite, or the variance
            or its inverse would overflow.

    Example:

    ```python
    check_log_variance([[-2.0]], np.zeros((1, 1)))  # [[-2.0]]
    ```
    """
    values = finite_array("`log_variance`", log_variance, ("samples", "dim"))
    if values.shape != codes.shape:
        raise ValueError(
            "Expected `log_variance` of the shape of the means "
            f"{codes.shape}, received {values.shape}."
        )
    if np.abs(values).max() > 600.0:
        raise ValueError(
            "Expected natural logarithms of variances within [-600, 600], "
            f"received values from {values.min():.4g} to {values.max():.4g}."
        )
    return values


def check_factors(factors: Any, num: int | None = None) -> np.ndarray:
    """Returns factors as int64 `(samples, factors)`, if they are integers.

    Args:
        factors: Array of integers, or of floating point numbers without
            fractions.
        num: The number of samples there must be; any if None.

    Returns:
        NumPy array.

    Raises:
        ValueError: If they are of another shape, number, or no integers.

    Example:

    ```python
    check_factors([[0.0, 2.0]]).dtype  # int64
    ```
    """
    values = finite_array("`factors`", factors, ("samples", "factors"))
    broken = values != np.floor(values)
    if broken.any():
        raise ValueError(
            "Factors are numbered values, so they must be integers; received "
            f"{values[broken][0]}. Number the values of each by "
            "`np.unique(column, return_inverse=True)[1]`, or bin them first."
        )
    _check_number("factors", len(values), num)
    return values.astype(np.int64)


def varying_factors(factors: np.ndarray) -> np.ndarray:
    """Tells which factors take more than one value.

    A factor of one value holds no information: metrics leave it out.

    Args:
        factors: Integers `(samples, factors)`.

    Returns:
        Boolean array `(factors,)`.

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
            f"None of the {factors.shape[1]} factors varies among "
            f"{len(factors)} samples: there is nothing to find in the codes."
        )
    return varying


def check_splits(
    codes: Any, factors: Any, test_codes: Any, test_factors: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Checks what classifiers are fitted to and what they are judged by.

    Args:
        codes: Array `(samples, dim)`, at least 2 samples.
        factors: Integers `(samples, factors)`.
        test_codes: Array `(test_samples, dim)`.
        test_factors: Integers `(test_samples, factors)`.

    Returns:
        The four, as float64 and int64 arrays.

    Raises:
        ValueError: If shapes do not fit, samples are too few, or a value is
            not finite or no integer.

    Example:

    ```python
    check_splits([[0.0], [1.0]], [[0], [1]], [[0.5]], [[1]])
    ```
    """
    codes, test_codes = check_codes(codes), check_codes(test_codes)
    factors = check_factors(factors, len(codes))
    test_factors = check_factors(test_factors, len(test_codes))
    if len(codes) < 2:
        raise ValueError("Predicting factors needs at least 2 samples.")
    if (
        codes.shape[1] != test_codes.shape[1]
        or factors.shape[1] != test_factors.shape[1]
    ):
        raise ValueError(
            "Expected train and test arrays of the same latents and factors, "
            f"received codes of shape {codes.shape} and {test_codes.shape}, "
            f"factors of shape {factors.shape} and {test_factors.shape}."
        )
    return codes, factors, test_codes, test_factors


def standardized(
    codes: np.ndarray, *others: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Brings each latent to mean 0 and variance 1.

    Args:
        codes: Array `(samples, dim)` whose mean and variance are used.
        *others: Further arrays that are shifted and scaled alike.

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


def _check_number(name, found, expected):
    if expected is not None and found != expected:
        raise ValueError(
            f"Expected as many {name} as examples, {expected}; received "
            f"{found}."
        )
