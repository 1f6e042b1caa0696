"""Inception score of a classifier's predictions on samples.

    IS = exp( E_x KL( p(y|x) || p(y) ) ),    p(y) = E_x p(y|x)

It lies between 1 and the number of classes. With a classifier of handwritten
digits it is known as the MNIST score and reaches at most 10.
"""

import numpy as np

from keras_gen.metrics.checks import require_finite


def inception_score(
    predictions: np.ndarray,
    splits: int = 1,
    *,
    from_logits: bool = False,
    seed: int | None = None,
) -> float:
    """Inception score, averaged over splits of the samples.

    Args:
        predictions: Array of shape `(samples, classes)`. Probabilities, with
            rows that sum to 1, or logits if `from_logits`.
        splits: Integer. The number of near-equal splits, each scored
            separately. The papers use 10 splits of 5,000 samples; small splits
            are biased low.
        from_logits: Boolean. Whether `predictions` are logits.
        seed: Integer. Seed of a shuffle before splitting, for samples sorted by
            class; None keeps the order.

    Returns:
        Float in `[1, classes]`. The mean score over the splits.

    Raises:
        ValueError: If the predictions are not `(samples, classes)`, not
            probabilities, not finite, or fewer than `splits`.

    Example:

    ```python
    inception_score(np.eye(10))  # 10.0: confident, all classes
    inception_score(np.full((5, 10), 0.1))  # 1.0: uncertain
    ```

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
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
    """Inception score of each split; papers report the mean and the deviation.

    Args:
        predictions: Array of shape `(samples, classes)`. As for
            `inception_score`.
        splits: Integer. The number of near-equal splits.
        from_logits: Boolean. Whether `predictions` are logits.
        seed: Integer. Seed of a shuffle before splitting; None keeps the order.

    Returns:
        float64 array of shape `(splits,)`.

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
            "`splits` must be from 1 to the number of samples. Received: "
            f"{splits=} for {len(log_probs)} samples."
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
            "`predictions` must have the shape (samples, classes). Received: "
            f"predictions.shape={predictions.shape}."
        )
    require_finite("predictions", predictions)
    if logits:
        shifted = predictions - predictions.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return shifted - log_total
    totals = predictions.sum(axis=1)
    if predictions.min() < 0.0 or np.abs(totals - 1.0).max() > 1e-3:
        raise ValueError(
            "`predictions` must be probabilities, with rows that sum to 1. "
            f"Received: a smallest value of {predictions.min():.4g} and row "
            f"sums from {totals.min():.4g} to {totals.max():.4g}. Pass "
            "`from_logits=True` for logits."
        )
    with np.errstate(divide="ignore"):
        return np.log(predictions / totals[:, None])
