"""The handwritten digits of scikit-learn, drawn as large as MNIST's.

The 1,797 real digits of the test set of UCI's "Optical Recognition of
Handwritten Digits" come with scikit-learn, as 8x8 images of 17 gray levels.
Here they are enlarged smoothly, centered by their mass in a larger frame as
MNIST's are, and given MNIST's contrast: white strokes on black.

Reference: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits,
UCI Machine Learning Repository, 1998.
"""

import numpy as np

from keras_gen.data import images as image_sizes
from keras_gen.data import sources

_TRAIN = 1500
# The digit's box takes 20 of 28 pixels, as in MNIST.
_BOX = 20 / 28
_BLACK, _WHITE = 0.35, 0.75


def build(image_size: int | None, seed: int) -> sources.Source:
    """Builds the `digits` source.

    Args:
        image_size: Integer. The height and width, or `None` for 28.
        seed: Integer. The seed of the permutation that splits the digits.

    Returns:
        A `Source` of `image` (uint8, one channel) and `label` (int64) with
        splits `train` (1,500 digits), `test` (297) and `all`.

    Raises:
        ValueError: If the images would not be square.
        ImportError: If scikit-learn is missing.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            "The data set 'digits' comes with scikit-learn, which is not "
            "installed. Install it with `pip install -e '.[recipes]'` in the "
            "checkout."
        ) from error
    height, width = image_sizes.as_size(image_size or 28)
    if height != width:
        raise ValueError(
            "`image_size` of 'digits', which are square, must be one integer. "
            f"Received: image_size={image_size!r}."
        )
    digits = datasets.load_digits()
    labels = digits.target.astype("int64")
    arrays = {
        "image": enlarge(digits.images, height)[..., np.newaxis],
        "label": labels,
    }
    train, test = stratified_split(labels, _TRAIN, seed)
    return sources.Source(
        gather=sources.from_arrays(arrays),
        splits={"train": train, "test": test, "all": np.arange(len(labels))},
        num_classes=10,
    )


def enlarge(grids: np.ndarray, image_size: int) -> np.ndarray:
    """Enlarges small gray digits to images that look like MNIST's.

    Args:
        grids: Float array of shape `(count, rows, columns)`. Ink from 0 to
            any maximum, white on black.
        image_size: Integer. The height and width of the images.

    Returns:
        uint8 array of shape `(count, image_size, image_size)`, from 0 to 255.
    """
    count, rows, columns = grids.shape
    ink = grids / grids.max(axis=(1, 2), keepdims=True)
    mass = ink.sum(axis=(1, 2))
    center_y = (ink.sum(axis=2) * np.arange(rows)).sum(axis=1) / mass
    center_x = (ink.sum(axis=1) * np.arange(columns)).sum(axis=1) / mass
    weights_y = _interpolation(center_y, rows, image_size)
    weights_x = _interpolation(center_x, columns, image_size)
    smooth = weights_y @ ink @ weights_x.transpose(0, 2, 1)
    smooth /= smooth.max(axis=(1, 2), keepdims=True)
    ramp = np.clip((smooth - _BLACK) / (_WHITE - _BLACK), 0.0, 1.0)
    return np.round(255 * ramp * ramp * (3 - 2 * ramp)).astype("uint8")


def _interpolation(centers, cells, image_size):
    """Weights `(count, image_size, cells)` of Catmull and Rom's cubic."""
    pixel = cells / (_BOX * image_size)
    pixels = (np.arange(image_size) - (image_size - 1) / 2) * pixel
    places = centers[:, np.newaxis] + pixels
    distance = np.abs(places[..., np.newaxis] - np.arange(cells))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    weights = np.where(distance < 1, near, far)
    return np.where(distance < 2, weights, 0.0)


def stratified_split(
    labels: np.ndarray, train_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples so that both parts have the same fractions of classes.

    Args:
        labels: 1D integer array.
        train_size: Integer. The number of examples in the first part.
        seed: Integer. The seed of the permutation.

    Returns:
        Two integer arrays of example indices, in permuted order.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * train_size / len(labels)
    quotas = np.floor(exact).astype(int)
    largest = np.argsort(quotas - exact, kind="stable")
    quotas[largest[: train_size - quotas.sum()]] += 1
    in_train = np.zeros(len(labels), bool)
    for label, quota in zip(classes, quotas, strict=True):
        members = order[labels[order] == label]
        in_train[members[:quota]] = True
    return order[in_train[order]], order[~in_train[order]]
