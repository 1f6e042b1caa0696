import numpy as np
import pytest

from keras_gen.metrics.speech.bands import (
    BANDWIDTHS,
    CENTERS,
    critical_bands,
    slope_weights,
)
from keras_gen.metrics.speech.measures import weighted_spectral_slope
from tests.metrics.speech.signals import (
    at_snr,
    frames_of,
    lowest_95_percent,
    voice,
)


def test_bands_lie_beside_each_other_and_weigh_alike():
    assert len(CENTERS) == len(BANDWIDTHS) == 25
    np.testing.assert_allclose(np.diff(CENTERS[7:]), BANDWIDTHS[7:-1], 1e-4)
    np.testing.assert_allclose(np.diff(CENTERS[:8]), BANDWIDTHS[:7])
    bands = critical_bands(16000, 1024)
    assert bands.shape == (25, 512)
    # Whole Gaussians, all but the lowest, which begins at 0 Hz.
    sums = bands[1:].sum(axis=1)
    np.testing.assert_allclose(sums, sums.mean(), rtol=0.02)
    np.testing.assert_array_equal(
        bands.argmax(axis=1), np.floor(np.array(CENTERS) / 15.625)
    )
    np.testing.assert_allclose(bands.max(axis=1), 70.0 / np.array(BANDWIDTHS))
    # Cut off at exp(-6.513).
    assert 0.00148 < bands[bands > 0].min() < 0.0015
    # 2 bins of 15.625 Hz from the center of the sixth band, 70 Hz wide.
    assert bands[5, 27] == pytest.approx(np.exp(-11 * (31.25 / 70) ** 2))


def test_slopes_count_more_near_a_peak():
    weights = slope_weights(np.array([[0.0, 10.0, 5.0, 5.0, 8.0]]))
    np.testing.assert_allclose(weights, [[2 / 3, 1.0, 0.8 / 6, 0.8]])
    # Climbing to the left goes on to the first band.
    weights = slope_weights(np.array([[4.0, 3.0, 3.0]]))
    np.testing.assert_allclose(weights, [[1.0, 20 / 21 / 2]])


def band_levels_of(frame, rate):
    size = 2 * frame.size
    while size & (size - 1):
        size += 1
    power = np.abs(np.fft.fft(frame, size)[: size // 2]) ** 2
    levels = []
    for center, width in zip(CENTERS, BANDWIDTHS, strict=True):
        energy = 0.0
        middle = int(center / rate * size)
        for index in range(size // 2):
            offset = (index - middle) * rate / size
            weight = 70.0 / width * np.exp(-11.0 * (offset / width) ** 2)
            if weight > np.exp(-15.0 / 2.303):
                energy += weight * power[index]
        levels.append(10.0 * np.log10(max(energy, 1e-10)))
    return np.array(levels)


def weights_of(levels):
    weights = []
    for band in range(len(levels) - 1):
        peak = band
        if levels[band + 1] > levels[band]:
            while (
                peak < len(levels) - 2 and levels[peak + 2] > levels[peak + 1]
            ):
                peak += 1
        else:
            while peak > 0 and levels[peak - 1] >= levels[peak]:
                peak -= 1
        far = 20.0 / (20.0 + max(levels) - levels[band])
        weights.append(far / (1.0 + levels[peak] - levels[band]))
    return np.array(weights)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_spectral_slope_follows_its_definition(rate):
    clean = voice(rate, seconds=0.25)
    processed = at_snr(clean, 5.0)
    values = []
    for pair in frames_of(clean, processed, rate):
        s, p = (band_levels_of(frame, rate) for frame in pair)
        weights = (weights_of(s) + weights_of(p)) / 2.0
        squared = (np.diff(s) - np.diff(p)) ** 2
        values.append(np.sum(weights * squared) / np.sum(weights))
    assert weighted_spectral_slope(clean, processed, rate) == pytest.approx(
        lowest_95_percent(values), rel=1e-9
    )
