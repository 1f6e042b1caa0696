"""Batches of which a part has labels."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen.data import checks, seeds, sources
from keras_gen.data.pipelines import Pipeline, options_of


def partly_labeled(
    x: Any,
    labels: Any,
    num_labels: int | None = None,
    batch_size: int = 100,
    *,
    labeled_fraction: float = 0.5,
    steps_per_epoch: int | None = None,
    seed: int = 0,
    start_step: int = 0,
) -> Pipeline:
    """Batches of examples of which a part has labels and the rest has -1.

    As many examples of each class, chosen at random, keep their labels. Each
    batch first has examples drawn from these, with their labels, then
    examples drawn from all of `x`, with the label -1. Draws are uniform and
    with replacement.

    What step `n` draws is a function of the seed and of `n` alone: a run
    resumed with `start_step=n` sees, bit for bit, what the uninterrupted run
    saw from its step `n` on.

    Args:
        x: Array of shape `(num, ...)`. The examples.
        labels: Integer array of shape `(num,)`. The classes, -1 where there
            is none.
        num_labels: Integer. The number of examples that keep their labels, a
            multiple of the number of classes; defaults to all that have one.
        batch_size: Integer. The number of examples in a batch.
        labeled_fraction: Float in (0, 1]. The fraction of a batch that has
            labels, rounded to whole examples.
        steps_per_epoch: Integer. The number of batches in an epoch; defaults
            to one pass over `x`.
        seed: Integer. The seed of the choice and of the draws.
        start_step: Integer. The step to start from, counted from the start of
            the first epoch.

    Returns:
        A `Pipeline` without end of pairs `(x, y)`, where `y` is int32.

    Raises:
        ValueError: If an argument is out of range, or a class has too few
            labels.

    Example:

    >>> x = np.random.uniform(size=(600, 28, 28, 1)).astype("float32")
    >>> labels = np.arange(600) % 10
    >>> train = partly_labeled(x, labels, num_labels=100, batch_size=50)
    >>> images, y = next(iter(train.dataset))
    >>> int((y >= 0).numpy().sum())
    25
    """
    x, labels = np.asarray(x), np.asarray(labels)
    checks.check_integers(1, batch_size=batch_size)
    checks.check_integers(0, seed=seed, start_step=start_step)
    known = choose_labeled(labels, num_labels, seed)
    if len(x) != len(labels):
        raise ValueError(
            "`x` and `labels` must have the same length. Received: "
            f"len(x)={len(x)}, len(labels)={len(labels)}."
        )
    if not 0 < labeled_fraction <= 1:
        raise ValueError(
            "`labeled_fraction` must be above 0 and at most 1. Received: "
            f"labeled_fraction={labeled_fraction!r}."
        )
    labeled = round(batch_size * labeled_fraction)
    if labeled < 1:
        raise ValueError(
            "`labeled_fraction` of `batch_size` must be at least one example. "
            f"Received: labeled_fraction={labeled_fraction!r}, "
            f"batch_size={batch_size}."
        )
    if steps_per_epoch is None:
        steps_per_epoch = max(1, len(x) // batch_size)
    checks.check_integers(1, steps_per_epoch=steps_per_epoch)
    unlabeled = batch_size - labeled
    gather = sources.from_arrays({"x": x})
    with tf.device("CPU:0"):
        classes = tf.constant(labels[known], "int32")
        known = tf.constant(known, "int64")

    @tf.autograph.experimental.do_not_convert
    def batch(step):
        at = seeds.fold(seed, seeds.PARTLY_LABELED, step)
        places = seeds.indices(seeds.fold_in(at, 0), labeled, len(known))
        others = seeds.indices(seeds.fold_in(at, 1), unlabeled, len(x))
        rows = tf.concat([tf.gather(known, places), others], axis=0)
        y = [tf.gather(classes, places), tf.fill([unlabeled], -1)]
        return gather(rows)["x"], tf.concat(y, axis=0)

    dataset = tf.data.Dataset.counter(int(start_step)).map(
        batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    dataset = dataset.prefetch(tf.data.AUTOTUNE).with_options(options_of())
    return Pipeline(dataset, int(steps_per_epoch), len(x))


def choose_labeled(
    labels: Any, num_labels: int | None = None, seed: int = 0
) -> np.ndarray:
    """The examples that keep their labels in `partly_labeled()`.

    Args:
        labels: Integer array of shape `(num,)`. The classes, -1 where there
            is none.
        num_labels: Integer. The number of examples, as many of each class;
            defaults to all that have a label.
        seed: Integer. The seed of the choice.

    Returns:
        Integer array of shape `(num_labels,)`. The indices of the examples.

    Raises:
        ValueError: If an argument is out of range, or a class has too few
            labels.

    Example:

    >>> labels = np.arange(600) % 10
    >>> np.bincount(labels[choose_labeled(labels, num_labels=20)])
    array([2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "`labels` must be a one-dimensional array of integers. Received: "
            f"shape {labels.shape}, dtype {labels.dtype}."
        )
    classes, counts = np.unique(labels[labels >= 0], return_counts=True)
    if not len(classes):
        raise ValueError(
            "`labels` must hold at least one label. Received: "
            f"{len(labels)} labels, none of which is 0 or more."
        )
    if num_labels is None:
        return np.flatnonzero(labels >= 0)
    checks.check_integers(1, num_labels=num_labels)
    each, rest = divmod(num_labels, len(classes))
    if rest:
        raise ValueError(
            f"`num_labels` must be a multiple of the {len(classes)} classes. "
            f"Received: num_labels={num_labels}."
        )
    if counts.min() < each:
        rarest = classes[counts.argmin()]
        raise ValueError(
            f"`labels` must hold {each} of each class for num_labels="
            f"{num_labels}. Received: {counts.min()} of class {rarest}. "
            "Choose a smaller `num_labels`."
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate(
        [order[labels[order] == label][:each] for label in classes]
    )
