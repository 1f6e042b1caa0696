"""What a linear code of a given size can do."""

import numpy as np

from keras_gen.metrics.checks import require_finite


def pca_reconstruction_error(
    train: np.ndarray, test: np.ndarray, num_components: int
) -> float:
    """Mean squared error of examples rebuilt from principal components.

    No linear autoencoder with a code of this size does better on `train`.

    Args:
        train: Array of shape `(n, ...)`: what the mean and the directions
            are taken from.
        test: Array of shape `(m, ...)`: what is rebuilt.
        num_components: Integer. The size of the code.

    Returns:
        The squared error, summed over an example and averaged over `test`.

    Raises:
        ValueError: If values are not finite, or there are fewer entries than
            components.

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
            f"Examples of {train.shape[1]} entries have from 0 to "
            f"{train.shape[1]} components. Received: "
            f"num_components={num_components}."
        )
    mean = train.mean(axis=0)
    covariance = np.cov(train, rowvar=False, bias=True).reshape(
        train.shape[1], -1
    )
    _, directions = np.linalg.eigh(covariance)
    kept = directions[:, train.shape[1] - num_components :]
    centred = test - mean
    total = np.sum(centred**2) - np.sum((centred @ kept) ** 2)
    return float(total / len(test))
