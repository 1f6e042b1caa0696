"""A user's own recordings, noisy and clean, read when they are asked for."""

import os
import re
import unicodedata
from pathlib import PurePath

import numpy as np
import tensorflow as tf

from keras_gen.data import checks, folder, sources
from keras_gen.data.splits import consecutive
from keras_gen.data.wav import WavFile

_LENGTH = 16_384
_ROLES = ("noisy", "clean")
_SUFFIXES = (".wav", ".wave")
# `noisy_train`, and `noisy_trainset_28spk_wav` as Valentini et al. have it.
_BOTH = re.compile(
    f"({'|'.join(_ROLES)})_({'|'.join(folder.SPLITS)})(set(_\\w+)?)?"
)


def build(
    data_dir: str | os.PathLike | None,
    length: int | None = None,
    sample_rate: int = 16_000,
) -> sources.Source:
    """Builds the source of a folder of pairs of recordings.

    The two recordings of a pair are wav files of one name in the folders
    `noisy` and `clean`. Subfolders `train`, `test`, `validation` or `val` are
    the splits, in these folders or around them; so are `noisy_train` and
    `clean_train`, or `noisy_trainset_wav` and `clean_trainset_wav`, and so on.

    Recordings are resampled, and cut into windows that overlap by one half.
    What is left at the end is dropped; a recording shorter than one window is
    padded with zeros. After resampling, the two of a pair may differ by one
    sample, by which the longer is cut.

    Args:
        data_dir: String or path. The folder.
        length: Integer. The samples of a window, or `None` for 16,384.
        sample_rate: Integer. The samples per second.

    Returns:
        A `Source` of `noisy` and `clean` (float32 of shape `(length, 1)`, in
        [-1, 1]): the windows of each pair in turn, by the pairs' names.

    Raises:
        ValueError: If there is no such folder or no recording in it, a
            recording cannot be read, is without its other or of another
            length.
        ImportError: If recordings must be resampled and SciPy is missing.
    """
    length = _LENGTH if length is None else length
    checks.check_integers(2, length=length)
    checks.check_integers(1, sample_rate=sample_rate)
    length = int(length)
    sizes, pairs, owners, starts = {}, [], [], []
    for split, parts in _find(data_dir).items():
        sizes[split] = 0
        for paths in _matched(*parts):
            pair = [WavFile(path, sample_rate) for path in paths]
            first = np.arange(_count(pair, length)) * (length // 2)
            sizes[split] += len(first)
            owners.append(np.full(len(first), len(pairs)))
            starts.append(first)
            pairs.append(pair)
    owners, starts = np.concatenate(owners), np.concatenate(starts)

    def windows(index):
        found = []
        for recording in pairs[owners[index]]:
            part = recording.read(int(starts[index]), length)
            found.append(np.pad(part, (0, length - len(part)))[:, None])
        return found

    def read(index):
        found = tf.numpy_function(
            windows, [index], ["float32", "float32"], stateful=False
        )
        for window in found:
            window.set_shape((length, 1))
        return dict(zip(_ROLES, found, strict=True))

    return sources.Source(consecutive(sizes), read=read)


def _count(pair, length):
    """How many windows there are of a pair."""
    noisy, clean = (recording.samples for recording in pair)
    if abs(noisy - clean) > 1:
        raise ValueError(
            "The recordings of a pair must be equally long. Received: "
            f"{pair[0].path!r} of {noisy} samples and {pair[1].path!r} of "
            f"{clean}, at the same rate. Align them, and cut the longer one."
        )
    return 1 + max(0, min(noisy, clean) - length) // (length // 2)


def _find(data_dir):
    """The recordings of a folder by their splits.

    Returns:
        Dict from each split to two lists, of noisy and of clean recordings:
        sorted pairs of a name, without its ending, and a path.
    """
    root = folder.existing(data_dir, "recordings")
    splits = {}
    for path in folder.files(root, _SUFFIXES):
        split, role, name = _place(path)
        path = os.fspath(root.joinpath(*path))
        if role is None:
            raise ValueError(
                "`data_dir` must have all its recordings in the folders noisy "
                f"and clean. Received: {path!r} outside of them. Move it, or "
                "pass the folder that holds them."
            )
        splits.setdefault(split, {}).setdefault(role, []).append((name, path))
    if not splits:
        raise ValueError(
            f"`data_dir` must hold recordings ({', '.join(_SUFFIXES)}). "
            f"Received: data_dir={str(root)!r}, which holds none."
        )
    if None in splits and len(splits) > 1:
        ((_, beside), *_), *_ = splits[None].values()
        raise ValueError(
            "`data_dir` must have all its recordings in the folders of its "
            f"splits. Received: {beside!r} beside them. Move it."
        )
    for split, parts in splits.items():
        for role in _ROLES:
            if role not in parts:
                raise ValueError(
                    "Each split must have noisy and clean recordings. "
                    f"Received: {str(root)!r}, whose split "
                    f"{split or 'train'!r} has none in {role}."
                )
    return {
        split or "train": [parts[role] for role in _ROLES]
        for split, parts in splits.items()
    }


def _place(path):
    """The split, the role and the name of a path, from its first folders."""
    *folders, name = path
    split = role = None
    while folders:
        head = folders[0].lower()
        both = _BOTH.fullmatch(head)
        if head in folder.SPLITS and split is None:
            split = head
        elif head in _ROLES and role is None:
            role = head
        elif both and role is None and split is None:
            role, split = both[1], both[2]
        else:
            break
        folders = folders[1:]
    # Accents are composed, as not all systems write them in names of files.
    name = unicodedata.normalize("NFC", PurePath(name).stem)
    return split, role, (*folders, name)


def _matched(noisy, clean):
    """Pairs of the paths of noisy and clean recordings of one name."""
    named = dict(noisy), dict(clean)
    for part, paths in zip((noisy, clean), named, strict=True):
        twice = [path for name, path in part if paths[name] != path]
        if twice:
            raise ValueError(
                "The noisy, and the clean, recordings must differ in their "
                f"names, without the ending. Received: {twice[0]!r} and "
                "another. Rename it."
            )
    for one, other in (named, named[::-1]):
        alone = [path for name, path in one.items() if name not in other]
        if alone:
            raise ValueError(
                "Noisy and clean recordings must have the same names. "
                f"Received: {alone[0]!r} without its other ({len(alone)} in "
                "all). Remove it, or rename its other."
            )
    return [(path, named[1][name]) for name, path in named[0].items()]
