"""Input checks and optional imports, shared by all metrics."""

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
    hint: str = "",
) -> np.ndarray:
    """Converts to float64, and checks the rank, the length and the values.

    Args:
        name: String. The argument's name in an error.
        values: Array, nested list or tensor of any backend.
        shape: Tuple of strings. The names of the axes, such as
            `("samples", "dim")`.
        min_rows: Integer. The smallest length of the first axis.
        hint: String. Advice that ends the error about a wrong shape.

    Returns:
        NumPy array of float64.

    Raises:
        ValueError: If the rank is another, the first axis is too short, or a
            value is NaN or infinite.

    Example:

    ```python
    finite_array("features", [[1.0, 2.0]], ("samples", "dim"))
    ```
    """
    if not isinstance(values, np.ndarray | list | tuple | float | int):
        values = keras.ops.convert_to_numpy(values)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != len(shape):
        raise ValueError(
            f"`{name}` must have the shape ({', '.join(shape)}). Received: "
            f"{name}.shape={array.shape}. {hint}".rstrip()
        )
    if array.ndim and len(array) < min_rows:
        raise ValueError(
            f"`{name}` must hold at least {min_rows} {shape[0]}. Received: "
            f"len({name})={len(array)}. {hint}".rstrip()
        )
    if array.size == 0:
        raise ValueError(
            f"`{name}` must not be empty. Received: {name}.shape={array.shape}."
        )
    require_finite(name, array)
    return array


def require_finite(name: str, array: np.ndarray) -> None:
    """Raises `ValueError` if an array holds NaN or infinity.

    Args:
        name: String. The argument's name in the error.
        array: Float array.
    """
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise ValueError(
            f"`{name}` must be finite. Received: NaN or infinity in {bad} of "
            f"{array.size} values. Check the model that they come from."
        )


def check_log_variance(log_variance: Any, mean: np.ndarray) -> np.ndarray:
    """Converts log-variances to float64 and checks them against their means.

    Args:
        log_variance: Array or tensor of shape `(samples, dim)`.
        mean: Array of shape `(samples, dim)`.

    Returns:
        NumPy array of float64.

    Raises:
        ValueError: If the shape is another, a value is not finite, or the
            variance or its inverse would overflow.

    Example:

    ```python
    check_log_variance([[-2.0]], np.zeros((1, 1)))  # [[-2.0]]
    ```
    """
    values = finite_array("log_variance", log_variance, ("samples", "dim"))
    if values.shape != mean.shape:
        raise ValueError(
            "`log_variance` must have the shape of the means. Received: "
            f"log_variance.shape={values.shape}, mean.shape={mean.shape}."
        )
    if np.abs(values).max() > 600.0:
        raise ValueError(
            "`log_variance` must hold natural logarithms within [-600, 600]. "
            f"Received: values from {values.min():.4g} to {values.max():.4g}."
        )
    return values


def optional_package(
    module: str, package: str, extra: str, user: str
) -> types.ModuleType:
    """Imports a package that only some metrics need.

    Args:
        module: String. The module's name, such as `"sklearn.svm"`.
        package: String. The package's name, such as `"scikit-learn"`.
        extra: String. The extra of keras-gen that installs it.
        user: String. What needs the package, at the beginning of the error.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed.

    Example:

    ```python
    svm = optional_package("sklearn.svm", "scikit-learn", "recipes", "`sap`")
    ```
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{user} needs {package}, which is not installed. Install it "
            f"with `pip install -e '.[{extra}]'` in the checkout."
        ) from error


def versions(*packages: str) -> dict[str, str]:
    """The versions that a report's values depend on.

    Args:
        *packages: Strings. Names of distributions besides keras-gen and
            keras.

    Returns:
        Dict from the name of each package, and `"backend"`, to a string.
    """
    found = {"keras": keras.__version__, "backend": keras.backend.backend()}
    for package in ("keras-gen", *packages):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        found[package.replace("-", "_")] = version
    return found
