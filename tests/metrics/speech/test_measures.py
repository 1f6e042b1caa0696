import json
import sys
import types

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz, toeplitz

from keras_gen.metrics.speech import frames
from keras_gen.metrics.speech.measures import (
    composite,
    evaluate_speech,
    log_likelihood_ratio,
    overall_snr,
    pesq,
    segmental_snr,
    weighted_spectral_slope,
)
from tests.metrics.speech.signals import (
    at_snr,
    frames_of,
    lowest_95_percent,
    noise,
    voice,
)

MEASURES = (segmental_snr, log_likelihood_ratio, weighted_spectral_slope)
# Of the signals in `test_known_values`, by an independent implementation whose
# figures are those of the authors' program on recordings.
KNOWN = (8.32081090252819, 2.0300830360158573, 12.162594726398504)


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
        lowest_95_percent(values), rel=1e-7
    )
    # The two signals do not play the same part.
    assert log_likelihood_ratio(processed, clean, rate) != pytest.approx(
        lowest_95_percent(values), rel=0.05
    )


def test_likelihood_ratio_grows_with_noise():
    clean = voice()
    ratios = [log_likelihood_ratio(clean, at_snr(clean, d)) for d in (30, 10)]
    assert 0.0 < ratios[0] < ratios[1]


def test_long_recordings_are_scored_in_blocks(monkeypatch):
    clean = voice()
    processed = at_snr(clean, 5.0)
    whole = [measure(clean, processed) for measure in MEASURES]
    monkeypatch.setattr(frames, "_BLOCK", 10)
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
    with pytest.raises(ValueError, match="from -0.5 to 4.65. .*pesq_score=47"):
        composite(clean, clean, pesq_score=47)
    with pytest.raises(ValueError, match="pesq_score=nan"):
        composite(clean, clean, pesq_score=np.nan)


def test_without_the_package_there_are_no_ratings(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    clean = voice()
    processed = at_snr(clean, 10.0)
    with pytest.raises(
        ImportError, match=r"pesq.*pip install -e '\.\[speech\]'"
    ):
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
    with pytest.raises(
        ValueError, match=r"at least 4000 samples. .*\(clean\)=3999"
    ):
        pesq(clean[:3999], clean[:3999])
    assert not package.calls
    with pytest.raises(ValueError, match="must hold speech"):
        pesq(1e-5 * clean, clean)
    with pytest.raises(ValueError, match="must hold speech"):
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
    with pytest.raises(ValueError, match="as many .* 2 clean and 1 processed"):
        evaluate_speech([clean, clean], [clean])
    with pytest.raises(ValueError, match="at least 1"):
        evaluate_speech([], [])
    with pytest.raises(ValueError, match="2 scores for 1 recordings"):
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


@pytest.mark.parametrize("measure", MEASURES)
def test_refuses_what_cannot_be_compared(measure):
    clean = voice()
    broken = clean.copy()
    broken[7] = np.nan
    with pytest.raises(ValueError, match="`processed` must be finite.* 1 of"):
        measure(clean, broken)
    with pytest.raises(ValueError, match="16000 clean and 15999 processed"):
        measure(clean, clean[:-1])
    with pytest.raises(ValueError, match="at least 600 samples. .*=599"):
        measure(clean[:599], clean[:599])
    with pytest.raises(ValueError, match=r"\(samples\).*\(1, 16000\).* one"):
        measure(clean[None], clean[None])
    with pytest.raises(ValueError, match="dtype=int64.* full scale is 1"):
        measure(clean, np.zeros(16000, "int64"))
    with pytest.raises(ValueError, match="dtype=uint8"):
        measure(np.zeros(16000, "uint8"), clean)
    with pytest.raises(ValueError, match="sample_rate=4000"):
        measure(clean, clean, 4000)
    with pytest.raises(ValueError, match="integer .*sample_rate=16000.5"):
        measure(clean, clean, 16000.5)


def test_silence_has_no_overall_ratio():
    with pytest.raises(ValueError, match="silent"):
        overall_snr(np.zeros(100), np.ones(100))
