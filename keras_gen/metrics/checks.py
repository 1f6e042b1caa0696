"""Checks of what metrics are given: never a silent number from bad input."""

import importlib
import importlib.metadata
import types
from typing import Any

import keras
import numpy as np


def finite_array(
    name: str,
    values: Any,
    shape: tuple[str, ...],
    min_rows: int = 1,
    mend: str = "",
) -> np.ndarray:
    """Returns values as a float64 array, if they are finite and of a shape.

    Args:
        name: String. What the values are called in an error.
        values: Array, nested list or tensor of any backend.
        shape: Names of the axes, such as `("samples", "dim")`.
        min_rows: Integer. The smallest length of the first axis.
        mend: String. Advice that ends the error about a wrong shape.

    Returns:
        NumPy array of float64.

    Raises:
        ValueError: If the number of axes is another, the first is too short,
            or a value is NaN or infinite.

    Example:

    ```python
    finite_array("`features`", [[1.0, 2.0]], ("samples", "dim"))
    ```
    """
    if not isinstance(values, np.ndarray | list | tuple | float | int):
        values = keras.ops.convert_to_numpy(values)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != len(shape):
        raise ValueError(
            f"Expected {name} of shape ({', '.join(shape)}), received shape "
            f"{array.shape}. {mend}".rstrip()
        )
    if array.ndim and len(array) < min_rows:
        raise ValueError(
            f"Expected {name} with at least {min_rows} {shape[0]}, received "
            f"{len(array)}. {mend}".rstrip()
        )
    if array.size == 0:
        raise ValueError(f"{name} are empty: received shape {array.shape}.")
    require_finite(name, array)
    return array


def require_finite(name: str, array: np.ndarray) -> None:
    """Raises `ValueError` if an array holds NaN or infinity.

    Args:
        name: String. What the array is called in the error.
        array: Float array.
    """
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise ValueError(
            f"{name} contain NaN or infinity in {bad} of {array.size} "
            "entries. Find out where they come from: a metric of them would "
            "be meaningless."
        )


def optional_package(module: str, package: str, use: str) -> types.ModuleType:
    """Imports a package that only some metrics need.

    Args:
        module: String. The module's name, such as `"sklearn.svm"`.
        package: String. What is installed, such as `"scikit-learn"`.
        use: String. What needs it, as an error names it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{use} needs the package {package}, which is not installed. "
            f"Install it: `pip install {package}`."
        ) from error


def versions(*packages: str) -> dict[str, str]:
    """The versions that a report's numbers depend on.

    Args:
        *packages: Names of distributions besides keras-gen and keras.

    Returns:
        Dictionary from each package's name, and `"backend"`, to a string.
    """
    found = {"keras": keras.__version__, "backend": keras.backend.backend()}
    for package in ("keras-gen", *packages):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        found[package.replace("-", "_")] = version
    return found
