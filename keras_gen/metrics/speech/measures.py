"""Objective quality measures of speech, compared with the clean signal.

Distances of short frames (30 ms, a hop of a quarter of that, Hann windows),
and composite ratings on the listeners' scale from 1 to 5:

    CSIG = 3.093 - 1.029 LLR + 0.603 PESQ - 0.009 WSS       (the speech)
    CBAK = 1.634 + 0.478 PESQ - 0.007 WSS + 0.063 segSNR    (the background)
    COVL = 1.594 + 0.805 PESQ - 0.512 LLR - 0.007 WSS       (overall)

They are the measures of SEGAN's results. Frames, limits and rounding follow
the program of Loizou, "Speech Enhancement: Theory and Practice", 2007, which
drops the last whole frame.

Signals are arrays `(samples,)`: floating point, full scale being 1, or int16
or int32, which are divided by 2^15 or 2^31 before anything is subtracted, so
that no difference overflows. Clean and processed must be aligned and, if
pre-emphasis was used, de-emphasized. Resample recordings at 48 kHz to 16 kHz
first: values at different sample rates are not comparable.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import optional_package
from keras_gen.metrics.speech.bands import spectral_slope_distance
from keras_gen.metrics.speech.frames import (
    check_signals,
    linear_prediction,
    lowest_mean,
    score_frames,
)

_EPSILON = np.finfo(np.float64).eps


class CompositeScores(NamedTuple):
    """Result of `composite`.

    Attributes:
        csig: Float. The predicted rating of signal distortion, 1 (bad) to 5.
        cbak: Float. The predicted rating of background intrusiveness, 1 to 5.
        covl: Float. The predicted rating of overall quality, 1 to 5.
        pesq: Float. PESQ, as computed or passed in.
        log_likelihood_ratio: Float. See the function of that name.
        weighted_spectral_slope: Float. See the function of that name.
        segmental_snr: Float. See the function of that name, in dB.

    The ratings and PESQ are None where there is no PESQ.
    """

    csig: float | None
    cbak: float | None
    covl: float | None
    pesq: float | None
    log_likelihood_ratio: float
    weighted_spectral_slope: float
    segmental_snr: float


def overall_snr(clean: Any, processed: Any) -> float:
    """Signal-to-noise ratio of the whole signal, in dB.

        10 log10( sum s^2 / sum (s - p)^2 )

    Args:
        clean: Array of shape `(samples,)`. The clean speech.
        processed: Array of the same length. The processed speech.

    Returns:
        Float. The ratio in dB; infinity if both are equal.

    Raises:
        ValueError: If the signals differ in length, are not finite, or the
            clean one is silent.

    Example:

    ```python
    overall_snr([1.0, -1.0], [1.1, -1.1])  # 20.0
    ```
    """
    clean, processed = check_signals(clean, processed, 1)
    signal = np.square(clean).sum()
    noise = np.square(clean - processed).sum()
    if signal == 0.0:
        raise ValueError(
            "`clean` must not be silent. Received: zeros. Leave such "
            "recordings out."
        )
    if noise == 0.0:
        return float("inf")
    return float(10.0 * np.log10(signal / noise))


def segmental_snr(
    clean: Any, processed: Any, sample_rate: int = 16000
) -> float:
    """Mean over frames of the signal-to-noise ratio within -10 and 35 dB.

    The mean is not removed and the level not matched: `g` times the clean
    signal has `-20 log10 |1 - g|` dB. Frames in which the clean signal is
    silent have -10 dB.

    Args:
        clean: Array of shape `(samples,)`. The clean speech, at least 37.5 ms.
        processed: Array of the same length. The processed speech.
        sample_rate: Integer. The samples per second, at least 8000.

    Returns:
        Float in [-10, 35]. The mean in dB; higher is better.

    Raises:
        ValueError: If the signals differ in length, are too short or not
            finite, or the sample rate is too low.

    Example:

    ```python
    speech = np.random.default_rng(0).normal(size=16000)
    segmental_snr(speech, 0.9 * speech)  # 20.0
    ```
    """
    return float(
        score_frames(_frames_snr, clean, processed, sample_rate).mean()
    )


def log_likelihood_ratio(
    clean: Any, processed: Any, sample_rate: int = 16000
) -> float:
    """Log-likelihood ratio (LLR) of the linear prediction of both signals.

        log( a_p R_s a_p' / (a_s R_s a_s') )

    where `a_s`, `a_p` are the prediction error filters of the clean and the
    processed frame (order 16; 10 below 10 kHz) and `R_s` is the Toeplitz matrix
    of the clean frame's autocorrelation. Averaged over the lowest 95 % of the
    frames, without an upper limit, as in the composite ratings.

    Frames in which only the clean signal is digitally silent have values of ten
    and more: trim long silences.

    Args:
        clean: Array of shape `(samples,)`. The clean speech, at least 37.5 ms.
        processed: Array of the same length. The processed speech.
        sample_rate: Integer. The samples per second, at least 8000.

    Returns:
        Float. The mean ratio in nats, `>= 0` up to rounding; lower is better.
        It does not depend on the level of either signal.

    Raises:
        ValueError: As for `segmental_snr`.

    Example:

    ```python
    speech = np.random.default_rng(0).normal(size=16000)
    log_likelihood_ratio(speech, np.cumsum(speech))  # about 1.3
    ```
    """
    return lowest_mean(score_frames(_frames_llr, clean, processed, sample_rate))


def weighted_spectral_slope(
    clean: Any, processed: Any, sample_rate: int = 16000
) -> float:
    """Weighted spectral slope distance (WSS) of critical-band spectra.

    The slopes between 25 neighboring critical bands are compared; the squared
    differences are weighted by the mean of both signals' weights, which are
    larger near peaks of the spectrum. Averaged over the lowest 95 % of the
    frames.

    Args:
        clean: Array of shape `(samples,)`. The clean speech, at least 37.5 ms.
        processed: Array of the same length. The processed speech.
        sample_rate: Integer. The samples per second, at least 8000.

    Returns:
        Float. The mean distance in dB^2, `>= 0`; lower is better. It does not
        depend on the level of either signal.

    Raises:
        ValueError: As for `segmental_snr`.

    Example:

    ```python
    speech = np.random.default_rng(0).normal(size=16000)
    weighted_spectral_slope(speech, 0.5 * speech)  # 0.0
    ```
    """
    return lowest_mean(
        score_frames(spectral_slope_distance, clean, processed, sample_rate)
    )


def pesq(clean: Any, processed: Any, sample_rate: int = 16000) -> float:
    """PESQ (ITU-T P.862), by the optional package `pesq`.

    Wide band (P.862.2) at 16 kHz, narrow band at 8 kHz, both mapped to the
    listeners' scale (MOS-LQO). Older papers report raw, unmapped PESQ. The
    value is meaningful for speech only.

    Args:
        clean: Array of shape `(samples,)`. The clean speech, at least 0.25 s.
        processed: Array of the same length. The processed speech.
        sample_rate: Integer. 16000 or 8000.

    Returns:
        Float. The rating, about 1.0 to 4.6; higher is better.

    Raises:
        ImportError: If the package `pesq` is not installed.
        ValueError: If the sample rate is another, the signals differ in
            length, are too short or not finite, or hold no speech.

    Example:

    ```python
    pesq(clean, processed, sample_rate=16000)  # 4.64 for equal recordings
    ```
    """
    modes = {16000: "wb", 8000: "nb"}
    if sample_rate not in modes:
        raise ValueError(
            "`sample_rate` must be 16000 (wide band) or 8000 (narrow band) for "
            f"PESQ. Received: {sample_rate=}. Resample both signals to 16000."
        )
    clean, processed = check_signals(clean, processed, sample_rate // 4)
    package = optional_package("pesq", "pesq", "speech", "PESQ")
    if clean.any() and processed.any():
        try:
            mode = modes[sample_rate]
            return float(package.pesq(sample_rate, clean, processed, mode))
        except package.NoUtterancesError:
            pass
    raise ValueError(
        "`clean` and `processed` must hold speech for PESQ. Received: silence, "
        "or no utterance. Leave such recordings out."
    )


def composite(
    clean: Any,
    processed: Any,
    sample_rate: int = 16000,
    *,
    pesq_score: float | None = None,
) -> CompositeScores:
    """Composite ratings of speech, background and overall quality.

    Args:
        clean: Array of shape `(samples,)`. The clean speech.
        processed: Array of the same length. The processed speech.
        sample_rate: Integer. 16000 or 8000; with `pesq_score`, at least 8000.
        pesq_score: Float from -0.5 to 4.65. PESQ if it is already known;
            defaults to that of `pesq`. The formulas were fitted to raw PESQ,
            most current tables use the wide band rating: state which.

    Returns:
        A `CompositeScores`. Without `pesq_score` and without the package `pesq`
        its ratings and PESQ are None.

    Raises:
        ValueError: If the signals differ in length, are too short, not finite
            or hold no speech, or an option is out of range.

    Example:

    ```python
    rng = np.random.default_rng(0)
    speech = rng.normal(size=16000)
    noisy = speech + 0.1 * rng.normal(size=16000)
    composite(speech, noisy, pesq_score=2.0).covl
    ```

    Reference:

    - [Hu and Loizou, 2008](https://doi.org/10.1109/TASL.2007.911054)
    """
    llr = log_likelihood_ratio(clean, processed, sample_rate)
    wss = weighted_spectral_slope(clean, processed, sample_rate)
    snr = segmental_snr(clean, processed, sample_rate)
    if pesq_score is None:
        try:
            pesq_score = pesq(clean, processed, sample_rate)
        except ImportError:
            return CompositeScores(None, None, None, None, llr, wss, snr)
    elif not -0.5 <= pesq_score <= 4.65:
        raise ValueError(
            f"`pesq_score` must be from -0.5 to 4.65. Received: {pesq_score=}."
        )
    ratings = (
        3.093 - 1.029 * llr + 0.603 * pesq_score - 0.009 * wss,
        1.634 + 0.478 * pesq_score - 0.007 * wss + 0.063 * snr,
        1.594 + 0.805 * pesq_score - 0.512 * llr - 0.007 * wss,
    )
    ratings = (min(max(float(rating), 1.0), 5.0) for rating in ratings)
    return CompositeScores(*ratings, float(pesq_score), llr, wss, snr)


def evaluate_speech(
    clean: Sequence[Any],
    processed: Sequence[Any],
    sample_rate: int = 16000,
    *,
    pesq_scores: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Evaluates processed recordings: the mean of each score.

    Args:
        clean: Array of shape `(recordings, samples)`, or list of arrays of
            shape `(samples,)`. The clean recordings, whose lengths may differ.
        processed: Array or list. The processed recordings, in the same order.
        sample_rate: Integer. As for `composite`.
        pesq_scores: Sequence of floats. PESQ of each recording, if already
            known.

    Returns:
        A dict of plain Python values that `json.dumps` accepts: the fields of
        `CompositeScores` and `overall_snr`, each the mean over the recordings,
        ratings and `pesq` being None without PESQ; and `num_recordings`,
        `sample_rate`.

    Raises:
        ValueError: If the numbers of recordings differ, or a recording cannot
            be evaluated; the error names it.

    Example:

    ```python
    rng = np.random.default_rng(0)
    speech = rng.normal(size=(4, 16000))
    noisy = speech + 0.1 * rng.normal(size=(4, 16000))
    evaluate_speech(speech, noisy)["overall_snr"]  # about 20
    ```
    """
    if len(clean) != len(processed) or len(clean) == 0:
        raise ValueError(
            "`clean` and `processed` must be as many recordings, at least 1. "
            f"Received: {len(clean)} clean and {len(processed)} processed ones."
        )
    if pesq_scores is None:
        pesq_scores = [None] * len(clean)
    elif len(pesq_scores) != len(clean):
        raise ValueError(
            "`pesq_scores` must hold one score per recording. Received: "
            f"{len(pesq_scores)} scores for {len(clean)} recordings."
        )
    rows = []
    triples = zip(clean, processed, pesq_scores, strict=True)
    for index, (s, p, score) in enumerate(triples):
        try:
            scores = composite(s, p, sample_rate, pesq_score=score)
            rows.append({**scores._asdict(), "overall_snr": overall_snr(s, p)})
        except ValueError as error:
            raise ValueError(f"Recording {index}: {error}") from error
    return {
        **{
            name: _mean_or_none([row[name] for row in rows]) for name in rows[0]
        },
        "num_recordings": len(rows),
        "sample_rate": sample_rate,
    }


def _frames_snr(clean, processed, sample_rate):
    signal = np.square(clean).sum(axis=1)
    noise = np.square(clean - processed).sum(axis=1)
    ratio = signal / (noise + _EPSILON) + _EPSILON
    return np.clip(10.0 * np.log10(ratio), -10.0, 35.0)


def _frames_llr(clean, processed, sample_rate):
    order = 10 if sample_rate < 10000 else 16
    # a R a' is the energy of the whole convolution of frame and filter, here
    # by Parseval: unlike the matrix product it cannot round below zero.
    size = 2 ** int(np.ceil(np.log2(clean.shape[1] + order)))
    power = np.abs(np.fft.rfft(clean, size)) ** 2
    # All bins but the first and the last stand for two.
    power[:, 1:-1] *= 2.0
    left = [
        (power * np.abs(np.fft.rfft(filters, size)) ** 2).sum(axis=1)
        for filters in (
            linear_prediction(processed, order),
            linear_prediction(clean, order),
        )
    ]
    return np.log(left[0] / left[1])


def _mean_or_none(values):
    return None if None in values else float(np.mean(values))
