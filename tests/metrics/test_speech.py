import json
import sys
import types

import keras
import numpy as np
import pytest
from scipy.linalg import solve_toeplitz, toeplitz
from scipy.signal import lfilter

from keras_gen.metrics import speech_frames
from keras_gen.metrics.speech import (
    composite,
    evaluate_speech,
    log_likelihood_ratio,
    overall_snr,
    pesq,
    segmental_snr,
    weighted_spectral_slope,
)
from keras_gen.metrics.speech_bands import (
    BANDWIDTHS,
    CENTRES,
    critical_bands,
    slope_weights,
)
from keras_gen.metrics.speech_frames import linear_prediction, lowest_mean

MEASURES = (segmental_snr, log_likelihood_ratio, weighted_spectral_slope)
# Of the signals in `test_known_values`, by an independent implementation whose
# figures are those of the authors' program on recordings.
KNOWN = (8.32081090252819, 2.0300830360158573, 12.162594726398504)


def noise(size, seed=0):
    return np.random.default_rng(seed).normal(size=size)


def voice(rate=16000, seconds=1.0, pitch=120, seed=0):
    """Pulses through three formants, rising and falling, on faint noise."""
    size = int(rate * seconds)
    wave = np.zeros(size)
    wave[:: rate // pitch] = 1.0
    for centre, width in ((600, 80), (1700, 120), (2600, 160)):
        radius = np.exp(-np.pi * width / rate)
        angle = 2 * np.pi * centre / rate
        wave = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], wave)
    wave *= 0.5 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(size) / rate)
    return 0.1 * wave + 0.001 * noise(size, seed)


def at_snr(clean, decibels, seed=1):
    added = noise(clean.size, seed)
    level = np.sqrt(np.mean(clean**2) / np.mean(added**2))
    return clean + added * level * 10 ** (-decibels / 20)


def frames_of(clean, processed, rate):
    """Pairs of windowed frames, one after the other."""
    length = round(0.03 * rate)
    hop = length // 4
    window = np.hanning(length + 2)[1:-1]
    for start in range(0, (clean.size - length) // hop * hop, hop):
        part = slice(start, start + length)
        yield clean[part] * window, processed[part] * window


def lowest_share(values):
    kept = int(np.floor(0.95 * len(values) + 0.5))
    return np.mean(sorted(values)[:kept])


@pytest.mark.parametrize("rate", [8000, 16000])
def test_equal_signals_are_at_the_best_of_each_scale(rate):
    clean = voice(rate)
    assert segmental_snr(clean, clean, rate) == 35.0
    assert log_likelihood_ratio(clean, clean, rate) == 0.0
    assert weighted_spectral_slope(clean, clean, rate) == 0.0
    assert overall_snr(clean, clean) == np.inf


@pytest.mark.parametrize("gain", [0.3, 0.9, 1.7])
def test_level_changes_the_noise_ratio_alone(gain):
    clean = voice()
    # In float64 the relative rounding is 1e-16, times the condition of the
    # normal equations.
    assert abs(log_likelihood_ratio(clean, gain * clean)) < 1e-9
    assert weighted_spectral_slope(clean, gain * clean) < 1e-9
    expected = -20.0 * np.log10(abs(1.0 - gain))
    assert segmental_snr(clean, gain * clean) == pytest.approx(expected)
    assert overall_snr(clean, gain * clean) == pytest.approx(expected)


def test_segmental_ratio_is_limited_to_its_range():
    clean = voice()
    assert segmental_snr(clean, 0.999 * clean) == 35.0
    assert segmental_snr(clean, 9.0 * clean) == -10.0


def test_white_noise_has_the_overall_ratio_it_was_added_at():
    clean = voice()
    assert overall_snr(clean, at_snr(clean, 10.0)) == pytest.approx(10.0)
    assert overall_snr(clean, at_snr(clean, -5.0)) == pytest.approx(-5.0)


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
def test_segmental_ratio_is_the_mean_over_frames(rate):
    clean = voice(rate)
    processed = at_snr(clean, 8.0)
    processed[: rate // 5] = 0.9999 * clean[: rate // 5]
    processed[-rate // 5 :] += noise(rate // 5)
    ratios = [
        10 * np.log10(np.sum(s**2) / np.sum((s - p) ** 2))
        for s, p in frames_of(clean, processed, rate)
    ]
    expected = np.clip(ratios, -10.0, 35.0).mean()
    assert segmental_snr(clean, processed, rate) == pytest.approx(
        expected, rel=1e-9
    )
    # The limits and the mean over frames matter here.
    assert expected != pytest.approx(np.mean(ratios), rel=0.01)
    assert expected != pytest.approx(overall_snr(clean, processed), rel=0.1)


def test_last_whole_frame_is_left_off():
    clean = noise(600)
    processed = clean.copy()
    # One frame of 480 samples; the second would end at 600.
    processed[480:] = 0.0
    assert segmental_snr(clean, processed) == 35.0
    processed[479] = -1e4
    assert segmental_snr(clean, processed) < 35.0
    # With one hop more the second frame counts.
    longer = noise(720)
    processed = np.r_[longer[:480], np.zeros(240)]
    assert segmental_snr(longer, processed) < 30.0


def test_silent_frames_are_at_the_lower_limit_and_stay_finite():
    silence = np.zeros(16000)
    assert segmental_snr(silence, silence) == -10.0
    assert segmental_snr(silence, 0.1 * noise(16000)) == -10.0
    half = voice()
    half[:8000] = 0.0
    processed = at_snr(half, 10.0)
    for clean, other in ((half, processed), (processed, half), (half, half)):
        for measure in MEASURES:
            assert np.isfinite(measure(clean, other))
    assert log_likelihood_ratio(half, half) == 0.0
    assert weighted_spectral_slope(half, half) == 0.0
    assert segmental_snr(half, half) == pytest.approx(
        (65 * -10 + 64 * 35) / 129, abs=1.0
    )


def test_linear_prediction_solves_the_normal_equations():
    frames = np.stack([s for s, _ in frames_of(voice(), voice(), 16000)])
    filters = linear_prediction(frames, 16)
    assert filters.shape == (len(frames), 17)
    for frame, found in zip(frames, filters, strict=True):
        lags = np.correlate(frame, frame, "full")[frame.size - 1 :][:17]
        expected = -solve_toeplitz(lags[:16], lags[1:])
        assert found[0] == 1.0
        # The equations' condition number is up to 1e7.
        np.testing.assert_allclose(found[1:], expected, rtol=0, atol=1e-7)


def test_linear_prediction_finds_the_filter_that_made_a_signal():
    wave = lfilter([1], [1, -1.6, 0.8], noise(200000))
    np.testing.assert_allclose(
        linear_prediction(wave[None], 2)[0], [1, -1.6, 0.8], atol=0.01
    )


def test_linear_prediction_of_silence_and_of_the_predictable():
    frames = np.stack([np.zeros(480), np.ones(480), np.hanning(480)])
    filters = linear_prediction(frames, 16)
    assert np.isfinite(filters).all()
    np.testing.assert_array_equal(filters[0], np.eye(17)[0])


@pytest.mark.parametrize(("rate", "order"), [(8000, 10), (16000, 16)])
def test_likelihood_ratio_is_that_of_the_quadratic_forms(rate, order):
    clean = voice(rate)
    processed = at_snr(clean, 5.0)
    values = []
    for s, p in frames_of(clean, processed, rate):
        lags = [
            np.correlate(x, x, "full")[x.size - 1 :][: order + 1]
            for x in (s, p)
        ]
        filters = [np.r_[1.0, -solve_toeplitz(r[:order], r[1:])] for r in lags]
        matrix = toeplitz(lags[0])
        left = [a @ matrix @ a for a in filters]
        values.append(np.log(left[1] / left[0]))
    assert min(values) >= 0.0
    assert log_likelihood_ratio(clean, processed, rate) == pytest.approx(
        lowest_share(values), rel=1e-7
    )
    # The two signals do not play the same part.
    assert log_likelihood_ratio(processed, clean, rate) != pytest.approx(
        lowest_share(values), rel=0.05
    )


def test_likelihood_ratio_grows_with_noise():
    clean = voice()
    ratios = [log_likelihood_ratio(clean, at_snr(clean, d)) for d in (30, 10)]
    assert 0.0 < ratios[0] < ratios[1]


def test_lowest_mean_leaves_a_twentieth_off_and_rounds_half_up():
    assert lowest_mean(np.r_[500.0, np.ones(19)]) == 1.0
    assert lowest_mean(np.arange(10.0)) == 4.5
    assert lowest_mean(np.arange(30.0)) == 14.0
    assert lowest_mean(np.array([3.0])) == 3.0


def test_bands_lie_beside_each_other_and_weigh_alike():
    assert len(CENTRES) == len(BANDWIDTHS) == 25
    np.testing.assert_allclose(np.diff(CENTRES[7:]), BANDWIDTHS[7:-1], 1e-4)
    np.testing.assert_allclose(np.diff(CENTRES[:8]), BANDWIDTHS[:7])
    bands = critical_bands(16000, 1024)
    assert bands.shape == (25, 512)
    # Whole Gaussians, all but the lowest, which begins at 0 Hz.
    sums = bands[1:].sum(axis=1)
    np.testing.assert_allclose(sums, sums.mean(), rtol=0.02)
    np.testing.assert_array_equal(
        bands.argmax(axis=1), np.floor(np.array(CENTRES) / 15.625)
    )
    np.testing.assert_allclose(bands.max(axis=1), 70.0 / np.array(BANDWIDTHS))
    # Cut off at exp(-6.513).
    assert 0.00148 < bands[bands > 0].min() < 0.0015
    # 2 bins of 15.625 Hz from the centre of the sixth band, 70 Hz wide.
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
    for centre, width in zip(CENTRES, BANDWIDTHS, strict=True):
        energy = 0.0
        middle = int(centre / rate * size)
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
    for frames in frames_of(clean, processed, rate):
        s, p = (band_levels_of(frame, rate) for frame in frames)
        weights = (weights_of(s) + weights_of(p)) / 2.0
        squared = (np.diff(s) - np.diff(p)) ** 2
        values.append(np.sum(weights * squared) / np.sum(weights))
    assert weighted_spectral_slope(clean, processed, rate) == pytest.approx(
        lowest_share(values), rel=1e-9
    )


def test_long_recordings_are_scored_in_blocks(monkeypatch):
    clean = voice()
    processed = at_snr(clean, 5.0)
    whole = [measure(clean, processed) for measure in MEASURES]
    monkeypatch.setattr(speech_frames, "_BLOCK", 10)
    blocks = [measure(clean, processed) for measure in MEASURES]
    np.testing.assert_allclose(blocks, whole, rtol=1e-9)


def test_known_values():
    time = np.arange(24000) / 16000
    clean = sum(np.sin(260 * np.pi * k * time) / k for k in range(1, 25))
    clean *= 0.2 + 0.2 * np.sin(6 * np.pi * time)
    clean += 0.003 * noise(24000)
    processed = clean + 0.05 * noise(24000, 1)
    found = [measure(clean, processed) for measure in MEASURES]
    np.testing.assert_allclose(found, KNOWN, rtol=1e-8)


def test_composite_ratings_are_linear_in_the_measures():
    clean = at_snr(voice(), 20.0)
    processed = at_snr(clean, 10.0, seed=2)
    scores = composite(clean, processed, pesq_score=2.5)
    llr = log_likelihood_ratio(clean, processed)
    wss = weighted_spectral_slope(clean, processed)
    snr = segmental_snr(clean, processed)
    assert scores[3:] == (2.5, llr, wss, snr)
    assert scores.csig == pytest.approx(
        3.093 - 1.029 * llr + 0.603 * 2.5 - 0.009 * wss
    )
    assert scores.cbak == pytest.approx(
        1.634 + 0.478 * 2.5 - 0.007 * wss + 0.063 * snr
    )
    assert scores.covl == pytest.approx(
        1.594 + 0.805 * 2.5 - 0.512 * llr - 0.007 * wss
    )
    assert all(1.0 < rating < 5.0 for rating in scores[:3])


def test_composite_ratings_stay_on_the_scale():
    clean = voice()
    assert composite(clean, clean, pesq_score=4.64)[:3] == (5.0, 5.0, 5.0)
    worst = composite(clean, noise(16000), pesq_score=-0.5)
    assert worst[:3] == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="between -0.5 and 4.65, .* 47"):
        composite(clean, clean, pesq_score=47)
    with pytest.raises(ValueError, match="received nan"):
        composite(clean, clean, pesq_score=np.nan)


def test_without_the_package_there_are_no_ratings(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    clean = voice()
    processed = at_snr(clean, 10.0)
    with pytest.raises(ImportError, match="pip install pesq"):
        pesq(clean, processed)
    scores = composite(clean, processed)
    assert scores[:4] == (None, None, None, None)
    assert scores[4:] == composite(clean, processed, pesq_score=2.0)[4:]
    report = evaluate_speech([clean], [processed])
    assert report["covl"] is None and report["pesq"] is None
    assert report["segmental_snr"] == scores.segmental_snr


@pytest.fixture
def package(monkeypatch):
    """Stands for the package `pesq`; keeps what it was called with."""
    module = types.ModuleType("pesq")
    module.calls = []

    class NoUtterancesError(RuntimeError):
        pass

    def call(*arguments):
        module.calls.append(arguments)
        if np.abs(arguments[1]).max() < 1e-3:
            raise NoUtterancesError("No utterances detected")
        return np.float32(2.5)

    module.NoUtterancesError, module.pesq = NoUtterancesError, call
    monkeypatch.setitem(sys.modules, "pesq", module)
    return module


def test_pesq_is_wide_band_at_16_khz(package):
    clean = (voice() * 30000).astype("int16")
    processed = at_snr(voice(), 10.0)
    score = pesq(clean, processed)
    assert score == 2.5 and type(score) is float
    rate, reference, degraded, mode = package.calls[0]
    assert (rate, mode) == (16000, "wb")
    np.testing.assert_array_equal(reference, clean / 32768)
    np.testing.assert_array_equal(degraded, processed)
    pesq(voice(8000), voice(8000), 8000)
    assert package.calls[1][0] == 8000 and package.calls[1][3] == "nb"
    assert composite(voice(), processed).pesq == 2.5


def test_pesq_refuses_what_it_is_not_made_for(package):
    clean = voice()
    with pytest.raises(ValueError, match="sample_rate=48000. Resample"):
        pesq(clean, clean, 48000)
    with pytest.raises(ValueError, match="sample_rate=22050. Resample"):
        composite(clean, clean, 22050)
    with pytest.raises(ValueError, match="at least 4000 samples, .* 3999"):
        pesq(clean[:3999], clean[:3999])
    assert not package.calls
    with pytest.raises(ValueError, match="found no speech"):
        pesq(1e-5 * clean, clean)
    with pytest.raises(ValueError, match="found no speech"):
        pesq(clean, np.zeros(16000))


def test_recordings_are_averaged():
    clean = [voice(seconds=1.0), voice(seconds=0.5, pitch=200)]
    processed = [at_snr(x, d) for x, d in zip(clean, (10, 20), strict=True)]
    report = evaluate_speech(clean, processed, pesq_scores=[2.0, 3.0])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    scores = [
        composite(s, p, pesq_score=q)
        for s, p, q in zip(clean, processed, (2.0, 3.0), strict=True)
    ]
    for name in scores[0]._fields:
        mean = (getattr(scores[0], name) + getattr(scores[1], name)) / 2.0
        assert report[name] == pytest.approx(mean)
    assert report["overall_snr"] == pytest.approx(15.0)
    assert report["num_recordings"] == 2 and report["sample_rate"] == 16000
    stacked = evaluate_speech(
        np.stack([voice(), voice()]), np.stack([voice(), -voice()])
    )
    assert stacked["num_recordings"] == 2


def test_an_error_names_the_recording():
    clean = voice()
    with pytest.raises(ValueError, match="Recording 1: .*NaN"):
        evaluate_speech([clean, clean], [clean, np.full(16000, np.nan)])
    with pytest.raises(ValueError, match="as many .* received 1 and 2"):
        evaluate_speech([clean, clean], [clean])
    with pytest.raises(ValueError, match="at least 1"):
        evaluate_speech([], [])
    with pytest.raises(ValueError, match="each of 1 recordings, received 2"):
        evaluate_speech([clean], [clean], pesq_scores=[1.0, 2.0])


def test_integers_are_scaled_before_they_are_subtracted():
    low = np.full(16000, -32768, "int16")
    high = np.full(16000, 32767, "int16")
    # Subtracted as int16 the difference would wrap around to 1.
    expected = -20.0 * np.log10(65535 / 32768)
    assert overall_snr(low, high) == pytest.approx(expected)
    assert segmental_snr(low, high) == pytest.approx(expected)
    clean = (voice() * 20000).astype("int16")
    processed = (at_snr(voice(), 10.0) * 20000).astype("int16")
    for measure in MEASURES:
        expected = measure(clean / 32768, processed / 32768)
        assert measure(clean, processed) == expected
        assert measure(clean.astype("int32") * 65536, processed) == expected


def test_tensors_are_taken():
    clean = voice().astype("float32")
    processed = at_snr(voice(), 10.0).astype("float32")
    tensors = map(keras.ops.convert_to_tensor, (clean, processed))
    assert segmental_snr(*tensors) == segmental_snr(clean, processed)


@pytest.mark.parametrize("measure", MEASURES)
def test_refuses_what_cannot_be_compared(measure):
    clean = voice()
    broken = clean.copy()
    broken[7] = np.nan
    with pytest.raises(ValueError, match="`processed` contain NaN .* 1 of"):
        measure(clean, broken)
    with pytest.raises(ValueError, match="16000 clean and 15999 processed"):
        measure(clean, clean[:-1])
    with pytest.raises(ValueError, match="at least 600 samples, .* 599"):
        measure(clean[:599], clean[:599])
    with pytest.raises(ValueError, match=r"\(samples\).*\(1, 16000\).* one"):
        measure(clean[None], clean[None])
    with pytest.raises(ValueError, match="received int64.* full scale is 1"):
        measure(clean, np.zeros(16000, "int64"))
    with pytest.raises(ValueError, match="received uint8"):
        measure(np.zeros(16000, "uint8"), clean)
    with pytest.raises(ValueError, match="received 4000"):
        measure(clean, clean, 4000)
    with pytest.raises(ValueError, match="integer .* received 16000.5"):
        measure(clean, clean, 16000.5)


def test_silence_has_no_overall_ratio():
    with pytest.raises(ValueError, match="silent"):
        overall_snr(np.zeros(100), np.ones(100))
