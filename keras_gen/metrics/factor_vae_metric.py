"""The FactorVAE metric: which latent stays put when a factor does?

A set of images shares the value of one factor. The latent whose variance among
them is the smallest part of its variance over all data votes for that factor.
A classifier that answers each latent with the factor it voted for most is
judged by further votes.

Source: H. Kim, A. Mnih, "Disentangling by Factorising", 2018,
https://arxiv.org/abs/1802.05983. Numbers of draws as in F. Locatello et al.,
2019, https://arxiv.org/abs/1811.12359; the paper took 800 votes.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.beta_vae_metric import check_counts, factors_to_tell
from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.factors import FactorData, encode_factors


class FactorVAEScore(NamedTuple):
    """What `factor_vae_score` returns.

    Attributes:
        score: Accuracy on votes that the classifier was not made from; 0 if
            every latent was pruned.
        train_accuracy: Accuracy on those that it was made from.
        num_active: Number of latents that were not pruned.
        votes: Training votes, int64 `(dim, factors)`: how often each latent
            varied least while each factor was fixed.
    """

    score: float
    train_accuracy: float
    num_active: int
    votes: np.ndarray


def factor_vae_score(
    data: FactorData,
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
    """Accuracy of telling a fixed factor from the latent that varies least.

    It encodes `num_images (num_train + num_test) + num_variance` images. A
    factor of one value is never the one that is fixed. The score does not
    change when latents are scaled or shifted, as long as none crosses the
    threshold.

    Args:
        data: `FactorData`.
        encoder: Callable from images to codes, model with `encode`, or None
            if the data's images are codes.
        num_images: Number of images that share a factor, at least 2.
        num_train: Number of votes that the classifier is made from.
        num_test: Number of votes that it is judged by.
        num_variance: Number of images that the variance over all data is
            estimated from, at least 2.
        threshold: Standard deviation below which a latent is pruned: left at
            the prior, it says nothing.
        batch_size: Number of images encoded at a time.
        seed: Seed of the factors.

    Returns:
        A `FactorVAEScore`: 1 for perfect codes, about one over the number of
        factors for codes without information.

    Raises:
        ValueError: If a number is too small, less than two factors vary, or
            codes are not finite.

    Example:

    ```python
    data = FactorData((3, 6, 8, 8))
    factor_vae_score(data, num_train=500, num_test=200).score  # 1.0
    ```
    """
    check_counts(num_images - 1, num_train, num_test, num_variance - 1)
    choices = factors_to_tell(data)
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
        within: Variance of each latent within each set, `(sets, dim)`.
        variances: Variance of each latent over all data, `(dim,)`.
        fixed: The factor that each set shares, integers `(sets,)`.
        num_factors: Number of factors.
        threshold: Standard deviation over all data below which a latent has
            no vote.

    Returns:
        int64 array `(dim, num_factors)`. It holds one vote for each set, or
        none at all if every latent is pruned.

    Raises:
        ValueError: If shapes do not fit or a variance is not finite.

    Example:

    ```python
    vote_table([[0.0, 0.9]], [1.0, 1.0], [1], num_factors=2)
    # [[0, 1], [0, 0]]
    ```
    """
    within = finite_array("`within`", within, ("sets", "dim"))
    variances = finite_array("`variances`", variances, ("dim",))
    fixed = np.asarray(fixed)
    if within.shape != (fixed.size, variances.size):
        raise ValueError(
            "Expected variances (sets, dim), (dim,) and a fixed factor for "
            f"each set; received shapes {within.shape}, {variances.shape} and "
            f"{fixed.shape}."
        )
    votes = np.zeros((variances.size, num_factors), dtype=np.int64)
    active = np.flatnonzero(_active(variances, threshold))
    if active.size:
        shares = within[:, active] / variances[active]
        np.add.at(votes, (active[shares.argmin(axis=1)], fixed), 1)
    return votes


def factor_vae_score_from_votes(
    train_votes: Any, test_votes: Any
) -> tuple[float, float]:
    """Accuracy of answering each latent with the factor it voted for most.

    Args:
        train_votes: Counts `(dim, factors)` that the answers come from.
        test_votes: Counts `(dim, factors)` that they are judged by.

    Returns:
        Accuracy on the test votes and on the training votes; 0 without votes.

    Raises:
        ValueError: If shapes differ or a count is not finite.

    Example:

    ```python
    factor_vae_score_from_votes([[9, 1], [0, 5]], [[3, 1], [1, 3]])
    # (0.75, 0.933)
    ```
    """
    train = finite_array("`train_votes`", train_votes, ("dim", "factors"))
    test = finite_array("`test_votes`", test_votes, ("dim", "factors"))
    if train.shape != test.shape:
        raise ValueError(
            "Expected train and test votes of one shape, received "
            f"{train.shape} and {test.shape}."
        )
    answers = train.argmax(axis=1)
    rows = np.arange(len(train))
    return tuple(
        float(votes[rows, answers].sum() / max(votes.sum(), 1.0))
        for votes in (test, train)
    )


def _active(variances, threshold):
    return (np.sqrt(variances) >= threshold) & (variances > 0.0)
