"""The beta-VAE metric: which factor did two sets of images share?

Pairs of images that agree in one factor y have, in a disentangled code, equal
values in one latent. The mean absolute difference of the codes of several
pairs is what a linear classifier is given to tell y. The score is its accuracy
on further draws.

The classifier sees the codes' scale: unlike the FactorVAE metric, the score
may change when a latent is stretched.

Source: I. Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a
Constrained Variational Framework", 2017. Numbers of draws and classifier as in
F. Locatello et al., 2019, https://arxiv.org/abs/1811.12359.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.factors import FactorData, encode_factors


class BetaVAEScore(NamedTuple):
    """What `beta_vae_score` returns.

    Attributes:
        score: Accuracy on draws that the classifier was not fitted to.
        train_accuracy: Accuracy on those that it was fitted to.
    """

    score: float
    train_accuracy: float


def beta_vae_score(
    data: FactorData,
    encoder: Any = None,
    *,
    num_pairs: int = 64,
    num_train: int = 10000,
    num_test: int = 5000,
    batch_size: int = 1024,
    seed: int = 0,
) -> BetaVAEScore:
    """Accuracy of telling a shared factor from differences of codes.

    It encodes `2 num_pairs (num_train + num_test)` images. A factor of one
    value is never the one that is shared.

    Args:
        data: `FactorData`.
        encoder: Callable from images to codes, model with `encode`, or None
            if the data's images are codes.
        num_pairs: Number of pairs whose differences are averaged.
        num_train: Number of averages that the classifier is fitted to.
        num_test: Number of averages that it is judged by.
        batch_size: Number of images encoded at a time.
        seed: Seed of the factors.

    Returns:
        A `BetaVAEScore`: 1 for perfect codes, one over the number of factors
        for codes without information.

    Raises:
        ValueError: If a number is below 1, less than two factors vary, or
            codes are not finite.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    data = FactorData((3, 6, 8, 8))
    beta_vae_score(data, num_train=500, num_test=200).score  # 1.0
    ```
    """
    check_counts(num_pairs, num_train, num_test)
    choices = factors_to_tell(data)
    rng = np.random.default_rng(seed)
    parts = []
    for num in (num_train, num_test):
        shared = rng.choice(choices, size=num)
        first = data.sample_factors(num * num_pairs, rng)
        columns = np.repeat(shared, num_pairs)
        second = data.sample_matching(first, columns, rng)
        a, _ = encode_factors(data, encoder, first, batch_size)
        b, _ = encode_factors(data, encoder, second, batch_size)
        differences = np.abs(a - b).reshape(num, num_pairs, -1).mean(axis=1)
        parts += [differences, shared]
    return beta_vae_score_from_differences(*parts)


def beta_vae_score_from_differences(
    train_differences: Any,
    train_labels: Any,
    test_differences: Any,
    test_labels: Any,
) -> BetaVAEScore:
    """The classifier of `beta_vae_score`: a logistic regression.

    Args:
        train_differences: Mean absolute differences `(num_train, dim)`.
        train_labels: Which factor was shared, integers `(num_train,)`.
        test_differences: The same of further draws, `(num_test, dim)`.
        test_labels: Integers `(num_test,)`.

    Returns:
        A `BetaVAEScore`.

    Raises:
        ValueError: If shapes do not fit or a value is not finite.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    differences, labels = [[0.0, 1.0], [1.0, 0.0]] * 50, [0, 1] * 50
    beta_vae_score_from_differences(
        differences, labels, differences, labels
    ).score  # 1.0
    ```
    """
    linear_model = optional_package(
        "sklearn.linear_model", "scikit-learn", "`beta_vae_score`"
    )
    train = finite_array("`differences`", train_differences, ("draws", "dim"))
    test = finite_array("`differences`", test_differences, ("draws", "dim"))
    train_labels, test_labels = (
        np.asarray(train_labels),
        np.asarray(test_labels),
    )
    if (
        train_labels.shape != train.shape[:1]
        or test_labels.shape != test.shape[:1]
        or train.shape[1] != test.shape[1]
    ):
        raise ValueError(
            "Expected one label for each difference, and codes of one size; "
            f"received differences of shape {train.shape} and {test.shape} "
            f"with labels of shape {train_labels.shape} and "
            f"{test_labels.shape}."
        )
    if len(np.unique(train_labels)) < 2:
        raise ValueError(
            "The training draws share the same factor, so there is nothing to "
            "tell. Draw more of them."
        )
    classifier = linear_model.LogisticRegression(max_iter=1000)
    classifier.fit(train, train_labels)
    return BetaVAEScore(
        float(classifier.score(test, test_labels)),
        float(classifier.score(train, train_labels)),
    )


def factors_to_tell(data: FactorData) -> np.ndarray:
    """The factors that take more than one value, of which there must be 2.

    Args:
        data: `FactorData`.

    Returns:
        Indices of the factors.

    Raises:
        ValueError: If there are fewer than 2.

    Example:

    ```python
    factors_to_tell(FactorData((3, 1, 8)))  # [0, 2]
    ```
    """
    choices = np.flatnonzero(np.asarray(data.factor_sizes) > 1)
    if len(choices) < 2:
        raise ValueError(
            "Telling factors apart needs 2 that vary; received factors of "
            f"sizes {tuple(data.factor_sizes)}."
        )
    return choices


def check_counts(*counts: int) -> None:
    """Refuses numbers of draws below 1.

    Args:
        *counts: Integers.

    Raises:
        ValueError: If one is below 1.

    Example:

    ```python
    check_counts(64, 10000)
    ```
    """
    if min(counts) < 1:
        raise ValueError(
            f"Numbers of draws must be at least 1, received {counts}."
        )
