"""A folder of recordings, and wav files of every kind."""

import struct
import sys
import unicodedata
import wave

import numpy as np
import pytest
from scipy import signal
from scipy.io import wavfile

from keras_gen import data
from keras_gen.data import recordings
from keras_gen.data.wav import WavFile


def tone(rate=16_000, seconds=0.5, pitch=440, level=0.5):
    time = np.arange(round(rate * seconds)) / rate
    return level * np.sin(2 * np.pi * pitch * time)


def save(path, values, rate=16_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, values)


def encoded(values, kind):
    """Floats as the samples that a kind of wav file holds."""
    if kind == "uint8":
        return np.round(128 + 127 * values).astype("uint8")
    if kind.startswith("int"):
        return np.round(np.iinfo(kind).max * values).astype(kind)
    return values.astype(kind)


def save_24_bits(path, values):
    """Frames of shape `(time, channels)`."""
    whole = np.round((2**23 - 1) * values).astype("<i4")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(3)
        file.setframerate(16_000)
        file.writeframes(whole[..., None].view("u1")[..., :3].tobytes())


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def layout(code=1, channels=1, rate=16_000, bits=16, more=b""):
    block = channels * bits // 8
    fields = (code, channels, rate, rate * block, block, bits)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields) + more)


def riff(*chunks):
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))


# ---- Wav files --------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("uint8", 2**-7),
        ("int16", 2**-15),
        ("int24", 2**-23),
        ("int32", 2**-24),
        ("float32", 2**-24),
        ("float64", 2**-24),
    ],
)
def test_samples_of_every_kind(tmp_path, kind, step, channels):
    values = np.stack([tone(), tone(pitch=300)], axis=1)[:, :channels]
    path = tmp_path / "größe 1.wav"
    if kind == "int24":
        save_24_bits(path, values)
    else:
        save(path, encoded(values, kind))
    found = data.read_wav(path)
    assert found.shape == (8000,) and found.dtype == np.float32
    np.testing.assert_allclose(found, values.mean(axis=1), rtol=0, atol=step)
    np.testing.assert_array_equal(data.read_wav(str(path)), found)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("uint8", [0, 128, 255], [-1, 0, 127 / 128]),
        ("int16", [-(2**15), 1, 2**14], [-1, 2**-15, 0.5]),
        ("int32", [-(2**31), 2**16, 2**30], [-1, 2**-15, 0.5]),
        ("float32", [-1.5, 0.25, 1.5], [-1, 0.25, 1]),
    ],
)
def test_full_scale_is_one_and_more_is_clipped(
    tmp_path, kind, values, expected
):
    save(tmp_path / "a.wav", np.array(values, kind))
    np.testing.assert_array_equal(data.read_wav(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 48_000])
def test_other_sample_rates_keep_pitch_and_level(tmp_path, rate):
    save(tmp_path / "a.wav", tone(rate, pitch=1000).astype("float32"), rate)
    found = data.read_wav(tmp_path / "a.wav")
    assert len(found) == 8000
    inner = slice(500, -500)
    expected = tone(pitch=1000)
    np.testing.assert_allclose(found[inner], expected[inner], atol=2e-3)
    # What the lower rate cannot hold is gone, not folded.
    save(tmp_path / "b.wav", tone(48_000, pitch=11_000), 48_000)
    assert np.abs(data.read_wav(tmp_path / "b.wav")[inner]).max() < 5e-3
    other = data.read_wav(tmp_path / "a.wav", sample_rate=rate)
    np.testing.assert_allclose(other, tone(rate, pitch=1000), atol=1e-6)


def test_extensible_and_unknown_chunks(tmp_path):
    values = np.round(2**15 * tone()).astype("<i2")
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    more = struct.pack("<HHI", 22, 16, 4) + guid
    for place, file in enumerate(
        [
            riff(
                layout(0xFFFE, more=more),
                chunk(b"LIST", b"odd"),
                chunk(b"data", values.tobytes()),
                chunk(b"id3 ", b"at the end"),
            ),
            riff(layout(), chunk(b"data", values.tobytes())) + b"rest",
        ]
    ):
        path = tmp_path / f"{place}.WAV"
        path.write_bytes(file)
        np.testing.assert_array_equal(data.read_wav(path), values / 2**15)


SAMPLES = chunk(b"data", bytes(range(200)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin as a wav file"),
        (b"ID3 some other sound", "does not begin as a wav file"),
        (b"RIFF\0\0\0\0AVI LIST", "does not begin as a wav file"),
        (riff(layout()), "ends before its samples"),
        (riff(layout())[:20], "ends before its samples"),
        (riff(SAMPLES), "does not say the format"),
        (riff(layout(), SAMPLES)[:-20], "ends after 180 of 200 bytes"),
        (riff(layout(), chunk(b"data", b"")), "has no samples"),
        (riff(layout(channels=0, bits=16), SAMPLES), "has no channel"),
        (riff(layout(rate=0), SAMPLES), "no sample rate"),
        (riff(layout(code=7, bits=8), SAMPLES), "of format 7 and 8 bits"),
        (riff(layout(code=3), SAMPLES), "of format 3 and 16 bits"),
        (
            riff(layout(3, bits=32), chunk(b"data", struct.pack("<f", 9999))),
            "full scale is not 1",
        ),
        (
            riff(layout(3, bits=32), chunk(b"data", struct.pack("<f", np.nan))),
            "not finite",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, content, words):
    path = tmp_path / "some take.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        data.read_wav(path)
    said = str(caught.value)
    assert words in said and f"Received: {str(path)!r}" in said
    assert said.startswith("Each recording must be a readable wav file.")


def test_missing_files_and_packages_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="none.wav': .*No such file"):
        data.read_wav(tmp_path / "none.wav")
    save(tmp_path / "a.wav", encoded(tone(8000), "int16"), 8000)
    with pytest.raises(ValueError, match="`sample_rate` must be an integer"):
        data.read_wav(tmp_path / "a.wav", sample_rate=0)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert len(data.read_wav(tmp_path / "a.wav", 8000)) == 4000
    with pytest.raises(ImportError, match=r"-e '\.\[recipes\]'"):
        data.read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_what_is_written_is_read(tmp_path, rate):
    values = np.random.default_rng(0).uniform(-1, 1 - 2**-15, 5000)
    path = tmp_path / "new folder" / "ноты.wav"
    data.write_wav(path, values, rate)
    found = data.read_wav(path, rate)
    assert np.abs(found - values).max() <= 2**-16 + 1e-9
    data.write_wav(path, found[:, None], rate)
    np.testing.assert_array_equal(data.read_wav(path, rate), found)
    given, whole = wavfile.read(path)
    assert given == rate and whole.dtype == np.int16
    np.testing.assert_array_equal(whole / 2**15, found)
    data.write_wav(path, np.array([-2.0, -1.0, 1.0, 2.0]))
    _, whole = wavfile.read(path)
    np.testing.assert_array_equal(whole, [-32768, -32768, 32767, 32767])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((10, 2)), r"shape \(10, 2\)"),
        (np.zeros(10, "int16"), "dtype int16"),
        (np.array([0.0, np.nan, np.inf]), "in 2 of 3 values"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, values, words):
    with pytest.raises(ValueError, match=f"`signal` must be.*{words}"):
        data.write_wav(tmp_path / "a.wav", values)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_parts_are_as_in_the_whole(tmp_path, rate):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, rate + 77)
    save(tmp_path / "a.wav", noise.astype("float32"), rate)
    file = WavFile(tmp_path / "a.wav", 16_000)
    whole = signal.resample_poly(noise, file.up, file.down)
    assert file.samples == len(whole)
    for start in (0, 1, 160, 5001, 15_000):
        found = file.read(start, 1000)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            found, whole[start : start + 1000], atol=1e-6
        )
    tail = file.read(file.samples - 10, 1000)
    np.testing.assert_allclose(tail, whole[-10:], atol=1e-6)


# ---- Folders ----------------------------------------------------------------


def ramp(samples, first=0):
    """16-bit samples that count."""
    return (first + np.arange(samples)).astype("int16")


def first_samples(dataset):
    return [
        tuple(round(2**15 * float(row[role][0, 0])) for role in row)
        for row in dataset
    ]


PLACES = [
    ("noisy/{}", "clean/{}"),
    ("train/noisy/{}", "train/clean/{}"),
    ("noisy/train/{}", "clean/train/{}"),
    ("Noisy/sub/{}", "Clean/sub/{}"),
    ("noisy_train/{}", "clean_train/{}"),
    ("noisy_trainset_wav/{}", "clean_trainset_wav/{}"),
    ("noisy_trainset_28spk_wav/{}", "clean_trainset_28spk_wav/{}"),
]


@pytest.mark.parametrize(("noisy", "clean"), PLACES)
def test_folders_of_pairs(tmp_path, noisy, clean):
    for name, first in (("b 2.wav", 300), ("речь.wav", 500), ("a.wav", 100)):
        save(tmp_path / noisy.format(name), ramp(40, first))
        save(tmp_path / clean.format(name), ramp(40, first + 1))
    (tmp_path / "readme.txt").write_text("no recording")
    found = data.load("recordings", data_dir=tmp_path, length=40)
    assert first_samples(found) == [(100, 101), (300, 301), (500, 501)]
    row = next(iter(found))
    assert list(row) == ["noisy", "clean"]
    assert row["clean"].shape == (40, 1) and row["clean"].dtype == "float32"
    assert found.element_spec["noisy"].shape == (40, 1)


def test_splits(tmp_path):
    for split, count in {"train": 3, "test": 2}.items():
        for role in ("noisy", "clean"):
            for i in range(count):
                folder = tmp_path / f"{role}_{split}set_wav"
                save(folder / f"{i}.wav", ramp(100))
    sizes = data.split_sizes("recordings", data_dir=tmp_path, length=40)
    assert sizes == {"train": 12, "test": 8, "all": 20}
    part = data.load("recordings", "test[:3]", data_dir=tmp_path, length=40)
    assert int(part.cardinality()) == 3
    sizes = data.split_sizes("recordings", data_dir=tmp_path)
    assert sizes == {"train": 3, "test": 2, "all": 5}


@pytest.mark.parametrize("samples", [1, 39, 40, 59, 60, 61, 100, 119, 120])
def test_windows_overlap_by_one_half(tmp_path, samples):
    for role, first in (("noisy", 1), ("clean", 1001)):
        save(tmp_path / role / "a.wav", ramp(samples, first))
    found = list(data.load("recordings", data_dir=tmp_path, length=40))
    expected = max(1, (samples - 40) // 20 + 1)
    assert len(found) == expected
    for place, row in enumerate(found):
        for role, first in (("noisy", 1), ("clean", 1001)):
            window = np.zeros(40)
            part = (ramp(samples, first) / 2**15)[20 * place : 20 * place + 40]
            window[: len(part)] = part
            np.testing.assert_array_equal(row[role][:, 0], window)


def test_pairs_may_differ_by_one_sample(tmp_path):
    """By which the longer one is cut; and in how their names are written."""
    save(tmp_path / "noisy" / unicodedata.normalize("NFC", "é.wav"), ramp(60))
    save(tmp_path / "clean" / unicodedata.normalize("NFD", "é.wav"), ramp(59))
    sizes = data.split_sizes("recordings", data_dir=tmp_path, length=40)
    assert sizes["train"] == 1


def test_windows_are_counted_from_headers(tmp_path, monkeypatch):
    """At the rate they are resampled to, which may round up."""
    for role, samples in (("noisy", 3001), ("clean", 3003)):
        save(tmp_path / role / "a.wav", ramp(samples), 48_000)
    monkeypatch.setattr(WavFile, "_decode", None)
    sizes = data.split_sizes("recordings", data_dir=tmp_path, length=100)
    assert sizes["train"] == (1001 - 100) // 50 + 1
    source = recordings.build(tmp_path, 100, sample_rate=24_000)
    assert len(source.splits["train"]) == (1501 - 100) // 50 + 1


def test_other_rates_and_channels_within_a_pair(tmp_path):
    stereo = np.stack([tone(48_000), tone(48_000)], axis=1)
    save(tmp_path / "noisy/a.wav", stereo.astype("float32"), 48_000)
    save(tmp_path / "clean/a.wav", encoded(tone(), "int16"))
    for row in data.load("recordings", data_dir=tmp_path, length=2000):
        inner = slice(50, -50)
        np.testing.assert_allclose(
            row["noisy"][inner], row["clean"][inner], atol=2e-3
        )


def test_a_pipeline_of_windows(tmp_path):
    for role, first in (("noisy", 0), ("clean", 5000)):
        save(tmp_path / role / "a.wav", ramp(1000, first))
    found = data.load("recordings", data_dir=tmp_path, length=100)
    made = data.pipeline(found, 19, features=("noisy", "clean"), seed=1)
    for x, y in made.dataset.take(2):
        assert x.shape == y.shape == (19, 100, 1)
        np.testing.assert_allclose(y - x, 5000 / 2**15, atol=1e-6)
        starts = 2**15 * x.numpy()[:, 0, 0]
        np.testing.assert_allclose(np.sort(starts), np.arange(0, 950, 50))
        assert not np.allclose(np.sort(starts), starts)


def refused(folder, **options):
    with pytest.raises(ValueError) as caught:
        data.load("recordings", data_dir=folder, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "which holds none"),
        (("a.wav",), "a.wav' outside of them"),
        (("set/noisy/a.wav", "set/clean/a.wav"), "pass the folder that holds"),
        (("noisy/a.wav",), "'train' has none in clean"),
        (("test/clean/a.wav",), "'test' has none in noisy"),
        (("noisy/a.wav", "clean/b.wav"), "noisy/a.wav' without its other (1 "),
        (
            ("noisy/a.wav", "clean/a.wav", "clean/b b.wav"),
            "clean/b b.wav' without its other",
        ),
        (
            ("noisy/a.wav", "clean/a.wav", "clean/a.WAV"),
            "must differ in their names",
        ),
        (
            ("noisy/a.wav", "clean/a.wav", "test/noisy/a.wav"),
            "clean/a.wav' beside them",
        ),
    ],
)
def test_folders_that_mean_something_else_are_refused(tmp_path, files, words):
    for file in files:
        save(tmp_path / file, ramp(10))
    assert words in refused(tmp_path)


def test_what_is_wrong_is_named(tmp_path):
    assert "folder of recordings. Received: data_dir=None" in refused(None)
    assert "/missing', which is no folder" in refused(tmp_path / "missing")
    for role, samples in (("noisy", 100), ("clean", 101)):
        save(tmp_path / role / "a.wav", ramp(samples))
    data.load("recordings", data_dir=tmp_path)
    save(tmp_path / "clean/a.wav", ramp(102))
    said = refused(tmp_path)
    assert "noisy/a.wav' of 100 samples and" in said
    assert "clean/a.wav' of 102" in said
    (tmp_path / "clean/a.wav").write_bytes(b"no sound")
    assert "clean/a.wav': it does not begin" in refused(tmp_path)
    assert "`image_size` must be None" in refused(tmp_path, image_size=8)
    assert "`channels` must be None" in refused(tmp_path, channels=1)
    assert "`length` must be an integer" in refused(tmp_path, length=0)


def test_files_that_change_are_named(tmp_path):
    for role in ("noisy", "clean"):
        save(tmp_path / role / "a.wav", ramp(100))
    found = data.load("recordings", data_dir=tmp_path, length=40)
    save(tmp_path / "noisy/a.wav", ramp(10))
    with pytest.raises(Exception, match="noisy/a.wav': it has become shorter"):
        list(found)
