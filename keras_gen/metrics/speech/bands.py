"""Critical bands of speech spectra, and the distance of their slopes.

The 25 bands up to 4 kHz and the weights of their slopes are those of the
weighted spectral slope distance of D. H. Klatt, "Prediction of perceived
phonetic distance from critical-band spectra: a first step", ICASSP 1982, in
the form of P. C. Loizou, "Speech Enhancement: Theory and Practice", 2007.
"""

import functools

import numpy as np

# Hz. From the eighth band on each center is the one before plus its width.
CENTERS = (
    50.0, 120.0, 190.0, 260.0, 330.0, 400.0, 470.0, 540.0, 617.372,
    703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72, 1442.54, 1610.70,
    1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63,
)  # fmt: skip
BANDWIDTHS = (
    70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 77.3724, 86.0056, 95.3398,
    105.411, 116.256, 127.914, 140.423, 153.823, 168.154, 183.457, 199.776,
    217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136,
)  # fmt: skip

_GLOBAL_PEAK_RANGE = 20.0  # dB below the highest band at which weight halves
_LOCAL_PEAK_RANGE = 1.0  # dB below the nearest peak, likewise
_FLOOR = 1e-10


@functools.lru_cache(maxsize=8)
def critical_bands(sample_rate: int, fft_size: int) -> np.ndarray:
    """Weights of the bins of a power spectrum in each critical band.

    Gaussian in frequency around the bin at or below the band's center, of equal
    sums up to rounding, and cut off below `exp(-30 / (2 * 2.303))`, which the
    published program calls -30 dB.

    Args:
        sample_rate: Integer. The samples per second, at least 8000.
        fft_size: Integer. The length of the Fourier transform, even.

    Returns:
        Read-only float64 array of shape `(25, fft_size // 2)`; without the bin
        at half the sample rate.

    Example:

    ```python
    critical_bands(16000, 1024).shape  # (25, 512)
    ```
    """
    bins = fft_size // 2
    per_hertz = bins / (sample_rate / 2)
    centers = np.floor(np.array(CENTERS) * per_hertz)[:, None]
    widths = np.array(BANDWIDTHS)[:, None]
    distance = (np.arange(bins) - centers) / (widths * per_hertz)
    weights = np.exp(-11.0 * distance**2) * (widths[0] / widths)
    weights[weights <= np.exp(-30.0 / (2.0 * 2.303))] = 0.0
    weights.setflags(write=False)
    return weights


def band_levels(
    frames: np.ndarray, sample_rate: int, fft_size: int
) -> np.ndarray:
    """Energy of windowed frames in each critical band.

    Args:
        frames: float64 array of shape `(frames, samples)`, windowed.
        sample_rate: Integer. The samples per second, at least 8000.
        fft_size: Integer. The length of the Fourier transform, even.

    Returns:
        Array of shape `(frames, 25)` in dB, at least -100.

    Example:

    ```python
    levels = band_levels(np.hanning(480)[None], 16000, 1024)
    levels.argmax()  # 0: a window alone has the lowest frequencies only
    ```
    """
    spectra = np.fft.rfft(frames, fft_size)[:, : fft_size // 2]
    power = spectra.real**2 + spectra.imag**2
    energy = power @ critical_bands(sample_rate, fft_size).T
    return 10.0 * np.log10(np.maximum(energy, _FLOOR))


def slope_weights(levels: np.ndarray) -> np.ndarray:
    """Weights of the slope above each band, larger near a peak.

        20 / (20 + highest - level) * 1 / (1 + peak - level)

    The peak of a band is found by climbing. Where the level does not rise
    towards the next band, it is the first local maximum below. Where it rises,
    it is the band just below the first local maximum above, as in the published
    program.

    Args:
        levels: Array of shape `(frames, bands)`, in dB.

    Returns:
        Array of shape `(frames, bands - 1)` in (0, 1].

    Example:

    ```python
    slope_weights(np.array([[0.0, 0.0, 0.0]]))  # [[1.0, 1.0]]
    ```
    """
    rising = np.diff(levels, axis=1) > 0.0
    bands = np.arange(rising.shape[1])
    above = np.where(rising, bands.size, bands)
    above = np.minimum.accumulate(above[:, ::-1], axis=1)[:, ::-1]
    below = np.maximum.accumulate(np.where(rising, bands, -1), axis=1)
    peak_band = np.where(rising, above - 1, below + 1)
    peak = np.take_along_axis(levels, peak_band, axis=1)
    highest = levels.max(axis=1, keepdims=True)
    levels = levels[:, :-1]
    return (
        _GLOBAL_PEAK_RANGE
        / (_GLOBAL_PEAK_RANGE + highest - levels)
        * _LOCAL_PEAK_RANGE
        / (_LOCAL_PEAK_RANGE + peak - levels)
    )


def spectral_slope_distance(
    clean: np.ndarray, processed: np.ndarray, sample_rate: int
) -> np.ndarray:
    """Weighted squared difference of the band slopes of frames.

    The weights are the mean of both frames' and are divided by their sum.

    Args:
        clean: float64 array of shape `(frames, samples)`, windowed.
        processed: Array of the same shape.
        sample_rate: Integer. The samples per second, at least 8000.

    Returns:
        Array of shape `(frames,)` in dB^2.

    Example:

    ```python
    frame = np.hanning(480)[None]
    spectral_slope_distance(frame, 2.0 * frame, 16000)  # [0.0]
    ```
    """
    fft_size = 2 ** int(np.ceil(np.log2(2 * clean.shape[1])))
    levels = [
        band_levels(frames, sample_rate, fft_size)
        for frames in (clean, processed)
    ]
    weights = (slope_weights(levels[0]) + slope_weights(levels[1])) / 2.0
    difference = np.diff(levels[0], axis=1) - np.diff(levels[1], axis=1)
    return (weights * difference**2).sum(axis=1) / weights.sum(axis=1)
