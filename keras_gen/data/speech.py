"""Speech: synthetic voices at 16 kHz, clean and in noise.

A voice is a train of pulses, whose fundamental frequency drifts between 80
and 250 Hz, through the resonances of a vocal tract, which change between a few
vowels. It speaks in syllables of different levels, with pauses between them
and in place of some, and hisses before some. The vowels' formants are those of
G. E. Peterson and H. L. Barney, Control methods used in a study of the vowels,
1952, scaled to vocal tracts of several lengths.

The noise is white; pink; babble, the sum of other such voices; or a hum, the
low harmonics of an engine whose loudness wavers. The signal-to-noise ratio is
exact: ten times the decimal logarithm of the ratio of the mean squares of the
clean signal and the noise, over the window.

Windows are rendered when they are asked for, of any length, one at a time: a
window is a function of the seed and its index alone.
"""

import math

import numpy as np
import tensorflow as tf

from keras_gen.data import checks, seeds, sources
from keras_gen.data.splits import consecutive

SPEECH_NOISES = ("white", "pink", "babble", "hum")
_RATE = 16_000
_LENGTH = 16_384
_TRAIN, _TEST = 20_000, 2_000
_SNR = (0.0, 10.0)
_PEAK = (0.4, 0.95)

# The frequencies of the first three formants; the others are those of all.
_VOWELS = (
    (270, 2290, 3010),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (300, 870, 2240),
)
_HIGHER = (3500, 4500)
_BANDWIDTHS = (80, 100, 140, 200, 250)
_TRACTS = np.linspace(0.95, 1.25, 12)
# The centers and widths of hisses, and their level next to vowels.
_HISSES = ((3000, 500), (4500, 900), (6000, 1200))
_HISS_LEVEL = 0.15
# The harmonics of a pulse fall by a factor of e in so many Hz, so that they
# have vanished where they would alias.
_TILT = 2000.0
_FUNDAMENTAL = (90.0, 225.0)
_DRIFT = 0.1
# Vowels of a window, which are visited in turn, and syllables, whose levels
# repeat after so many.
_SLOTS = 4
_SYLLABLES = 32
_BABBLERS = 6
_HUM_HARMONICS = 12
# How much pink noise there is in a hum.
_FLOOR = 0.05
# Samples ahead of the window, where resonances wrap around.
_LEAD = 512
# The purpose of the draws, for `seeds.fold`.
_SPEECH = 20


def build(length: int | None, seed: int) -> sources.Source:
    """Builds the `speech` source.

    Args:
        length: Integer. The samples of a window, or `None` for 16,384.
        seed: Integer. The seed of all windows.

    Returns:
        A `Source` of `noisy` and `clean` (float32 of shape `(length, 1)`, in
        [-1, 1]), `snr` (float32, in dB, from 0 to 10) and `noise` (int64, the
        index in `SPEECH_NOISES`), with splits `train` of 20,000 and `test` of
        2,000 windows, and `all`.

    Raises:
        ValueError: If the length is not an integer of at least 2.
    """
    length = _LENGTH if length is None else length
    checks.check_integers(2, length=length)
    render = _renderer(int(length), seed)
    spec = {
        "noisy": tf.TensorSpec((length, 1), "float32"),
        "clean": tf.TensorSpec((length, 1), "float32"),
        "snr": tf.TensorSpec((), "float32"),
        "noise": tf.TensorSpec((), "int64"),
    }

    def gather(indices):
        return tf.map_fn(render, indices, fn_output_signature=spec)

    splits = consecutive({"train": _TRAIN, "test": _TEST})
    return sources.Source(splits, gather=gather)


def _renderer(length, seed):
    """A function from an index to the features of a window."""
    size = _LEAD + length
    with tf.device("CPU:0"):
        tracts, hisses, colored = map(tf.constant, _filters(size))
        time = tf.range(-_LEAD, length, dtype="float32") / _RATE

    def filtered(rows, responses):
        spectra = tf.signal.rfft(rows) * responses
        return tf.signal.irfft(tf.reduce_sum(spectra, axis=0), [size])

    def white(key):
        return tf.random.stateless_normal([size], key, alg=seeds.ALGORITHM)

    def pink(key):
        return filtered(white(key)[None], colored)

    def voices(key, count):
        """The parts of voices, by their filters, and their levels of hiss."""
        keys = _keys(key, 3)
        draws = iter(tf.unstack(seeds.uniform(keys[0], (10, count, 1))))
        pitch = next(draws)
        pulses = _pulses(time, _between(_FUNDAMENTAL, pitch), draws)
        levels, hissed = _syllables(time, length, keys[1], draws)
        parts = _visits(time, draws) * (levels * pulses)[:, None]
        vowels = seeds.indices(keys[2], count * _SLOTS, len(_VOWELS))
        # High voices have short tracts.
        tract = tf.round(
            (len(_TRACTS) - 1) * (0.75 * pitch + 0.25 * next(draws))
        )
        tract = tf.repeat(tract[:, 0], _SLOTS)
        responses = tf.gather(
            tracts, len(_VOWELS) * tf.cast(tract, "int64") + vowels
        )
        return tf.reshape(parts, (-1, size)), responses, hissed

    def speech(key):
        keys = _keys(key, 3)
        parts, responses, hissed = voices(keys[0], 1)
        kind = seeds.indices(keys[1], 1, len(_HISSES))
        parts = tf.concat([parts, hissed * white(keys[2])], axis=0)
        responses = tf.concat([responses, tf.gather(hisses, kind)], axis=0)
        return filtered(parts, responses)

    def babble(key):
        parts, responses, _ = voices(key, _BABBLERS)
        return filtered(parts, responses)

    def hum(key):
        keys = _keys(key, 2)
        return _hum(time, keys[0]) + _FLOOR * pink(keys[1])

    makers = {"white": white, "pink": pink, "babble": babble, "hum": hum}

    def render(index):
        keys = _keys(seeds.fold(seed, _SPEECH, index), 4)
        kind = seeds.indices(keys[0], 1, len(SPEECH_NOISES))[0]
        snr, peak = tf.unstack(seeds.uniform(keys[1], (2,)))
        snr = _between(_SNR, snr)
        clean = speech(keys[2])[_LEAD:]
        noise = tf.switch_case(
            tf.cast(kind, "int32"),
            [lambda m=makers[name]: m(keys[3]) for name in SPEECH_NOISES],
        )[_LEAD:]
        ratio = tf.reduce_mean(clean**2) / tf.reduce_mean(noise**2)
        noisy = clean + tf.sqrt(ratio * 10.0 ** (-snr / 10.0)) * noise
        loudest = tf.reduce_max(tf.abs([clean, noisy]))
        gain = _between(_PEAK, peak) / loudest
        return {
            "noisy": (gain * noisy)[:, None],
            "clean": (gain * clean)[:, None],
            "snr": snr,
            "noise": kind,
        }

    return render


def _filters(size):
    """Frequency responses: of tracts by vowels, of hisses, of pink noise."""
    frequency = np.fft.rfftfreq(size, 1 / _RATE)
    z = np.exp(-2j * math.pi * frequency / _RATE)
    tracts = []
    for scale in _TRACTS:
        for vowel in _VOWELS:
            response = np.ones_like(z)
            for center, width in zip(
                (*vowel, *_HIGHER), _BANDWIDTHS, strict=True
            ):
                pole = np.exp((2j * scale * center - width) * math.pi / _RATE)
                response /= (1 - pole * z) * (1 - pole.conjugate() * z)
            tracts.append(response)
    hisses = [
        np.exp(-(((frequency - center) / width) ** 2))
        for center, width in _HISSES
    ]
    pink = 1 / np.sqrt(np.maximum(frequency, 20.0))
    return [_equally_loud(rows) for rows in (tracts, hisses, [pink])]


def _equally_loud(rows):
    power = np.mean(np.abs(rows) ** 2, axis=1, keepdims=True)
    return (rows / np.sqrt(power)).astype("complex64")


def _keys(key, count):
    return tf.unstack(
        tf.random.experimental.stateless_split(key, count, alg=seeds.ALGORITHM)
    )


def _between(bounds, uniform):
    low, high = bounds
    return low + (high - low) * uniform


def _rise(x):
    """From 0 at 0 to 1 at 1, smoothly."""
    x = tf.clip_by_value(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _wave(cycles):
    return tf.cos(2.0 * math.pi * (cycles - tf.floor(cycles)))


def _pulses(time, fundamental, draws):
    """Pulse trains of a drifting fundamental frequency, of all harmonics."""
    rate = _between((0.5, 3.0), next(draws))
    swing = 2.0 * math.pi * (rate * time + next(draws))
    # The drift is the derivative of the second term.
    lead = _DRIFT * tf.sin(swing) / (2.0 * math.pi * rate)
    wave = _wave(fundamental * (time + lead) + next(draws))
    ratio = tf.exp(-fundamental * (1.0 + _DRIFT * tf.cos(swing)) / _TILT)
    # The sum of ratio^k cos(k phase) over all k from 1.
    return ratio * (wave - ratio) / (1.0 - 2.0 * ratio * wave + ratio**2)


def _syllables(time, length, key, draws):
    """The levels of voice and hiss; the first syllable is in the window."""
    period = _between((0.18, 0.3), next(draws))
    first = next(draws) * tf.minimum(period, (length - 1) / _RATE)
    place = (time - first) / period
    syllable = tf.floor(place + 0.5)
    place -= syllable
    edge = _between((0.28, 0.38), next(draws))
    syllable = tf.cast(tf.math.floormod(syllable, _SYLLABLES), "int32")
    count = first.shape[0]
    shape = (3, count, _SYLLABLES - 1)
    spoken, loud, hissed = tf.unstack(seeds.uniform(key, shape))
    level = tf.where(spoken < 0.8, _between((0.3, 1.0), loud), 0.0)
    level = tf.concat([tf.ones((count, 1)), level], axis=1)
    hiss = tf.pad(tf.where(hissed < 0.4, _HISS_LEVEL, 0.0), ((0, 0), (1, 0)))
    level = tf.gather(level, syllable, batch_dims=1)
    hiss = level * tf.gather(hiss, syllable, batch_dims=1)
    voiced = _rise((edge - tf.abs(place)) / 0.12)
    hissing = _rise(1.0 - tf.abs(place + edge + 0.02) / 0.1)
    return level * voiced, hiss * hissing


def _visits(time, draws):
    """How much of each slot there is, of one in the sum."""
    place = _between((3.0, 8.0), next(draws)) * time + _SLOTS * next(draws)
    slots = tf.range(_SLOTS, dtype="float32")[:, None]
    half = _SLOTS / 2
    distance = tf.math.floormod(place[:, None] - slots + half, _SLOTS) - half
    return _rise((0.7 - tf.abs(distance)) / 0.4)


def _hum(time, key):
    harmonics = tf.range(1.0, _HUM_HARMONICS + 1)[:, None]
    rate, *wavering = tf.unstack(seeds.uniform(key, (3,)))
    draws = seeds.uniform(seeds.fold_in(key, 1), (2, _HUM_HARMONICS, 1))
    level = draws[0] / harmonics
    waves = _wave(harmonics * _between((45.0, 90.0), rate) * time + draws[1])
    loud = _wave(_between((2.0, 8.0), wavering[0]) * time + wavering[1])
    return (1.0 + 0.5 * loud) * tf.reduce_sum(level * waves, axis=0)
