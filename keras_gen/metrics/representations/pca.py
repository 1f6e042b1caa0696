"""PCA reconstruction error (best linear autoencoder)."""

import numpy as np

from keras_gen.metrics.checks import require_finite


def pca_reconstruction_error(
    train: np.ndarray, test: np.ndarray, num_components: int
) -> float:
    """Squared error of examples reconstructed from principal components.

    No linear autoencoder with a code of this size has a smaller error on
    `train`.

    Args:
        train: Array of shape `(n, ...)`. The examples that the mean and the
            components are computed from.
        test: Array of shape `(m, ...)`. The examples that are reconstructed.
        num_components: Integer. The number of components.

    Returns:
        Float. The squared error, summed over an example and averaged over
        `test`.

    Raises:
        ValueError: If values are not finite, or there are more components than
            dimensions.

    Example:

    >>> pca_reconstruction_error(train_images, test_images, 30)  # MNIST
    13.866
    """
    train = np.asarray(train, "float64").reshape(len(train), -1)
    test = np.asarray(test, "float64").reshape(len(test), -1)
    require_finite("train", train)
    require_finite("test", test)
    if not 0 <= num_components <= train.shape[1]:
        raise ValueError(
            f"`num_components` must be from 0 to {train.shape[1]}, the size of "
            f"an example. Received: {num_components=}."
        )
    mean = train.mean(axis=0)
    covariance = np.cov(train, rowvar=False, bias=True).reshape(
        train.shape[1], -1
    )
    _, directions = np.linalg.eigh(covariance)
    kept = directions[:, train.shape[1] - num_components :]
    centered = test - mean
    total = np.sum(centered**2) - np.sum((centered @ kept) ** 2)
    return float(total / len(test))
