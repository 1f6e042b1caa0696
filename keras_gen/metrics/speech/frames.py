"""Frames of speech: validated signals, windows, linear prediction."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_gen.metrics.checks import finite_array

_EPSILON = np.finfo(np.float64).eps
_BLOCK = 2048  # frames; bounds the memory that a long recording takes


def check_signals(
    clean: Any, processed: Any, min_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Converts two signals to float64 and checks that they can be compared.

    Integers are scaled to a full scale of 1 first, so that their difference
    cannot overflow.

    Args:
        clean: Array of shape `(samples,)`. Floating point, int16 or int32.
        processed: Array of the same length.
        min_samples: Integer. The smallest length.

    Returns:
        Both as float64.

    Raises:
        ValueError: If a signal is of another type or shape, too short or not
            finite, or the lengths differ.

    Example:

    ```python
    check_signals(np.array([-32768], "int16"), [0.5], 1)  # [-1.0], [0.5]
    ```
    """
    clean = _check_signal("clean", clean, min_samples)
    processed = _check_signal("processed", processed, min_samples)
    if clean.shape != processed.shape:
        raise ValueError(
            "`clean` and `processed` must have the same length. Received: "
            f"{clean.size} clean and {processed.size} processed samples. Cut "
            "the longer one off, if they are aligned."
        )
    return clean, processed


def score_frames(
    score: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
    clean: Any,
    processed: Any,
    sample_rate: int,
) -> np.ndarray:
    """Applies a score to every pair of frames of two signals.

    Frames of 30 ms with a hop of a quarter of that, times a Hann window without
    its zeros. The last whole frame is dropped, as in the published program.

    Args:
        score: Function `(clean_frames, processed_frames, sample_rate)` of two
            arrays of shape `(frames, samples)` that returns `(frames,)`.
        clean: Array of shape `(samples,)`.
        processed: Array of the same length.
        sample_rate: Integer. The samples per second, at least 8000.

    Returns:
        Array of shape `(frames,)`.

    Raises:
        ValueError: As `check_signals`, or if the sample rate is too low.

    Example:

    ```python
    def peak(clean, processed, sample_rate):
        return clean.max(axis=1)

    score_frames(peak, np.ones(16000), np.zeros(16000), 16000).shape  # (129,)
    ```
    """
    if not isinstance(sample_rate, int | np.integer) or sample_rate < 8000:
        raise ValueError(
            "`sample_rate` must be an integer of at least 8000, since the "
            f"bands reach 4 kHz. Received: {sample_rate=}."
        )
    length = (30 * int(sample_rate) + 500) // 1000
    hop = length // 4
    steps = np.arange(1, length + 1)
    window = 0.5 * (1.0 - np.cos(2.0 * np.pi * steps / (length + 1)))
    views = [
        np.lib.stride_tricks.sliding_window_view(signal + _EPSILON, length)
        for signal in check_signals(clean, processed, length + hop)
    ]
    clean, processed = (view[::hop][:-1] for view in views)
    return np.concatenate(
        [
            score(
                clean[start : start + _BLOCK] * window,
                processed[start : start + _BLOCK] * window,
                sample_rate,
            )
            for start in range(0, len(clean), _BLOCK)
        ]
    )


def lowest_mean(scores: np.ndarray) -> float:
    """Mean of the lowest 95 % of scores, their number rounded half up.

    Args:
        scores: Array of shape `(frames,)`, at least one.

    Returns:
        Float.

    Example:

    ```python
    lowest_mean(np.array([1.0] * 19 + [500.0]))  # 1.0
    ```
    """
    kept = (95 * len(scores) + 50) // 100
    return float(np.sort(scores)[:kept].mean())


def linear_prediction(frames: np.ndarray, order: int) -> np.ndarray:
    """Prediction error filters of frames, by autocorrelation and Levinson.

    The filter of least output energy among those that begin with 1. Where a
    frame is predictable up to rounding the recursion stops, and a silent frame
    has the filter `[1, 0, 0, ...]`: there is never a NaN.

    Args:
        frames: float64 array of shape `(frames, samples)`, windowed.
        order: Integer. The number of samples that predict the next, below
            `samples`.

    Returns:
        float64 array of shape `(frames, order + 1)`, its first column 1.

    Example:

    ```python
    decay = 0.9 ** np.arange(200.0)
    linear_prediction(decay[None], order=1)  # [[1.0, -0.9]]
    ```
    """
    size = frames.shape[1]
    lags = np.stack(
        [
            np.einsum("fn,fn->f", frames[:, lag:], frames[:, : size - lag])
            for lag in range(order + 1)
        ],
        axis=1,
    )
    filters = np.zeros_like(lags)
    filters[:, 0] = 1.0
    energy = lags[:, 0].copy()
    rounding = _EPSILON * energy
    for step in range(1, order + 1):
        past = filters[:, :step]
        correlation = np.einsum("fj,fj->f", past, lags[:, step:0:-1])
        reflection = np.zeros_like(energy)
        np.divide(-correlation, energy, reflection, where=energy > rounding)
        reflection[np.abs(reflection) >= 1.0] = 0.0
        filters[:, 1 : step + 1] += reflection[:, None] * past[:, ::-1]
        energy *= 1.0 - reflection**2
    return filters


def _check_signal(name, values, min_samples):
    if isinstance(values, list | tuple):
        values = np.asarray(values)
    elif not isinstance(values, np.ndarray):
        values = keras.ops.convert_to_numpy(values)
    scale = 1.0
    if values.dtype in (np.int16, np.int32):
        scale = -1.0 / np.iinfo(values.dtype).min
    elif not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"`{name}` must be floating point, int16 or int32. Received: "
            f"{name}.dtype={values.dtype}. Convert it so that full scale is 1."
        )
    hint = "Pass one channel of a whole recording."
    values = finite_array(name, values, ("samples",), min_samples, hint)
    return scale * values
