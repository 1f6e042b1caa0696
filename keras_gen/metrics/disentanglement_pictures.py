"""Pictures of what each latent does: information on factors, traversals."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factor_checks import check_codes


def traversals(decoder: Any, codes: Any, steps: int = 9) -> np.ndarray:
    """Decodes a code in which one latent moves and the rest stay.

    Each latent moves from the 5th to the 95th percentile of the codes, where
    the decoder has seen it; the others keep the values of the first code.

    Args:
        decoder: Callable from codes `(num, dim)` to images `(num, height,
            width[, channels])`, or a model with such a method `decode`.
        codes: Array `(samples, dim)`.
        steps: Number of values that each latent takes, at least 2.

    Returns:
        Array `(dim, steps, height, width, channels)`.

    Raises:
        ValueError: If the decoder cannot be called or returns no images.

    Example:

    ```python
    codes = np.random.default_rng(0).normal(size=(100, 3))
    images = traversals(lambda z: np.zeros((len(z), 8, 8, 1)), codes)
    images.shape  # (3, 9, 8, 8, 1)
    ```
    """
    decode = getattr(decoder, "decode", decoder)
    if not callable(decode):
        raise ValueError(
            "Expected a decoder that turns codes into images, or a model with "
            f"a method `decode`; received {decoder!r}."
        )
    if steps < 2:
        raise ValueError(f"`steps` must be at least 2, received {steps}.")
    codes = check_codes(codes)
    dim = codes.shape[1]
    low, high = np.percentile(codes, [5.0, 95.0], axis=0)
    moved = np.tile(codes[0], (dim, steps, 1))
    for j in range(dim):
        moved[j, :, j] = np.linspace(low[j], high[j], steps)
    images = keras.ops.convert_to_numpy(decode(moved.reshape(-1, dim)))
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or len(images) != dim * steps:
        raise ValueError(
            f"Expected {dim * steps} images (num, height, width, channels) "
            f"from the decoder, received shape {images.shape}."
        )
    return images.reshape(dim, steps, *images.shape[1:])


def draw_information(
    path: str | os.PathLike,
    mutual_information: Any,
    factor_names: Sequence[str],
) -> None:
    """Draws the mutual information of latents and factors as a heat map.

    Args:
        path: The file; its suffix chooses the format.
        mutual_information: In nats, `(dim, factors)`.
        factor_names: Name of each factor.

    Raises:
        ValueError: If names and matrix do not fit.
        ImportError: If matplotlib is not installed.

    Example:

    ```python
    draw_information("information.png", np.eye(2), ("shape", "scale"))
    ```
    """
    information = finite_array(
        "`mutual_information`", mutual_information, ("dim", "factors")
    )
    dim, num_factors = information.shape
    if len(factor_names) != num_factors:
        raise ValueError(
            f"Expected {num_factors} factor names, received "
            f"{list(factor_names)}."
        )
    figure = _figure((2.5 + 0.8 * num_factors, 1.8 + 0.4 * dim))
    axes = figure.add_subplot()
    image = axes.imshow(information, cmap="viridis", vmin=0.0, aspect="auto")
    axes.set_xticks(range(num_factors), factor_names, rotation=30, ha="right")
    axes.set_yticks(range(dim))
    axes.set_ylabel("latent")
    figure.colorbar(image, label="mutual information (nats)")
    figure.savefig(path)


def draw_traversals(path: str | os.PathLike, images: Any) -> None:
    """Draws traversals, one row for each latent.

    Args:
        path: The file; its suffix chooses the format.
        images: Array `(dim, steps, height, width, channels)` with 1 or 3
            channels. The darkest value becomes black, the brightest white.

    Raises:
        ValueError: If they are no such images.
        ImportError: If matplotlib is not installed.

    Example:

    ```python
    draw_traversals("traversals.png", np.random.rand(3, 9, 8, 8, 1))
    ```
    """
    images = finite_array(
        "`images`", images, ("dim", "steps", "height", "width", "channels")
    )
    dim, steps, height, width, channels = images.shape
    if channels not in (1, 3):
        raise ValueError(f"Expected 1 or 3 channels, received {channels}.")
    low, high = images.min(), images.max()
    images = (images - low) / (high - low if high > low else 1.0)
    # A line of one pixel between the images.
    images = np.pad(images, ((0, 0),) * 2 + ((0, 1),) * 2 + ((0, 0),))
    rows = images.transpose(0, 2, 1, 3, 4)
    picture = rows.reshape(dim * (height + 1), steps * (width + 1), channels)
    figure = _figure((1.0 + 0.8 * steps, 0.6 + 0.8 * dim))
    axes = figure.add_subplot()
    axes.imshow(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    axes.set_xticks([])
    axes.set_yticks((np.arange(dim) + 0.5) * (height + 1), range(dim))
    axes.set_ylabel("latent")
    figure.savefig(path)


def _figure(size):
    # Apart from pyplot, which keeps figures and needs a display's backend.
    figure = optional_package(
        "matplotlib.figure", "matplotlib", "Drawing disentanglement"
    )
    return figure.Figure(figsize=size, dpi=120, layout="constrained")
