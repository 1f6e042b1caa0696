"""Selects examples by the split syntax of TensorFlow Datasets."""

import re

import numpy as np

_PART = re.compile(r"^(?P<name>[\w-]+)(\[(?P<slice>[^\]]*)\])?$")
_BOUND = re.compile(r"^(?P<value>-?\d+)(?P<percent>%)?$")


def select(spec: str, splits: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the example numbers that a split specification names.

    The syntax is that of TensorFlow Datasets: `"train"`, `"train[:90%]"`,
    `"train[5000:]"`, `"train[-100:]"`, `"train[10%:20%]"`, and sums such as
    `"train[:50%]+test"`. A percentage is rounded to the nearest example.

    Args:
        spec: String, the specification.
        splits: Dict from the name of a split to its example numbers, in
            order.

    Returns:
        1D integer array, the selected example numbers in order.

    Raises:
        ValueError: If the specification cannot be read, names an unknown
            split, reaches beyond the split or selects nothing.

    Example:

    >>> select("train[:50%]", {"train": np.arange(10)})
    array([0, 1, 2, 3, 4])

    Source: https://www.tensorflow.org/datasets/splits
    """
    if not isinstance(spec, str):
        raise ValueError(
            "`split` should be a string such as 'train' or 'train[:90%]'. "
            f"Received: split={spec!r}"
        )
    parts = [
        _select_part(part.strip(), spec, splits) for part in spec.split("+")
    ]
    numbers = np.concatenate(parts)
    if not len(numbers):
        raise ValueError(
            f"The split {spec!r} selects no examples. The splits hold: "
            f"{ {name: len(part) for name, part in splits.items()} }."
        )
    return numbers


def _select_part(part, spec, splits):
    match = _PART.match(part)
    if match is None:
        raise _unreadable(spec)
    name = match["name"]
    if name not in splits:
        raise ValueError(
            f"Unknown split {name!r} in split={spec!r}. Available splits: "
            f"{', '.join(sorted(splits))}."
        )
    numbers = splits[name]
    if match["slice"] is None:
        return numbers
    bounds = match["slice"].split(":")
    if len(bounds) != 2 or not any(bounds):
        raise _unreadable(spec)
    start, stop = (_position(text, len(numbers), spec) for text in bounds)
    return numbers[start:stop]


def _position(text, size, spec):
    if not text:
        return None
    match = _BOUND.match(text.strip())
    if match is None:
        raise _unreadable(spec)
    value = int(match["value"])
    limit = 100 if match["percent"] else size
    if abs(value) > limit:
        unit = "%" if match["percent"] else " examples"
        raise ValueError(
            f"The split {spec!r} reaches to {value}{unit}, but there are "
            f"only {limit}{unit}."
        )
    return round(value * size / 100) if match["percent"] else value


def _unreadable(spec):
    return ValueError(
        f"Cannot read the split {spec!r}. Expected a name, a slice of it, or "
        "a sum of these: 'train', 'train[:90%]', 'train[5000:]', "
        "'train[:50%]+test'."
    )
