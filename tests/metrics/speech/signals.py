"""Signals that stand for speech, and the frames that they are cut into."""

import numpy as np
from scipy.signal import lfilter


def noise(size, seed=0):
    return np.random.default_rng(seed).normal(size=size)


def voice(rate=16000, seconds=1.0, pitch=120, seed=0):
    """Pulses through three formants, rising and falling, on faint noise."""
    size = int(rate * seconds)
    wave = np.zeros(size)
    wave[:: rate // pitch] = 1.0
    for center, width in ((600, 80), (1700, 120), (2600, 160)):
        radius = np.exp(-np.pi * width / rate)
        angle = 2 * np.pi * center / rate
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


def lowest_95_percent(values):
    kept = int(np.floor(0.95 * len(values) + 0.5))
    return np.mean(sorted(values)[:kept])
