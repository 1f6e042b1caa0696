"""Agreement of predicted classes and clusters with labels.

`classifier_agreement` is the accuracy of conditional samples under a
classifier. The others evaluate clusters, whose numbers are arbitrary and are
first mapped to classes.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_gen.checks import check_option
from keras_gen.metrics.checks import finite_array, optional_package

_METHODS = ("one_to_one", "majority", "most_confident")


class MatchedAccuracy(NamedTuple):
    """Result of `matched_accuracy`.

    Attributes:
        accuracy: Float. The fraction of samples whose cluster is mapped to
            their class.
        mapping: Integer array of shape `(clusters,)`. The class of each
            cluster; -1 where a cluster has none, so that all of its samples
            count as wrong.
    """

    accuracy: float
    mapping: np.ndarray


def classifier_agreement(logits_or_labels: Any, targets: Any) -> float:
    """Fraction of samples that a classifier assigns to the intended class.

    Args:
        logits_or_labels: Array of shape `(samples, classes)` or `(samples,)`.
            The predictions of a classifier: logits or probabilities, of which
            the largest counts, or integer labels.
        targets: Integer array of shape `(samples,)`. The class that each sample
            was conditioned on.

    Returns:
        Float in [0, 1]. The classifier's errors on real images bound it: report
        its accuracy beside it.

    Raises:
        ValueError: If the numbers of samples differ, labels are not integers of
            at least 0, scores are not finite, or a target is out of range.

    Example:

    ```python
    classifier_agreement([0, 1, 1, 3], targets=[0, 1, 2, 3])  # 0.75
    ```
    """
    predicted, num_classes = _labels("logits_or_labels", logits_or_labels)
    targets = _integers("targets", targets)
    _same_number(predicted, targets)
    if num_classes is not None:
        _below("targets", targets, num_classes, "classes")
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

    With as many clusters as samples any mapping but "one_to_one" is always
    right. So find the mapping on one set and evaluate it on another:

    ```python
    mapping = matched_accuracy(clusters, labels, "majority").mapping
    matched_accuracy(test_clusters, test_labels, mapping=mapping).accuracy
    ```

    Args:
        clusters: Array of shape `(samples,)` or `(samples, clusters)`. The
            cluster of each sample as an integer, or scores, of which the
            largest counts.
        labels: Integer array of shape `(samples,)`. The true class of each
            sample.
        method: String. How clusters are mapped. `"one_to_one"`: no two clusters
            to one class, with the most agreement (the Hungarian method; needs
            scipy); of more clusters than classes, some stay without a class.
            `"majority"`: each cluster to its most frequent class, of equally
            frequent ones the first. `"most_confident"`: each cluster to the
            class of the one sample with its highest probability; `clusters`
            must be probabilities.
        mapping: Integer array of shape `(clusters,)`. The class of each cluster
            from an earlier call, used in place of `method`; -1 for none.
        num_clusters: Integer. The number of clusters; defaults to as many as
            occur in `clusters`.
        num_classes: Integer. The number of classes; defaults to as many as
            occur in `labels`.

    Returns:
        A `MatchedAccuracy`: the accuracy and the mapping.

    Raises:
        ValueError: If the numbers of samples differ, labels are not integers in
            range, the method is unknown, or `"most_confident"` is given no
            probabilities.
        ImportError: If scipy is needed and not installed.

    Example:

    ```python
    matched_accuracy([1, 1, 0, 2], labels=[0, 0, 1, 1], method="majority")
    # MatchedAccuracy(accuracy=1.0, mapping=array([1, 0, 1]))
    ```

    Reference:

    - [Makhzani et al., 2015](https://arxiv.org/abs/1511.05644),
      for `"most_confident"`
    """
    assigned, width = _labels("clusters", clusters)
    labels = _integers("labels", labels)
    _same_number(assigned, labels)
    if mapping is not None:
        mapping = _integers("mapping", mapping, lowest=-1)
        num_clusters = len(mapping)
    elif num_clusters is None:
        num_clusters = int(assigned.max()) + 1 if width is None else width
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    _below("clusters", assigned, num_clusters, "clusters")
    _below("labels", labels, num_classes, "classes")
    if mapping is None:
        check_option("method", method, _METHODS)
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

    It needs no mapping, and grows less with the number of clusters than the
    accuracy of a majority mapping.

    Args:
        clusters: Integer array of shape `(samples,)`, or scores of shape
            `(samples, clusters)`.
        labels: Integer array of shape `(samples,)`.

    Returns:
        Float in [0, 1]: 0 if they are independent, 1 if each determines the
        other. With a single cluster and a single class it is 1.

    Raises:
        ValueError: If the numbers of samples differ, or labels are not
            integers of at least 0.

    Example:

    ```python
    normalized_mutual_information([0, 0, 1, 1], [5, 5, 3, 3])  # 1.0
    ```
    """
    clusters, _ = _labels("clusters", clusters)
    labels = _integers("labels", labels)
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
        "scipy.optimize", "scipy", "recipes", "The method 'one_to_one'"
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
            "`clusters` must be probabilities (samples, clusters) for "
            "'most_confident'. Received: labels. Choose the method 'majority' "
            "for them."
        )
    probabilities = finite_array("clusters", clusters, ("samples", "clusters"))
    totals = probabilities.sum(axis=1)
    if probabilities.min() < 0.0 or np.abs(totals - 1.0).max() > 1e-3:
        raise ValueError(
            "`clusters` must be probabilities, with rows that sum to 1, for "
            "'most_confident'. Received: a smallest value of "
            f"{probabilities.min():.4g} and row sums from {totals.min():.4g} "
            f"to {totals.max():.4g}. Pass the softmax of logits."
        )
    mapping = np.full(num_clusters, -1)
    mapping[:width] = labels[probabilities.argmax(axis=0)]
    return mapping


def _contingency(clusters, labels, num_clusters, num_classes):
    pairs = clusters * num_classes + labels
    counts = np.bincount(pairs, minlength=num_clusters * num_classes)
    return counts.reshape(num_clusters, num_classes)


def _entropy(counts):
    probabilities = counts[counts > 0] / counts.sum()
    return float(-probabilities @ np.log(probabilities))


def _labels(name, values):
    """Integer labels, and the number of classes if they came from scores."""
    values = _to_numpy(values)
    if values.ndim == 2:
        scores = finite_array(name, values, ("samples", "classes"))
        return scores.argmax(axis=1), scores.shape[1]
    return _integers(name, values), None


def _integers(name, values, lowest=0):
    values = _to_numpy(values)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"`{name}` must be a vector of at least one integer. Received: "
            f"{name}.shape={values.shape}. Pass `np.argmax(rows, axis=-1)` of "
            "one-hot rows."
        )
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"`{name}` must be integers. Received: {name}.dtype={values.dtype}."
        )
    if values.min() < lowest:
        raise ValueError(
            f"`{name}` must be at least {lowest}. Received: {values.min()}."
        )
    return values.astype(np.int64)


def _same_number(predicted, labels):
    if len(predicted) != len(labels):
        raise ValueError(
            f"There must be one label per sample. Received: {len(predicted)} "
            f"samples and {len(labels)} labels."
        )


def _below(name, values, number, kind):
    if values.max() >= number:
        raise ValueError(
            f"`{name}` must be below {number}, the number of {kind}. Received: "
            f"{values.max()}."
        )


def _to_numpy(values):
    if isinstance(values, list | tuple):
        return np.asarray(values)
    if isinstance(values, np.ndarray):
        return values
    return keras.ops.convert_to_numpy(values)
