"""Linear probe: the error of a linear classifier on codes."""

import keras
import numpy as np

from keras_gen.metrics.checks import require_finite


def linear_probe(
    train_codes: np.ndarray,
    train_labels: np.ndarray,
    test_codes: np.ndarray,
    test_labels: np.ndarray,
    epochs: int = 6,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> float:
    """Error of a softmax regression on codes, in percent.

    The codes are not standardized; the regression starts from zero and is
    trained by Adam.

    Args:
        train_codes: Array of shape `(n, ...)`, which is flattened to
            `(n, size)`.
        train_labels: Integer array of shape `(n,)`. Classes from 0.
        test_codes: Array of shape `(m, ...)`.
        test_labels: Integer array of shape `(m,)`.
        epochs: Integer. The number of epochs.
        batch_size: Integer. The batch size.
        learning_rate: Float. The learning rate of Adam.
        seed: Integer. Seed of the order of the examples.

    Returns:
        Float from 0 to 100. The percentage of misclassified test examples.

    Raises:
        ValueError: If codes and labels differ in length, codes are not finite,
            or a test class is missing in training.

    Example:

    >>> linear_probe(codes, labels, test_codes, test_labels)
    4.8
    """
    train_codes, test_codes = (
        np.asarray(codes, "float32").reshape(len(codes), -1)
        for codes in (train_codes, test_codes)
    )
    require_finite("train_codes", train_codes)
    require_finite("test_codes", test_codes)
    train_labels = np.asarray(train_labels).reshape(-1)
    test_labels = np.asarray(test_labels).reshape(-1)
    for codes, labels, name in (
        (train_codes, train_labels, "train"),
        (test_codes, test_labels, "test"),
    ):
        if len(codes) != len(labels) or not len(codes):
            raise ValueError(
                "There must be one label per code. Received: "
                f"len({name}_codes)={len(codes)}, "
                f"len({name}_labels)={len(labels)}."
            )
    unknown = set(test_labels.tolist()) - set(train_labels.tolist())
    if unknown:
        raise ValueError(
            "`test_labels` must be among the classes of `train_labels`. "
            f"Received: {sorted(unknown)}, which are not."
        )
    probe = keras.Sequential(
        [
            keras.Input(train_codes.shape[1:]),
            keras.layers.Dense(
                int(train_labels.max()) + 1,
                kernel_initializer="zeros",
                dtype="float32",
            ),
        ]
    )
    probe.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(train_codes))
        probe.fit(
            train_codes[order],
            train_labels[order],
            batch_size=batch_size,
            shuffle=False,
            verbose=0,
        )
    logits = probe.predict(test_codes, batch_size=1000, verbose=0)
    return 100.0 * float(np.mean(logits.argmax(axis=1) != test_labels))
