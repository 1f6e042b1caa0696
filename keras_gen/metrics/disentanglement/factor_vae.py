"""The FactorVAE metric.

A set of images shares the value of one factor. The latent whose variance among
them is the smallest relative to its variance over all data votes for that
factor. The majority vote of each latent is a classifier, which is tested on
further votes.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_gen.checks import check_positive
from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.disentanglement.beta_vae import factors_that_vary
from keras_gen.metrics.disentanglement.factors import encode_factors

if TYPE_CHECKING:
    from keras_gen.data.factors import FactorData


class FactorVAEScore(NamedTuple):
    """Result of `factor_vae_score`.

    Attributes:
        score: Float. The accuracy on held-out votes; 0 if every latent was
            pruned.
        train_accuracy: Float. The accuracy on the training votes.
        num_active: Integer. The number of latents that were not pruned.
        votes: int64 array of shape `(dim, factors)`. The training votes: how
            often each latent varied least while each factor was fixed.
    """

    score: float
    train_accuracy: float
    num_active: int
    votes: np.ndarray


def factor_vae_score(
    data: "FactorData",
    encoder: Any = None,
    *,
    num_images: int = 64,
    num_train: int = 10000,
    num_test: int = 5000,
    num_variance: int = 10000,
    threshold: float = 0.05,
    batch_size: int = 1024,
    seed: int = 0,
) -> FactorVAEScore:
    """Accuracy of predicting a fixed factor from the latent that varies least.

    It encodes `num_images (num_train + num_test) + num_variance` images. A
    constant factor is never the one that is fixed. The score does not change
    when latents are scaled or shifted, as long as none crosses the threshold.

    Args:
        data: `keras_gen.data.FactorData`.
        encoder: Model or function. As for `encode_factors`; None if the images
            of the data are codes.
        num_images: Integer. The number of images that share a factor, at least
            2.
        num_train: Integer. The number of votes that the classifier is made of.
        num_test: Integer. The number of votes that it is tested on.
        num_variance: Integer. The number of images that the variance over all
            data is estimated from, at least 2.
        threshold: Float. The standard deviation below which a latent is pruned,
            since it has collapsed to the prior.
        batch_size: Integer. The number of images encoded at a time.
        seed: Integer. Seed of the factors.

    Returns:
        A `FactorVAEScore`: 1 for perfect codes, about one over the number of
        factors for codes without information.

    Raises:
        ValueError: If a number is too small, fewer than two factors vary, or
            codes are not finite.

    Example:

    ```python
    data = FactorData((3, 6, 8, 8))
    factor_vae_score(data, num_train=500, num_test=200).score  # 1.0
    ```

    Reference:

    - [Kim and Mnih, 2018](https://arxiv.org/abs/1802.05983)
    - [Locatello et al., 2019](https://arxiv.org/abs/1811.12359),
      for the numbers of votes, of which the paper took 800
    """
    check_positive(num_train=num_train, num_test=num_test)
    if min(num_images, num_variance) < 2:
        raise ValueError(
            "`num_images` and `num_variance` must be at least 2. Received: "
            f"{num_images=}, {num_variance=}."
        )
    choices = factors_that_vary(data)
    rng = np.random.default_rng(seed)
    factors = data.sample_factors(num_variance, rng)
    codes, _ = encode_factors(data, encoder, factors, batch_size)
    variances = codes.var(axis=0, ddof=1)
    tables = []
    for num in (num_train, num_test):
        fixed = rng.choice(choices, size=num)
        first = np.repeat(data.sample_factors(num, rng), num_images, axis=0)
        columns = np.repeat(fixed, num_images)
        factors = data.sample_matching(first, columns, rng)
        codes, _ = encode_factors(data, encoder, factors, batch_size)
        within = codes.reshape(num, num_images, -1).var(axis=1, ddof=1)
        votes = vote_table(
            within, variances, fixed, data.num_factors, threshold
        )
        tables.append(votes)
    score, train_accuracy = factor_vae_score_from_votes(*tables)
    active = int(_active(variances, threshold).sum())
    return FactorVAEScore(score, train_accuracy, active, tables[0])


def vote_table(
    within: Any,
    variances: Any,
    fixed: Any,
    num_factors: int,
    threshold: float = 0.05,
) -> np.ndarray:
    """Counts the votes of sets of images that share a factor.

    Args:
        within: Array of shape `(sets, dim)`. The variance of each latent within
            each set.
        variances: Array of shape `(dim,)`. The variance of each latent over all
            data.
        fixed: Integer array of shape `(sets,)`. The factor that each set
            shares.
        num_factors: Integer. The number of factors.
        threshold: Float. The standard deviation over all data below which a
            latent has no vote.

    Returns:
        int64 array of shape `(dim, num_factors)`. One vote per set, or none at
        all if every latent is pruned.

    Raises:
        ValueError: If shapes do not fit or a variance is not finite.

    Example:

    ```python
    vote_table([[0.0, 0.9]], [1.0, 1.0], [1], num_factors=2)
    # [[0, 1], [0, 0]]
    ```
    """
    within = finite_array("within", within, ("sets", "dim"))
    variances = finite_array("variances", variances, ("dim",))
    fixed = np.asarray(fixed)
    if within.shape != (fixed.size, variances.size):
        raise ValueError(
            "`within`, `variances` and `fixed` must have the shapes (sets, "
            f"dim), (dim,) and (sets,). Received: within.shape={within.shape}, "
            f"variances.shape={variances.shape}, fixed.shape={fixed.shape}."
        )
    votes = np.zeros((variances.size, num_factors), dtype=np.int64)
    active = np.flatnonzero(_active(variances, threshold))
    if active.size:
        ratios = within[:, active] / variances[active]
        np.add.at(votes, (active[ratios.argmin(axis=1)], fixed), 1)
    return votes


def factor_vae_score_from_votes(
    train_votes: Any, test_votes: Any
) -> tuple[float, float]:
    """Accuracy of predicting the factor that each latent voted for most.

    Args:
        train_votes: Array of shape `(dim, factors)`. The votes that the
            majority is taken of.
        test_votes: Array of shape `(dim, factors)`. The votes that it is tested
            on.

    Returns:
        Floats. The accuracy on the test votes and on the training votes; 0
        without votes.

    Raises:
        ValueError: If shapes differ or a count is not finite.

    Example:

    ```python
    factor_vae_score_from_votes([[9, 1], [0, 5]], [[3, 1], [1, 3]])
    # (0.75, 0.933)
    ```
    """
    train = finite_array("train_votes", train_votes, ("dim", "factors"))
    test = finite_array("test_votes", test_votes, ("dim", "factors"))
    if train.shape != test.shape:
        raise ValueError(
            "`train_votes` and `test_votes` must have the same shape. "
            f"Received: train_votes.shape={train.shape}, "
            f"test_votes.shape={test.shape}."
        )
    answers = train.argmax(axis=1)
    rows = np.arange(len(train))
    return tuple(
        float(votes[rows, answers].sum() / max(votes.sum(), 1.0))
        for votes in (test, train)
    )


def _active(variances, threshold):
    return (np.sqrt(variances) >= threshold) & (variances > 0.0)
