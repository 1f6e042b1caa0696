"""Metrics of data that arrive in batches, as `keras.metrics.Metric`.

Their state is kept by NumPy in float64, outside of compiled steps: update them
from a callback or a loop. For equal batches their results are those of the
functions of the same names for all data at once.
"""

from typing import Any

import keras
import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.likelihood.importance_weighted import StreamingLogMeanExp
from keras_gen.metrics.samples.frechet import (
    FeatureMoments,
    frechet_distance_from_moments,
)
from keras_gen.metrics.samples.inception_score import log_probabilities


class FrechetDistance(keras.metrics.Metric):
    """Fréchet distance between generated and real features.

    Memory does not grow with the number of samples.

    Args:
        real: `FeatureMoments`, array of shape `(samples, dim)` or iterable of
            batches. The features of the real data, which stay when the state is
            reset.
        name: String.

    Example:

    ```python
    rng = np.random.default_rng(0)
    metric = FrechetDistance(real=rng.normal(size=(1000, 4)))
    for _ in range(10):
        metric.update_state(rng.normal(size=(100, 4)))
    metric.result()
    ```

    Reference:

    - [Heusel et al., 2017](https://arxiv.org/abs/1706.08500)
    """

    def __init__(self, real: Any, name: str = "frechet_distance"):
        super().__init__(name=name)
        if not isinstance(real, FeatureMoments):
            batches = [real] if hasattr(real, "shape") else real
            real = FeatureMoments()
            for batch in batches:
                real.update(_features(batch))
        self.real = real
        self.reset_state()

    def update_state(self, features: Any) -> None:
        """Adds a batch of generated features `(batch, dim)`."""
        self._generated.update(_features(features))

    def result(self) -> float:
        """The distance so far; raises `ValueError` below 2 samples."""
        return frechet_distance_from_moments(
            self.real.mean,
            self.real.covariance,
            self._generated.mean,
            self._generated.covariance,
        )

    def reset_state(self) -> None:
        self._generated = FeatureMoments()


class InceptionScore(keras.metrics.Metric):
    """Inception score of all samples as one split.

    Args:
        from_logits: Boolean. Whether predictions are logits; otherwise they
            are probabilities.
        name: String.

    Example:

    ```python
    metric = InceptionScore()
    metric.update_state(np.eye(10))
    metric.result()  # 10.0
    ```

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """

    def __init__(
        self, from_logits: bool = False, name: str = "inception_score"
    ):
        super().__init__(name=name)
        self.from_logits = from_logits
        self.reset_state()

    def update_state(self, predictions: Any) -> None:
        """Adds a batch of predictions `(batch, classes)`."""
        predictions = finite_array(
            "predictions", predictions, ("samples", "classes")
        )
        log_probs = log_probabilities(predictions, self.from_logits)
        probs = np.exp(log_probs)
        if np.shape(self._marginal) not in ((), probs.shape[1:]):
            raise ValueError(
                "All batches must come from the same classifier. Received: "
                f"predictions of {probs.shape[1]} classes after predictions of "
                f"{len(self._marginal)}."
            )
        self._count += len(probs)
        self._marginal = self._marginal + probs.sum(axis=0)
        # 0 log 0 = 0.
        self._negative_entropy += np.where(
            probs > 0.0, probs * np.where(probs > 0.0, log_probs, 0.0), 0.0
        ).sum()

    def result(self) -> float:
        """The score so far, from 1 to the number of classes."""
        if self._count == 0:
            raise ValueError("No predictions yet: call `update_state` first.")
        marginal = self._marginal / self._count
        positive = marginal[marginal > 0.0]
        divergence = self._negative_entropy / self._count
        return float(np.exp(divergence - (positive * np.log(positive)).sum()))

    def reset_state(self) -> None:
        self._count = 0
        self._marginal = 0.0
        self._negative_entropy = 0.0


class NegativeLogLikelihood(keras.metrics.Metric):
    """Mean importance-weighted negative log-likelihood, in nats.

    Args:
        name: String.

    Example:

    ```python
    metric = NegativeLogLikelihood()
    metric.update_state(np.zeros((50, 8)))  # 50 draws, 8 examples
    metric.result()  # 0.0
    ```

    Reference:

    - [Burda et al., 2015](https://arxiv.org/abs/1509.00519)
    """

    def __init__(self, name: str = "negative_log_likelihood"):
        super().__init__(name=name)
        self.reset_state()

    def update_state(self, log_weights: Any) -> None:
        """Adds examples: all log weights `(draws, batch)` of a batch.

        A log weight is `log p(x|z) + log p(z) - log q(z|x)`; `-inf` stands
        for a weight of zero.
        """
        bounds = StreamingLogMeanExp().update(log_weights, axis=0).result()
        self._total -= float(bounds.sum())
        self._count += bounds.size

    def result(self) -> float:
        """The mean over the examples so far."""
        if self._count == 0:
            raise ValueError("No log weights yet: call `update_state` first.")
        return self._total / self._count

    def reset_state(self) -> None:
        self._total, self._count = 0.0, 0


def _features(values: Any) -> np.ndarray:
    return finite_array("features", values, ("samples", "dim"))
