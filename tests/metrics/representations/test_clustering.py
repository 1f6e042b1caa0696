import itertools
import sys

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from keras_gen.metrics.representations.clustering import (
    classifier_agreement,
    matched_accuracy,
    normalized_mutual_information,
)


def random_labels(num_clusters, num_classes, size=60, seed=0):
    """Labels, and clusters that tell something of them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes, size=size)
    clusters = (2 * labels + rng.integers(3, size=size)) % num_clusters
    return clusters, labels


def test_agreement_is_the_share_of_intended_classes():
    assert classifier_agreement([0, 1, 1, 3], [0, 1, 2, 3]) == 0.75
    logits = np.array([[5.0, -1.0, 0.0], [0.0, 0.1, 0.2], [-3.0, -2.0, -9.0]])
    assert classifier_agreement(logits, [0, 2, 1]) == 1.0
    assert classifier_agreement(logits, [0, 0, 0]) == pytest.approx(1 / 3)
    assert classifier_agreement(logits, np.array([0, 1, 1])) == 2 / 3


def test_agreement_refuses_what_are_no_classes():
    with pytest.raises(ValueError, match="3 samples and 2 labels"):
        classifier_agreement([0, 1, 2], [0, 1])
    with pytest.raises(
        ValueError, match="`targets` must be below 3, .* Received: 3"
    ):
        classifier_agreement(np.eye(3), [0, 1, 3])
    with pytest.raises(ValueError, match="NaN"):
        classifier_agreement(np.full((2, 3), np.nan), [0, 1])
    with pytest.raises(ValueError, match="`targets`.*argmax"):
        classifier_agreement([0, 1], np.eye(2, dtype=int))
    with pytest.raises(
        ValueError, match="`logits_or_labels` must be integers.*float64"
    ):
        classifier_agreement([0.0, 1.0], [0, 1])
    with pytest.raises(ValueError, match="at least 0. Received: -1"):
        classifier_agreement([0, -1], [0, 1])
    with pytest.raises(ValueError, match="at least one"):
        classifier_agreement([], [])


def test_permuted_classes_are_found_again():
    labels = np.random.default_rng(0).integers(5, size=200)
    names = np.array([3, 0, 4, 1, 2])
    for method in ("one_to_one", "majority"):
        accuracy, mapping = matched_accuracy(names[labels], labels, method)
        assert accuracy == 1.0
        np.testing.assert_array_equal(mapping[names], np.arange(5))


@pytest.mark.parametrize("sizes", [(4, 4), (5, 3), (3, 5), (1, 4), (4, 1)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_to_one_is_the_best_of_all_assignments(sizes, seed):
    num_clusters, num_classes = sizes
    clusters, labels = random_labels(*sizes, seed=seed)
    # Classes below 0 stand for "none" where there are more clusters.
    classes = range(-max(0, num_clusters - num_classes), num_classes)
    best = max(
        np.mean(np.array(chosen)[clusters] == labels)
        for chosen in itertools.permutations(classes, num_clusters)
    )
    accuracy, mapping = matched_accuracy(
        clusters, labels, num_clusters=num_clusters, num_classes=num_classes
    )
    assert accuracy == pytest.approx(best)
    assert accuracy == np.mean(mapping[clusters] == labels)
    used = mapping[mapping >= 0]
    assert len(used) == len(set(used)) == min(sizes)
    assert mapping.shape == (num_clusters,) and mapping.max() < num_classes


def test_one_to_one_is_not_greedy():
    # The largest overlap, 5, is in the way of 4 + 4.
    clusters = np.repeat([0, 0, 1], [5, 4, 4])
    labels = np.repeat([0, 1, 0], [5, 4, 4])
    accuracy, mapping = matched_accuracy(clusters, labels)
    assert accuracy == pytest.approx(8 / 13)
    np.testing.assert_array_equal(mapping, [1, 0])


def test_majority_maps_many_clusters_to_one_class():
    clusters = [0, 0, 0, 1, 1, 3, 3, 3]
    labels = [2, 2, 0, 2, 2, 1, 1, 2]
    accuracy, mapping = matched_accuracy(clusters, labels, "majority")
    assert accuracy == 6 / 8
    # Nothing is in cluster 2.
    np.testing.assert_array_equal(mapping, [2, 2, -1, 1])
    assert matched_accuracy(clusters, labels).accuracy == 5 / 8
    # Of equally frequent classes the first.
    tie = matched_accuracy([0, 0, 0, 0], [3, 1, 3, 1], "majority")
    assert tie.mapping.tolist() == [1] and tie.accuracy == 0.5


def test_most_confident_sample_names_the_cluster():
    probabilities = np.array(
        [[0.6, 0.4], [0.7, 0.3], [0.9, 0.1], [0.2, 0.8], [0.45, 0.55]]
    )
    labels = np.array([0, 0, 1, 2, 2])
    accuracy, mapping = matched_accuracy(
        probabilities, labels, "most_confident"
    )
    np.testing.assert_array_equal(mapping, [1, 2])
    assert accuracy == 3 / 5
    majority = matched_accuracy(probabilities, labels, "majority")
    np.testing.assert_array_equal(majority.mapping, [0, 2])
    assert majority.accuracy == 4 / 5
    with pytest.raises(ValueError, match="Choose the method 'majority'"):
        matched_accuracy([0, 1], [0, 1], "most_confident")
    with pytest.raises(ValueError, match="softmax"):
        matched_accuracy(np.eye(2) * 9.0, [0, 1], "most_confident")


def test_mapping_is_found_on_one_set_and_judged_on_another():
    mapping = matched_accuracy([0, 1, 2], [1, 0, 1], "majority").mapping
    clusters, labels = [0, 0, 1, 2], [1, 0, 0, 1]
    result = matched_accuracy(clusters, labels, mapping=mapping)
    assert result.accuracy == 0.75
    np.testing.assert_array_equal(result.mapping, mapping)
    # A cluster without a class is always wrong.
    none = matched_accuracy(clusters, labels, mapping=[1, 0, -1])
    assert none.accuracy == 0.5
    with pytest.raises(
        ValueError, match="`clusters` must be below 3, .* Received: 3"
    ):
        matched_accuracy([0, 3], [0, 1], mapping=mapping)
    with pytest.raises(ValueError, match="`mapping` must be at least -1"):
        matched_accuracy([0, 0], [0, 1], mapping=[-2])


def test_numbers_of_clusters_and_classes():
    scores = np.eye(6)[[0, 1]]
    assert matched_accuracy(scores, [0, 1], "majority").mapping.shape == (6,)
    wide = matched_accuracy([0, 1], [0, 1], num_clusters=4, num_classes=3)
    assert wide.mapping.shape == (4,) and (wide.mapping >= 0).sum() == 3
    with pytest.raises(
        ValueError, match="`clusters` must be below 3, .* Received: 4"
    ):
        matched_accuracy([0, 4], [0, 1], num_clusters=3)
    with pytest.raises(
        ValueError, match="`labels` must be below 2, .*classes. Received: 2"
    ):
        matched_accuracy([0, 1], [0, 2], num_classes=2)


def test_matching_refuses_what_it_does_not_know(monkeypatch):
    with pytest.raises(ValueError, match="one_to_one', .*method='best'"):
        matched_accuracy([0, 1], [0, 1], "best")
    with pytest.raises(ValueError, match="3 samples and 2 labels"):
        matched_accuracy([0, 1, 2], [0, 1])
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(
        ImportError, match=r"scipy.*pip install -e '\.\[recipes\]'"
    ):
        matched_accuracy([0, 1], [0, 1])
    assert matched_accuracy([0, 1], [0, 1], "majority").accuracy == 1.0


@pytest.mark.parametrize("sizes", [(4, 4), (6, 3), (2, 5)])
def test_mutual_information_agrees_with_scikit_learn(sizes):
    clusters, labels = random_labels(*sizes)
    expected = normalized_mutual_info_score(labels, clusters)
    found = normalized_mutual_information(clusters, labels)
    assert 0.05 < found < 1.0
    assert found == pytest.approx(expected, rel=1e-9)
    # Names do not matter, nor does the order of the arguments.
    assert normalized_mutual_information(labels, clusters) == pytest.approx(
        normalized_mutual_information(sizes[0] - 1 - clusters, labels)
    )


def test_mutual_information_at_its_limits():
    assert normalized_mutual_information([0, 0, 1, 1], [5, 5, 3, 3]) == 1.0
    assert normalized_mutual_information([0, 1, 0, 1], [0, 0, 1, 1]) == 0.0
    assert normalized_mutual_information([0, 0], [0, 1]) == 0.0
    assert normalized_mutual_information([2, 2], [1, 1]) == 1.0
