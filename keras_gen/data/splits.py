"""Selects examples by the split syntax of TensorFlow Datasets."""

import re

import numpy as np

_PART = re.compile(r"^(?P<name>[\w-]+)(\[(?P<slice>[^\]]*)\])?$")
_BOUND = re.compile(r"^(?P<value>-?\d+)(?P<percent>%)?$")


def select(split: str, splits: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the indices of the examples that a split specification selects.

    The syntax is that of TensorFlow Datasets: `"train"`, `"train[:90%]"`,
    `"train[5000:]"`, `"train[-100:]"`, `"train[10%:20%]"`, and sums such as
    `"train[:50%]+test"`. A percentage is rounded to the nearest example.

    Args:
        split: String. The specification.
        splits: Dict from the name of a split to the indices of its examples,
            in order.

    Returns:
        1D integer array. The indices of the selected examples, in order.

    Raises:
        ValueError: If the specification cannot be read, names an unknown
            split, reaches beyond the split or selects nothing.

    Example:

    >>> select("train[:50%]", {"train": np.arange(10)})
    array([0, 1, 2, 3, 4])

    Reference: https://www.tensorflow.org/datasets/splits
    """
    if not isinstance(split, str):
        raise ValueError(
            "`split` must be a string such as 'train' or 'train[:90%]'. "
            f"Received: split={split!r}."
        )
    parts = [
        _select_part(part.strip(), split, splits) for part in split.split("+")
    ]
    indices = np.concatenate(parts)
    if not len(indices):
        raise ValueError(
            "`split` must select at least one example of the splits "
            f"{ {name: len(part) for name, part in splits.items()} }. "
            f"Received: split={split!r}."
        )
    return indices


def consecutive(sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Returns splits whose examples follow each other, and their sum `all`.

    Args:
        sizes: Dict from the name of a split to its number of examples.

    Returns:
        Dict from the name of a split to the indices of its examples.

    Example:

    >>> consecutive({"train": 2, "test": 1})["test"]
    array([2])
    """
    indices = np.arange(sum(sizes.values()))
    parts = np.split(indices, np.cumsum(list(sizes.values()))[:-1])
    return {**dict(zip(sizes, parts, strict=True)), "all": indices}


def _select_part(part, split, splits):
    match = _PART.match(part)
    if match is None:
        raise _unreadable(split)
    name = match["name"]
    if name not in splits:
        raise ValueError(
            f"`split` must select from the splits {', '.join(sorted(splits))}. "
            f"Received: split={split!r}, with the unknown {name!r}."
        )
    indices = splits[name]
    if match["slice"] is None:
        return indices
    bounds = match["slice"].split(":")
    if len(bounds) != 2 or not any(bounds):
        raise _unreadable(split)
    start, stop = (_position(text, len(indices), split) for text in bounds)
    return indices[start:stop]


def _position(text, size, split):
    if not text:
        return None
    match = _BOUND.match(text.strip())
    if match is None:
        raise _unreadable(split)
    value = int(match["value"])
    limit = 100 if match["percent"] else size
    if abs(value) > limit:
        unit = "%" if match["percent"] else " examples"
        raise ValueError(
            f"`split` must stay within the {limit}{unit} there are. Received: "
            f"split={split!r}, which reaches to {value}{unit}."
        )
    return round(value * size / 100) if match["percent"] else value


def _unreadable(split):
    return ValueError(
        "`split` must be a name, a slice of it, or a sum of these: 'train', "
        "'train[:90%]', 'train[5000:]', 'train[:50%]+test'. Received: "
        f"split={split!r}."
    )
