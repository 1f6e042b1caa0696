"""Inception score: are samples recognisable, and are they of all kinds?

    IS = exp( E_x KL( p(y|x) || p(y) ) ),    p(y) = E_x p(y|x)

from a classifier's predictions (Salimans et al., "Improved Techniques for
Training GANs", 2016, https://arxiv.org/abs/1606.03498). It lies between 1 and
the number of classes. With a classifier of handwritten digits it is known as
the MNIST score and reaches at most 10.
"""

import numpy as np


def inception_score(
    predictions: np.ndarray,
    splits: int = 1,
    *,
    from_logits: bool = False,
    seed: int | None = None,
) -> float:
    """Inception score, averaged over splits of the samples.

    Args:
        predictions: Array `(samples, classes)`: probabilities, each row
            summing to 1, or logits if `from_logits` is True.
        splits: Number of near-equal parts, each scored by itself. The papers
            use 10 parts of 5,000 samples; small parts are biased low.
        from_logits: Whether `predictions` are logits.
        seed: Seed of a shuffle before splitting, for samples that come sorted
            by class; None keeps the order.

    Returns:
        The mean score over the splits, in `[1, classes]`.

    Raises:
        ValueError: If the predictions are not `(samples, classes)`, not
            probabilities, not finite, or fewer than `splits`.

    Example:

    ```python
    inception_score(np.eye(10))  # 10.0: sure of itself, all classes
    inception_score(np.full((5, 10), 0.1))  # 1.0: no idea
    ```
    """
    scores = inception_score_per_split(
        predictions, splits, from_logits=from_logits, seed=seed
    )
    return float(scores.mean())


def inception_score_per_split(
    predictions: np.ndarray,
    splits: int = 10,
    *,
    from_logits: bool = False,
    seed: int | None = None,
) -> np.ndarray:
    """Inception score of each split; papers report its mean and deviation.

    Args:
        predictions: As for `inception_score`.
        splits: Number of near-equal parts.
        from_logits: Whether `predictions` are logits.
        seed: Seed of a shuffle before splitting; None keeps the order.

    Returns:
        Float64 array `(splits,)`.

    Raises:
        ValueError: As for `inception_score`.

    Example:

    ```python
    scores = inception_score_per_split(np.tile(np.eye(10), (4, 1)), splits=4)
    scores.mean(), scores.std()  # (10.0, 0.0)
    ```
    """
    log_probs = log_probabilities(predictions, from_logits)
    if not 1 <= splits <= len(log_probs):
        raise ValueError(
            f"`splits` must lie between 1 and the number of samples, "
            f"{len(log_probs)}; received splits={splits}."
        )
    if seed is not None:
        log_probs = np.random.default_rng(seed).permutation(log_probs)
    return np.array(
        [_score(part) for part in np.array_split(log_probs, splits)]
    )


def _score(log_probs: np.ndarray) -> float:
    probs = np.exp(log_probs)
    marginal = probs.mean(axis=0)
    # 0 log 0 = 0: a class of zero probability adds nothing to the divergence.
    log_marginal = np.log(np.where(marginal > 0.0, marginal, 1.0))
    log_ratio = np.where(probs > 0.0, log_probs, 0.0) - log_marginal
    divergence = np.where(probs > 0.0, probs * log_ratio, 0.0).sum(axis=1)
    return float(np.exp(divergence.mean()))


def log_probabilities(predictions: np.ndarray, logits: bool) -> np.ndarray:
    predictions = np.asarray(predictions, dtype=np.float64)
    if predictions.ndim != 2 or predictions.size == 0:
        raise ValueError(
            "Expected predictions of shape (samples, classes), received shape "
            f"{predictions.shape}."
        )
    if not np.isfinite(predictions).all():
        raise ValueError(
            "The predictions contain NaN or infinity. Check the samples and "
            "the classifier before scoring them."
        )
    if logits:
        shifted = predictions - predictions.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return shifted - log_total
    totals = predictions.sum(axis=1)
    if predictions.min() < 0.0 or np.abs(totals - 1.0).max() > 1e-3:
        raise ValueError(
            "Expected probabilities: values >= 0 and rows that sum to 1. "
            f"Received a smallest value of {predictions.min():.4g} and row "
            f"sums from {totals.min():.4g} to {totals.max():.4g}. For logits, "
            "pass `from_logits=True`."
        )
    with np.errstate(divide="ignore"):
        return np.log(predictions / totals[:, None])
