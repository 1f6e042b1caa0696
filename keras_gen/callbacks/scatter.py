"""A picture of codes in the plane."""

import os

import numpy as np

from keras_gen.callbacks.files import atomic_path


def save_scatter(
    path: str | os.PathLike, codes: np.ndarray, labels: np.ndarray
) -> None:
    """Draws codes in the plane, coloured by class.

    Args:
        path: String or path, of a picture; its suffix chooses the format.
        codes: Array of shape `(n, 2)`.
        labels: Integer array of shape `(n,)`.

    Raises:
        ValueError: If the codes are not in the plane, or labels are missing.
        ImportError: If matplotlib is missing.

    Example:

    ```python
    save_scatter("codes.png", model.encode(images), labels)
    ```
    """
    codes, labels = np.asarray(codes), np.asarray(labels).reshape(-1)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) != len(labels):
        raise ValueError(
            "Expected codes of shape (n, 2) and n labels. Received: shapes "
            f"{codes.shape} and {labels.shape}."
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "To draw codes, install matplotlib: `pip install "
            "keras_gen[recipes]`."
        ) from error
    figure = Figure(figsize=(6, 5.5), layout="constrained")
    axes = figure.subplots()
    for label in np.unique(labels):
        chosen = codes[labels == label]
        axes.scatter(*chosen.T, s=4, label=str(label))
    axes.set_aspect("equal", adjustable="datalim")
    figure.legend(loc="outside right upper", markerscale=3.0)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)
