"""Classes and clusters: do what a model says and what is true agree?

`classifier_agreement` judges conditional samples: does a classifier see the
class that was asked for? The others judge clusters, whose numbers mean
nothing by themselves and are first mapped to classes.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.metrics.checks import finite_array, optional_package

_METHODS = ("one_to_one", "majority", "most_confident")


class MatchedAccuracy(NamedTuple):
    """What `matched_accuracy` returns.

    Attributes:
        accuracy: Share of samples whose cluster is mapped to their class.
        mapping: Class of each cluster, integers `(clusters,)`; -1 where a
            cluster has none, so that all of its samples count as wrong.
    """

    accuracy: float
    mapping: np.ndarray


def classifier_agreement(logits_or_labels: Any, targets: Any) -> float:
    """Share of samples in which a classifier sees the intended class.

    Args:
        logits_or_labels: What a classifier says of each sample: scores
            `(samples, classes)`, logits or probabilities, of which the
            largest counts, or integer labels `(samples,)`.
        targets: The class each sample was to show, integers `(samples,)`.

    Returns:
        The share, in [0, 1]. A classifier that errs on real images bounds it:
        report its accuracy beside it.

    Raises:
        ValueError: If the numbers of samples differ, labels are not integers
            of at least 0, scores are not finite, or a target is none of the
            scores' classes.

    Example:

    ```python
    classifier_agreement([0, 1, 1, 3], targets=[0, 1, 2, 3])  # 0.75
    ```
    """
    predicted, num_classes = _labels("`logits_or_labels`", logits_or_labels)
    targets = _integers("`targets`", targets)
    _same_number(predicted, targets)
    if num_classes is not None:
        _below("`targets`", targets, num_classes, "classes")
    return float(np.mean(predicted == targets))


def matched_accuracy(
    clusters: Any,
    labels: Any,
    method: str = "one_to_one",
    *,
    mapping: Any = None,
    num_clusters: int | None = None,
    num_classes: int | None = None,
) -> MatchedAccuracy:
    """Accuracy of a clustering once clusters are mapped to classes.

    With as many clusters as samples any mapping but "one_to_one" is right
    everywhere. So find it on one set and judge it on another:

    ```python
    mapping = matched_accuracy(clusters, labels, "majority").mapping
    matched_accuracy(test_clusters, test_labels, mapping=mapping).accuracy
    ```

    Args:
        clusters: Cluster of each sample, integers `(samples,)`, or scores
            `(samples, clusters)`, of which the largest counts.
        labels: True class of each sample, integers `(samples,)`.
        method: How clusters are mapped. `"one_to_one"`: no two clusters to
            one class, with the most agreement (the Hungarian method; needs
            scipy); of more clusters than classes, some stay without a class.
            `"majority"`: each cluster to the class that is the most frequent
            in it, of equally frequent ones the first. `"most_confident"`:
            each cluster to the class of the one sample with its highest
            probability, as in Makhzani et al., "Adversarial Autoencoders",
            2015, https://arxiv.org/abs/1511.05644; `clusters` must be
            probabilities.
        mapping: A mapping found before, used in place of `method`: class of
            each cluster, integers, -1 for none.
        num_clusters: Number of clusters; by default as many as `clusters`
            show.
        num_classes: Number of classes; by default as many as `labels` show.

    Returns:
        A `MatchedAccuracy`: the accuracy and the mapping.

    Raises:
        ValueError: If the numbers of samples differ, labels are not integers
            in range, the method is unknown, or lacks probabilities.
        ImportError: If scipy is needed and not installed.

    Example:

    ```python
    matched_accuracy([1, 1, 0, 2], labels=[0, 0, 1, 1], method="majority")
    # MatchedAccuracy(accuracy=1.0, mapping=array([1, 0, 1]))
    ```
    """
    assigned, width = _labels("`clusters`", clusters)
    labels = _integers("`labels`", labels)
    _same_number(assigned, labels)
    if mapping is not None:
        mapping = _integers("`mapping`", mapping, lowest=-1)
        num_clusters = len(mapping)
    elif num_clusters is None:
        num_clusters = int(assigned.max()) + 1 if width is None else width
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    _below("`clusters`", assigned, num_clusters, "clusters")
    _below("`labels`", labels, num_classes, "classes")
    if mapping is None:
        if method not in _METHODS:
            raise ValueError(
                f"Expected `method` to be one of {', '.join(_METHODS)}; "
                f"received {method!r}."
            )
        if method == "most_confident":
            mapping = _most_confident(clusters, labels, width, num_clusters)
        else:
            counts = _contingency(assigned, labels, num_clusters, num_classes)
            find = _one_to_one if method == "one_to_one" else _majority
            mapping = find(counts)
    accuracy = float(np.mean(mapping[assigned] == labels))
    return MatchedAccuracy(accuracy, mapping)


def normalized_mutual_information(clusters: Any, labels: Any) -> float:
    """Mutual information of clusters and classes over their mean entropy.

        I(clusters; labels) / ((H(clusters) + H(labels)) / 2)

    It needs no mapping, and rises with the number of clusters less readily
    than the accuracy of a majority mapping.

    Args:
        clusters: Integers `(samples,)`, or scores `(samples, clusters)`.
        labels: Integers `(samples,)`.

    Returns:
        A number in [0, 1]: 0 if they are independent, 1 if each tells the
        other. With a single cluster and a single class it is 1.

    Raises:
        ValueError: If the numbers of samples differ, or labels are not
            integers of at least 0.

    Example:

    ```python
    normalized_mutual_information([0, 0, 1, 1], [5, 5, 3, 3])  # 1.0
    ```
    """
    clusters, _ = _labels("`clusters`", clusters)
    labels = _integers("`labels`", labels)
    _same_number(clusters, labels)
    joint = _contingency(
        clusters, labels, int(clusters.max()) + 1, int(labels.max()) + 1
    )
    entropies = [
        _entropy(joint.sum(axis=1)),
        _entropy(joint.sum(axis=0)),
        _entropy(joint.ravel()),
    ]
    mean = (entropies[0] + entropies[1]) / 2.0
    if mean == 0.0:
        return 1.0
    information = entropies[0] + entropies[1] - entropies[2]
    return float(min(max(information / mean, 0.0), 1.0))


def _one_to_one(counts):
    optimize = optional_package(
        "scipy.optimize", "scipy", "The one-to-one matching of clusters"
    )
    rows, columns = optimize.linear_sum_assignment(counts, maximize=True)
    mapping = np.full(len(counts), -1)
    mapping[rows] = columns
    return mapping


def _majority(counts):
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


def _most_confident(clusters, labels, width, num_clusters):
    if width is None:
        raise ValueError(
            "The most confident sample of a cluster is found from "
            "probabilities (samples, clusters); received labels. Pass the "
            "probabilities, or choose the method 'majority'."
        )
    probabilities = finite_array(
        "`clusters`", clusters, ("samples", "clusters")
    )
    totals = probabilities.sum(axis=1)
    if probabilities.min() < 0.0 or np.abs(totals - 1.0).max() > 1e-3:
        raise ValueError(
            "The most confident sample of a cluster is found from "
            "probabilities: values >= 0 and rows that sum to 1. Received a "
            f"smallest value of {probabilities.min():.4g} and row sums from "
            f"{totals.min():.4g} to {totals.max():.4g}. Pass the softmax of "
            "logits."
        )
    mapping = np.full(num_clusters, -1)
    mapping[:width] = labels[probabilities.argmax(axis=0)]
    return mapping


def _contingency(clusters, labels, num_clusters, num_classes):
    pairs = clusters * num_classes + labels
    counts = np.bincount(pairs, minlength=num_clusters * num_classes)
    return counts.reshape(num_clusters, num_classes)


def _entropy(counts):
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _labels(name, values):
    """Integer labels, and the number of columns they were the largest of."""
    values = _to_numpy(values)
    if values.ndim == 2:
        scores = finite_array(name, values, ("samples", "classes"))
        return scores.argmax(axis=1), scores.shape[1]
    return _integers(name, values), None


def _integers(name, values, lowest=0):
    values = _to_numpy(values)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"Expected {name} to be a vector of integers with at least one, "
            f"received shape {values.shape}. For one-hot rows, pass "
            "`np.argmax(rows, axis=-1)`."
        )
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"Expected {name} to be integers, received {values.dtype}."
        )
    if values.min() < lowest:
        raise ValueError(
            f"Expected {name} of at least {lowest}, received {values.min()}."
        )
    return values.astype(np.int64)


def _same_number(predicted, labels):
    if len(predicted) != len(labels):
        raise ValueError(
            "Expected one label for each sample, received "
            f"{len(predicted)} samples and {len(labels)} labels."
        )


def _below(name, values, number, kind):
    if values.max() >= number:
        raise ValueError(
            f"{name} go up to {values.max()}, but there are only {number} "
            f"{kind}, counted from 0."
        )


def _to_numpy(values):
    if isinstance(values, list | tuple):
        return np.asarray(values)
    if isinstance(values, np.ndarray):
        return values
    return keras.ops.convert_to_numpy(values)
