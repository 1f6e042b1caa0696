"""Pictures of latents: mutual information with factors, traversals."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.files import atomic_path
from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factor_checks import check_codes


def traversals(decoder: Any, codes: Any, steps: int = 9) -> np.ndarray:
    """Decodes codes in which one latent varies and the others are fixed.

    Each latent goes from the 5th to the 95th percentile of the codes, the range
    that the decoder was trained on; the others are those of the first code.

    Args:
        decoder: Model or function. A model with `decode(codes)`, or a function
            of codes `(num, dim)` that returns images of shape
            `(num, height, width[, channels])`.
        codes: Array of shape `(samples, dim)`.
        steps: Integer. The number of values that each latent takes, at least 2.

    Returns:
        Array of shape `(dim, steps, height, width, channels)`.

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
            "`decoder` must be a model with a method `decode`, or a function "
            f"of codes. Received: {decoder=}."
        )
    if steps < 2:
        raise ValueError(f"`steps` must be at least 2. Received: {steps=}.")
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
            f"`decoder` must return {dim * steps} images (num, height, width, "
            f"channels). Received: an array of shape {images.shape}."
        )
    return images.reshape(dim, steps, *images.shape[1:])


def draw_information(
    path: str | os.PathLike,
    mutual_information: Any,
    factor_names: Sequence[str],
) -> None:
    """Draws the mutual information of latents and factors as a heat map.

    Args:
        path: Path. The file; its suffix chooses the format.
        mutual_information: Array of shape `(dim, factors)`, in nats.
        factor_names: Sequence of strings. The name of each factor.

    Raises:
        ValueError: If there is not one name per factor.
        ImportError: If matplotlib is not installed.

    Example:

    ```python
    draw_information("information.png", np.eye(2), ("shape", "scale"))
    ```
    """
    information = finite_array(
        "mutual_information", mutual_information, ("dim", "factors")
    )
    dim, num_factors = information.shape
    if len(factor_names) != num_factors:
        raise ValueError(
            f"`factor_names` must hold {num_factors} names. Received: "
            f"factor_names={list(factor_names)}."
        )
    figure = _figure((2.5 + 0.8 * num_factors, 1.8 + 0.4 * dim))
    axes = figure.add_subplot()
    image = axes.imshow(information, cmap="viridis", vmin=0.0, aspect="auto")
    axes.set_xticks(range(num_factors), factor_names, rotation=30, ha="right")
    axes.set_yticks(range(dim))
    axes.set_ylabel("latent")
    figure.colorbar(image, label="mutual information (nats)")
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def draw_traversals(path: str | os.PathLike, images: Any) -> None:
    """Draws traversals, one row for each latent.

    Args:
        path: Path. The file; its suffix chooses the format.
        images: Array of shape `(dim, steps, height, width, channels)` with 1 or
            3 channels. The minimum becomes black, the maximum white.

    Raises:
        ValueError: If `images` has another shape or is not finite.
        ImportError: If matplotlib is not installed.

    Example:

    ```python
    draw_traversals("traversals.png", np.random.rand(3, 9, 8, 8, 1))
    ```
    """
    images = finite_array(
        "images", images, ("dim", "steps", "height", "width", "channels")
    )
    dim, steps, height, width, channels = images.shape
    if channels not in (1, 3):
        raise ValueError(
            "`images` must have 1 or 3 channels. Received: "
            f"images.shape={images.shape}."
        )
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
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def _figure(size):
    # Apart from pyplot, which keeps figures and needs a display's backend.
    figure = optional_package(
        "matplotlib.figure", "matplotlib", "recipes", "A picture of latents"
    )
    return figure.Figure(figsize=size, dpi=120, layout="constrained")
