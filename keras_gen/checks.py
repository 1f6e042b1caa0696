"""Checks of arguments, which say what must be, what came, and the mend."""

import numbers
from collections.abc import Iterable
from typing import Any


def check_option(name: str, value: Any, options: Iterable) -> None:
    """Raises unless an argument is one of some options.

    Args:
        name: String. The name of the argument.
        value: The value it was given.
        options: Iterable of the values it may have.

    Raises:
        ValueError: If `value` is not among `options`.

    Example:

    >>> check_option("prior", "normal", ("normal", "uniform"))
    """
    options = list(options)
    if value not in options:
        raise ValueError(
            f"`{name}` must be one of {options}. Received: {name}={value!r}."
        )


def check_positive(**values: float) -> None:
    """Raises unless each of some arguments is above zero.

    Args:
        **values: Numbers by the names of the arguments.

    Raises:
        ValueError: If one of them is not above zero.

    Example:

    >>> check_positive(latent_dim=2)
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(
                f"`{name}` must be above 0. Received: {name}={value!r}."
            )


def check_not_negative(**values: float) -> None:
    """Raises if one of some arguments is below zero.

    Args:
        **values: Numbers by the names of the arguments.

    Raises:
        ValueError: If one of them is below zero.

    Example:

    >>> check_not_negative(weight_decay=0.0)
    """
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(
                f"`{name}` must not be negative. Received: {name}={value!r}."
            )


def check_at_least(least: float, **values: float) -> None:
    """Raises unless each of some arguments has at least some value.

    Args:
        least: Number. The smallest value.
        **values: Numbers by the names of the arguments.

    Raises:
        ValueError: If one of them is below it.

    Example:

    >>> check_at_least(1, alpha=1.5)
    """
    for name, value in values.items():
        if not value >= least:
            raise ValueError(
                f"`{name}` must be at least {least}. Received: "
                f"{name}={value!r}."
            )


def check_decay(**values: float) -> None:
    """Raises unless each of some arguments can be the decay of an average.

    Args:
        **values: Numbers by the names of the arguments.

    Raises:
        ValueError: If one of them is below 0, or not below 1.

    Example:

    >>> check_decay(ema_decay=0.999)
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(
                f"`{name}` must be at least 0 and below 1. Received: "
                f"{name}={value!r}."
            )


def check_fraction(**values: float) -> None:
    """Raises unless each of some arguments is from 0 to 1.

    Args:
        **values: Numbers by the names of the arguments.

    Raises:
        ValueError: If one of them is not.

    Example:

    >>> check_fraction(alpha=0.5)
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(
                f"`{name}` must be from 0 to 1. Received: {name}={value!r}."
            )


def check_count(least: int = 0, **values: int) -> None:
    """Raises unless each of some arguments is an integer, large enough.

    Args:
        least: Integer. The smallest value.
        **values: Numbers by the names of the arguments.

    Raises:
        ValueError: If one of them is smaller, or not an integer.

    Example:

    >>> check_count(k=25)
    """
    for name, value in values.items():
        if not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(
                f"`{name}` must be an integer, at least {least}. Received: "
                f"{name}={value!r}."
            )


def as_units(name: str, value: int | Iterable[int]) -> tuple[int, ...]:
    """The widths of layers, given one integer or several.

    Args:
        name: String. The name of the argument.
        value: Integer or sequence of integers, which may be empty.

    Returns:
        Tuple of positive integers.

    Raises:
        ValueError: If one of them is not a positive integer.

    Example:

    >>> as_units("hidden_units", 500)
    (500,)
    """
    units = (value,) if isinstance(value, int) else tuple(value)
    if not all(isinstance(u, int) and u > 0 for u in units):
        raise ValueError(
            f"`{name}` must be a positive integer, or a tuple of them. "
            f"Received: {name}={value!r}."
        )
    return units


def same_shapes(found: list[tuple], expected: list[tuple]) -> bool:
    """Whether lists of shapes are equal, up to sizes that are `None`.

    Args:
        found: List of tuples.
        expected: List of tuples.

    Returns:
        Boolean.

    Example:

    >>> same_shapes([(None, 3)], [(8, 3)])
    True
    """
    return len(found) == len(expected) and all(
        len(a) == len(b)
        and all(
            i is None or j is None or i == j for i, j in zip(a, b, strict=True)
        )
        for a, b in zip(found, expected, strict=True)
    )
