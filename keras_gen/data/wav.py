"""Wav files of any sample rate and bit depth, read in whole or in part."""

import math
import os
import struct
import wave

import numpy as np

from keras_gen.data import checks
from keras_gen.files import atomic_path

# By the code of the format and the bytes of a sample; integers of 24 bits have
# no type of their own.
_TYPES = {
    (1, 1): "u1",
    (1, 2): "<i2",
    (1, 3): "u1",
    (1, 4): "<i4",
    (3, 4): "<f4",
    (3, 8): "<f8",
}
_EXTENSIBLE = 0xFFFE
# Louder than 20 dB above full scale are floats of another scale.
_LOUDEST = 10.0


def read_wav(path: str | os.PathLike, sample_rate: int = 16_000) -> np.ndarray:
    """Reads a wav file as one channel at a sample rate.

    Samples are integers of 8, 16, 24 or 32 bits, whose full scale becomes 1,
    or floats of 32 or 64 bits. Channels are averaged. Another sample rate is
    converted by `scipy.signal.resample_poly`. What exceeds 1, as floats and
    resampled peaks may, is clipped.

    Args:
        path: String or path. The file.
        sample_rate: Integer. The samples per second of the result.

    Returns:
        float32 array of shape `(time,)`, in [-1, 1].

    Raises:
        ValueError: If the file is not a whole wav file of such samples.
        ImportError: If the sample rate is another and SciPy is missing.

    Example:

    >>> write_wav("tone.wav", np.sin(np.arange(8000)), sample_rate=8000)
    >>> read_wav("tone.wav").shape
    (16000,)
    """
    checks.check_integers(1, sample_rate=sample_rate)
    return WavFile(path, sample_rate).read()


def write_wav(
    path: str | os.PathLike, signal: np.ndarray, sample_rate: int = 16_000
) -> None:
    """Writes a signal as a wav file of one channel and 16 bits.

    Values are rounded to multiples of 1/32768, the nearest, and clipped to
    those from -1 to 32767/32768.

    Args:
        path: String or path. The file; its folder is made if needed.
        signal: Float array of shape `(time,)` or `(time, 1)`, in [-1, 1].
        sample_rate: Integer. The samples per second.

    Raises:
        ValueError: If the signal is of another type or shape, or not finite.

    Example:

    >>> write_wav("silence.wav", np.zeros(16000))
    """
    checks.check_integers(1, sample_rate=sample_rate)
    signal = np.asarray(signal)
    if signal.ndim == 2 and signal.shape[1] == 1:
        signal = signal[:, 0]
    if signal.ndim != 1 or not np.issubdtype(signal.dtype, np.floating):
        raise ValueError(
            "`signal` must be floats of shape (time,) or (time, 1). Received: "
            f"shape {signal.shape}, dtype {signal.dtype}. Convert it so that "
            "full scale is 1."
        )
    if not np.isfinite(signal).all():
        raise ValueError(
            "`signal` must be finite. Received: NaN or infinity in "
            f"{np.sum(~np.isfinite(signal))} of {signal.size} values."
        )
    values = np.clip(np.round(32768.0 * signal), -32768, 32767).astype("<i2")
    with atomic_path(path) as temporary:
        with wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            file.writeframes(values.tobytes())


class WavFile:
    """A wav file, of which parts can be read at a sample rate.

    Args:
        path: String or path. The file, whose header alone is read.
        sample_rate: Integer. The samples per second of what is read.

    Attributes:
        path: String.
        samples: Integer. The length of the signal at that sample rate.
    """

    def __init__(self, path: str | os.PathLike, sample_rate: int = 16_000):
        self.path = os.fspath(path)
        try:
            with open(path, "rb") as file:
                self._read_header(file)
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        common = math.gcd(self.rate, sample_rate)
        self.up, self.down = sample_rate // common, self.rate // common
        self.samples = -(-self.frames * self.up // self.down)
        if self.up != self.down:
            _signal()

    def read(self, start: int = 0, count: int | None = None) -> np.ndarray:
        """Reads a part, as it is in the whole.

        Args:
            start: Integer. The first sample.
            count: Integer. The number of samples, or `None` for all others.

        Returns:
            float32 array of shape `(time,)`, shorter at the end of the file.
        """
        stop = self.samples if count is None else start + count
        if self.up == self.down:
            return np.clip(self._decode(start, stop), -1.0, 1.0)
        # `up` samples for each `down` frames, so that parts begin with these;
        # the filter reaches ten samples, of the lower rate, to both sides.
        reach = 2 + 10 * max(self.up, self.down) // self.up
        first = max(0, start // self.up - -(-reach // self.down))
        last = -(-stop * self.down // self.up) + reach
        part = _signal().resample_poly(
            self._decode(first * self.down, last), self.up, self.down
        )
        begin = first * self.up
        return np.clip(part[start - begin : stop - begin], -1.0, 1.0)

    def _read_header(self, file):
        if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
            raise ValueError("it does not begin as a wav file")
        layout = b""
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                break
            # Chunks begin at even places.
            chunk = file.read(size + size % 2)
            if name == b"fmt ":
                layout = chunk
        else:
            raise ValueError("it ends before its samples")
        if len(layout) < 16:
            raise ValueError("it does not say the format of its samples")
        code, self.channels, self.rate = struct.unpack_from("<HHI", layout)
        (self.block,) = struct.unpack_from("<H", layout, 12)
        if code == _EXTENSIBLE and len(layout) >= 26:
            (code,) = struct.unpack_from("<H", layout, 24)
        if not self.channels or not self.rate:
            raise ValueError("it has no channel or no sample rate")
        self.width = self.block // self.channels
        self.dtype = _TYPES.get((code, self.width))
        if self.dtype is None or self.block % self.channels:
            raise ValueError(
                f"its samples, of format {code} and {8 * self.width} bits, are "
                "neither integers of 8, 16, 24 or 32 bits nor floats"
            )
        self.begin, self.frames = file.tell(), size // self.block
        there = os.fstat(file.fileno()).st_size - self.begin
        if there < size:
            raise ValueError(
                f"it ends after {there} of {size} bytes of samples"
            )
        if not self.frames:
            raise ValueError("it has no samples")

    def _decode(self, start, stop):
        """Frames as floats of one channel."""
        count = max(0, min(stop, self.frames) - start) * self.block
        try:
            with open(self.path, "rb") as file:
                file.seek(self.begin + start * self.block)
                data = file.read(count)
        except OSError as error:
            raise self._unreadable(error) from error
        if len(data) < count:
            raise self._unreadable("it has become shorter")
        values = np.frombuffer(data, self.dtype)
        if self.width == 3:
            padded = np.zeros((values.size // 3, 4), "u1")
            padded[:, 1:] = values.reshape(-1, 3)
            values = padded.view("<i4")[:, 0]
        values = values.reshape(-1, self.channels)
        values = values.mean(axis=1, dtype="float32")
        if self.width == 1:
            return (values - 128.0) / 128.0
        if self.dtype not in ("<f4", "<f8"):
            return values / (2.0**15 if self.width == 2 else 2.0**31)
        if not np.all(np.abs(values) < _LOUDEST):
            raise self._unreadable(
                "its floats are not finite, or their full scale is not 1"
            )
        return values

    def _unreadable(self, error):
        return ValueError(
            "Each recording must be a readable wav file. Received: "
            f"{self.path!r}: {error}. Remove or replace it."
        )


def _signal():
    try:
        from scipy import signal
    except ImportError as error:
        raise ImportError(
            "Recordings of other sample rates are resampled by SciPy, which is "
            "not installed. Install it with `pip install -e '.[recipes]'` in "
            "the checkout."
        ) from error
    return signal
