"""The embedded speech: its voices, its noises, and their ratio."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_gen import data
from keras_gen.data import SPEECH_NOISES, pipelines, speech

RATE = 16_000
LENGTH = 8192
COUNT = 160


@functools.lru_cache
def renderer(length, seed):
    spec = tf.TensorSpec([None], "int64")
    return tf.function(speech.build(length, seed).gather, [spec])


def rendered(indices, length=LENGTH, seed=0):
    found = renderer(length, seed)(tf.constant(indices, "int64"))
    return {name: value.numpy() for name, value in found.items()}


@pytest.fixture(scope="module")
def windows():
    """Some windows as float64 arrays, with their noise."""
    found = rendered(np.arange(COUNT))
    for name in ("noisy", "clean"):
        found[name] = found[name][..., 0].astype("float64")
    found["added"] = found["noisy"] - found["clean"]
    return found


@pytest.fixture(scope="module")
def short():
    """A data set of short windows."""
    return data.load("speech", "test[:100]", length=512)


def of_kind(windows, kind, name="added"):
    return windows[name][windows["noise"] == SPEECH_NOISES.index(kind)]


def frames(signals, size):
    """Windowed frames that overlap by one half."""
    views = np.lib.stride_tricks.sliding_window_view(signals, size, axis=-1)
    return views[:, :: size // 2] * np.hanning(size + 2)[1:-1]


def spectrum(signals, size=1024):
    """The frequencies, and the mean power at each, all powers being 1."""
    signals = signals / signals.std(axis=-1, keepdims=True)
    power = np.abs(np.fft.rfft(frames(signals, size))) ** 2
    return np.fft.rfftfreq(size, 1 / RATE), power.mean(axis=(0, 1))


def test_features(short):
    for length, dataset in ((16_384, data.load("speech")), (512, short)):
        assert dataset.element_spec == {
            "noisy": tf.TensorSpec((length, 1), "float32"),
            "clean": tf.TensorSpec((length, 1), "float32"),
            "snr": tf.TensorSpec((), "float32"),
            "noise": tf.TensorSpec((), "int64"),
        }
    assert next(iter(short))["clean"].shape == (512, 1)
    sizes = {"train": 20_000, "test": 2_000, "all": 22_000}
    assert data.split_sizes("speech") == sizes


def test_windows_are_functions_of_the_seed_and_the_index():
    together = rendered([3, 21_999, 4])
    again = rendered([4, 0, 7, 3, 5])
    for name, values in together.items():
        np.testing.assert_array_equal(values[[0, 2]], again[name][[3, 0]])
    for other in (rendered([3], seed=1), rendered([5])):
        assert not np.allclose(other["clean"][0], together["clean"][0])
        assert not np.allclose(other["noisy"][0], together["noisy"][0])


def test_splits_are_disjoint(windows):
    splits = speech.build(256, 0).splits
    assert not set(splits["train"]) & set(splits["test"])
    first = rendered(splits["test"][:1])["clean"][0, :, 0]
    product = windows["clean"] @ first / np.linalg.norm(first)
    product /= np.linalg.norm(windows["clean"], axis=1)
    assert np.abs(product).max() < 0.5


def test_the_ratio_is_exact_and_fills_its_range(windows):
    power = {
        name: np.mean(windows[name] ** 2, axis=1) for name in ("clean", "added")
    }
    found = 10 * np.log10(power["clean"] / power["added"])
    np.testing.assert_allclose(found, windows["snr"], atol=1e-3)
    assert 0 <= windows["snr"].min() < 0.5 and 9.5 < windows["snr"].max() <= 10
    assert windows["snr"].mean() == pytest.approx(5, abs=1)


def test_nothing_is_clipped(windows):
    peaks = [np.abs(windows[name]).max(axis=1) for name in ("noisy", "clean")]
    loudest = np.max(peaks, axis=0)
    assert 0.4 <= loudest.min() < 0.45 and 0.9 < loudest.max() <= 0.95 + 1e-6


def test_all_noises_are_as_frequent(windows):
    counts = np.bincount(windows["noise"], minlength=len(SPEECH_NOISES))
    assert len(counts) == 4
    # Within 3.5 standard deviations of the binomial distribution.
    assert np.abs(counts - COUNT / 4).max() < 3.5 * np.sqrt(COUNT * 3 / 16)


def test_the_fundamental_frequency_can_be_measured(windows):
    """The period of the loudest frame, by the normalized autocorrelation."""
    size, lags = 512, np.arange(32, 320)
    found = []
    for signal in windows["clean"]:
        views = np.lib.stride_tricks.sliding_window_view(signal, size + 320)
        views = views[::128]
        frame = views[np.argmax((views**2).sum(axis=1))]
        start = frame[:size]
        later = np.stack([frame[lag : lag + size] for lag in lags])
        similar = later @ start / np.linalg.norm(later, axis=1)
        similar /= np.linalg.norm(start)
        # Multiples of the period are as similar, but for the drift.
        first = np.flatnonzero(similar > 0.95 * similar.max())[0]
        peak = first + np.argmax(similar[first : first + 16])
        found.append((RATE / lags[peak], similar[peak]))
    pitch, similar = np.transpose(found)
    assert np.median(similar) > 0.95
    assert 78 < pitch.min() < 95 and 220 < pitch.max() < 255


def test_the_fundamental_frequency_drifts():
    """By a tenth to both sides, as the phases of the pulses have it."""
    time = tf.range(2 * RATE, dtype="float32") / RATE
    draws = iter(tf.constant([[[0.5]], [[0.0]], [[0.0]]]))
    pulses = speech._pulses(time, tf.constant([[150.0]]), draws).numpy()[0]
    at = np.flatnonzero(
        (pulses[1:-1] > pulses[:-2]) & (pulses[1:-1] >= pulses[2:])
    )
    pitch = RATE / np.diff(at)
    assert pitch.min() == pytest.approx(150 * 0.9, rel=0.02)
    assert pitch.max() == pytest.approx(150 * 1.1, rel=0.02)


def test_pulses_are_the_sum_of_their_harmonics():
    time = tf.range(1000, dtype="float32") / RATE
    draws = iter(tf.constant([[[0.5]], [[0.25]], [[0.1]]]))
    found = speech._pulses(time, tf.constant([[100.0]]), draws).numpy()[0]
    t = np.arange(1000) / RATE
    swing = 2 * np.pi * (1.75 * t + 0.25)
    phase = 100 * (t + 0.1 * np.sin(swing) / (2 * np.pi * 1.75)) + 0.1
    fall = 100 * (1 + 0.1 * np.cos(swing)) / speech._TILT
    expected = sum(
        np.exp(-k * fall) * np.cos(2 * np.pi * k * phase) for k in range(1, 600)
    )
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_resonances_are_the_formants_of_vowels():
    tracts, *_ = speech._filters(RATE)
    rows = np.abs(tracts).reshape(len(speech._TRACTS), len(speech._VOWELS), -1)
    for scale, vowels in zip(speech._TRACTS, rows, strict=True):
        for formants, row in zip(speech._VOWELS, vowels, strict=True):
            inner = row[1:-1]
            peaks = 1 + np.flatnonzero((inner > row[:-2]) & (inner >= row[2:]))
            for formant in scale * np.array(formants):
                assert np.abs(peaks - formant).min() < 0.03 * formant + 25
        np.testing.assert_allclose((vowels**2).mean(axis=-1), 1, rtol=1e-5)


def test_vowels_change_within_a_window(windows):
    """The spectral envelopes of loud frames differ within a window."""
    changes = []
    for signal in windows["clean"][:60]:
        parts = frames(signal[None], 512)[0]
        level = (parts**2).sum(axis=1)
        parts = parts[level > 0.1 * level.max()]
        power = np.abs(np.fft.rfft(parts)[:, :96]) ** 2
        bands = np.log(power.reshape(len(parts), 12, 8).sum(axis=-1))
        changes.append(bands.std(axis=0).max())
    assert np.mean(np.array(changes) > 1.0) > 0.8


def test_there_are_pauses(windows):
    """40 dB below the window's level, in most, for 20 ms at least."""
    level = np.sqrt(np.mean(windows["clean"] ** 2, axis=1, keepdims=True))
    views = windows["clean"][:, : LENGTH // 320 * 320].reshape(COUNT, -1, 320)
    quiet = np.sqrt((views**2).mean(axis=-1)) < 0.01 * level
    assert quiet.any(axis=1).mean() > 0.8
    assert 0.15 < quiet.mean() < 0.6


def test_short_windows_are_no_pauses():
    time = tf.range(256, dtype="float32") / RATE
    draws = iter(np.random.default_rng(0).random((3, 500, 1), "float32"))
    levels, _ = speech._syllables(time, 256, (0, 1), draws)
    assert levels.numpy().max(axis=1).min() > 0.99


def test_hisses_come_where_voices_rest(windows):
    """Frames with most of their power above 2.5 kHz, in some windows."""
    parts = frames(windows["clean"], 256)
    power = np.abs(np.fft.rfft(parts)) ** 2
    level = np.sqrt(np.mean(windows["clean"] ** 2, axis=1, keepdims=True))
    loud = np.sqrt((parts**2).mean(axis=-1)) > 0.02 * level
    high = power[..., 40:].sum(axis=-1) > 0.8 * power.sum(axis=-1)
    assert 0.2 < (loud & high).any(axis=1).mean() < 0.9


def test_noises_have_the_spectra_of_their_kinds(windows):
    frequency, white = spectrum(of_kind(windows, "white"))
    band = (frequency > 100) & (frequency < 7500)
    octaves = np.log2(frequency[band])

    def slope(power):
        return np.polyfit(octaves, 10 * np.log10(power[band]), 1)[0]

    # In dB for each octave.
    assert slope(white) == pytest.approx(0, abs=0.2)
    _, pink = spectrum(of_kind(windows, "pink"))
    assert slope(pink) == pytest.approx(-10 * np.log10(2), abs=0.2)
    _, hum = spectrum(of_kind(windows, "hum"))
    assert hum[frequency < 1100].sum() > 0.99 * hum.sum()
    _, babble = spectrum(of_kind(windows, "babble"))
    _, voice = spectrum(windows["clean"])
    voiced = (frequency > 100) & (frequency < 4000)
    for power, near in ((babble, True), (pink, False), (hum, False)):
        apart = 10 * np.log10(power[voiced] / voice[voiced])
        assert (np.abs(apart).mean() < 3) == near
    assert babble[frequency < 1000].sum() < 0.98 * babble.sum()


def test_a_hum_has_few_lines_and_wavers(windows):
    hums = of_kind(windows, "hum")
    power = np.abs(np.fft.rfft(hums * np.hanning(LENGTH))) ** 2
    power = np.sort(power, axis=1)[:, ::-1]
    # Twelve lines, each with its side bands.
    few = power[:, :120].sum(axis=1) / power.sum(axis=1)
    assert few.min() > 0.95
    whites = of_kind(windows, "white")

    def wavering(signals):
        level = frames(signals, 1024).std(axis=-1)
        return np.median(level.std(axis=1) / level.mean(axis=1))

    assert wavering(hums) > 0.15 > wavering(whites)


def test_babble_is_of_several_voices(windows):
    """It has hardly a pause, in contrast to one voice."""

    def pauses(signals):
        level = frames(signals, 512).std(axis=-1)
        return (level < 0.03 * level.max(axis=1, keepdims=True)).mean()

    assert pauses(of_kind(windows, "babble")) < 0.03
    assert pauses(of_kind(windows, "babble", "clean")) > 0.2


def test_noise_differs_from_window_to_window(windows):
    for kind in SPEECH_NOISES:
        noise = of_kind(windows, kind)
        noise = noise / np.linalg.norm(noise, axis=1, keepdims=True)
        products = noise @ noise.T - np.eye(len(noise))
        assert np.abs(products).max() < 0.8, kind
        clean = of_kind(windows, kind, "clean")
        clean = clean / np.linalg.norm(clean, axis=1, keepdims=True)
        assert np.abs((noise * clean).sum(axis=1)).mean() < 0.1, kind


def test_a_pipeline_passes_signals_through(short, monkeypatch):
    made = data.pipeline(short, 4, features=("noisy", "clean"), shuffle=False)
    x, y = next(iter(made.dataset))
    assert x.shape == y.shape == (4, 512, 1) and x.dtype == "float32"
    rows = list(short.take(4))
    np.testing.assert_array_equal(x, [row["noisy"] for row in rows])
    np.testing.assert_array_equal(y, [row["clean"] for row in rows])
    # As windows are rendered when they are used, of many.
    monkeypatch.setattr(pipelines, "_RENDERED", 0)
    made = data.pipeline(
        short, 4, features=("snr", "clean", "noisy"), shuffle=False
    )
    batch = next(iter(made.dataset))
    np.testing.assert_array_equal(batch["noisy"], x)
    np.testing.assert_array_equal(batch["clean"], y)
    assert batch["snr"].shape == (4,)


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": 64},
        {"value_range": (-1, 1)},
        {"binarize": "threshold"},
        {"dequantize": True},
        {"augment": ("flip",)},
    ],
)
def test_what_changes_images_is_refused(short, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be left out where"):
        data.pipeline(short, 2, features="noisy", **options)


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="`image_size` must be None for 'sp"):
        data.load("speech", image_size=64)
    with pytest.raises(ValueError, match="`channels` must be None.*'speech'"):
        data.load("speech", channels=1)
    for length in (1, 0.5, "long"):
        with pytest.raises(ValueError, match="`length` must be an integer of"):
            data.load("speech", length=length)
    with pytest.raises(ValueError, match="`length`.*speech, record.*'digits'"):
        data.load("digits", length=4096)
