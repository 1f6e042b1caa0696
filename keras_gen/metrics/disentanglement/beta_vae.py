"""The beta-VAE metric.

Pairs of images that agree in one factor have, in a disentangled code, equal
values in one latent. A linear classifier is trained to predict that factor
from the mean absolute difference of the codes of several pairs; the score is
its accuracy on further draws.

The classifier sees the scale of the codes: unlike the FactorVAE metric, the
score may change when a latent is rescaled.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_gen.checks import check_positive
from keras_gen.metrics.checks import finite_array, optional_package
from keras_gen.metrics.disentanglement.factors import encode_factors

if TYPE_CHECKING:
    from keras_gen.data.factors import FactorData


class BetaVAEScore(NamedTuple):
    """Result of `beta_vae_score`.

    Attributes:
        score: Float. The accuracy on held-out draws.
        train_accuracy: Float. The accuracy on the training draws.
    """

    score: float
    train_accuracy: float


def beta_vae_score(
    data: "FactorData",
    encoder: Any = None,
    *,
    num_pairs: int = 64,
    num_train: int = 10000,
    num_test: int = 5000,
    batch_size: int = 1024,
    seed: int = 0,
) -> BetaVAEScore:
    """Accuracy of predicting a shared factor from differences of codes.

    It encodes `2 num_pairs (num_train + num_test)` images. A constant factor is
    never the one that is shared.

    Args:
        data: `keras_gen.data.FactorData`.
        encoder: Model or function. As for `encode_factors`; None if the images
            of the data are codes.
        num_pairs: Integer. The number of pairs whose differences are averaged.
        num_train: Integer. The number of averages that the classifier is
            trained on.
        num_test: Integer. The number of averages that it is tested on.
        batch_size: Integer. The number of images encoded at a time.
        seed: Integer. Seed of the factors.

    Returns:
        A `BetaVAEScore`: 1 for perfect codes, one over the number of factors
        for codes without information.

    Raises:
        ValueError: If a number is below 1, fewer than two factors vary, or
            codes are not finite.
        ImportError: If scikit-learn is not installed.

    Example:

    ```python
    data = FactorData((3, 6, 8, 8))
    beta_vae_score(data, num_train=500, num_test=200).score  # 1.0
    ```

    Reference:

    - [Higgins et al., 2017](https://openreview.net/forum?id=Sy2fzU9gl)
    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359),
      for the numbers of draws and the classifier
    """
    check_positive(num_pairs=num_pairs, num_train=num_train, num_test=num_test)
    choices = factors_that_vary(data)
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
        train_differences: Array of shape `(num_train, dim)`. Mean absolute
            differences.
        train_labels: Integer array of shape `(num_train,)`. The shared factors.
        test_differences: Array of shape `(num_test, dim)`. The same of held-out
            draws.
        test_labels: Integer array of shape `(num_test,)`.

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
        "sklearn.linear_model", "scikit-learn", "recipes", "`beta_vae_score`"
    )
    train = finite_array(
        "train_differences", train_differences, ("draws", "dim")
    )
    test = finite_array("test_differences", test_differences, ("draws", "dim"))
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
            "There must be one label per difference, and one size of codes. "
            f"Received: train_differences.shape={train.shape}, "
            f"train_labels.shape={train_labels.shape}, "
            f"test_differences.shape={test.shape}, "
            f"test_labels.shape={test_labels.shape}."
        )
    if len(np.unique(train_labels)) < 2:
        raise ValueError(
            "`train_labels` must hold at least 2 factors. Received: "
            "train_labels with one value. Draw more of them."
        )
    classifier = linear_model.LogisticRegression(max_iter=1000)
    classifier.fit(train, train_labels)
    return BetaVAEScore(
        float(classifier.score(test, test_labels)),
        float(classifier.score(train, train_labels)),
    )


def factors_that_vary(data: "FactorData") -> np.ndarray:
    """The factors of more than one value, of which there must be 2.

    Args:
        data: `FactorData`.

    Returns:
        Integer array. The indices of the factors.

    Raises:
        ValueError: If there are fewer than 2.

    Example:

    ```python
    factors_that_vary(FactorData((3, 1, 8)))  # [0, 2]
    ```
    """
    choices = np.flatnonzero(np.asarray(data.factor_sizes) > 1)
    if len(choices) < 2:
        raise ValueError(
            "`data` must have at least 2 factors that vary. Received: "
            f"factor_sizes={tuple(data.factor_sizes)}."
        )
    return choices
