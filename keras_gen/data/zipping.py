"""Batches of two unpaired domains."""

import numpy as np
import tensorflow as tf

from keras_gen.data import checks
from keras_gen.data.pipelines import Pipeline, options_of, pipeline


def zipped(
    a: tf.data.Dataset,
    b: tf.data.Dataset,
    batch_size: int,
    *,
    seed: int = 0,
    start_step: int = 0,
    **options,
) -> Pipeline:
    """Turns two data sets into pairs of batches that do not belong together.

    `fit()` gets `x`, a batch of `a`, and `y`, a batch of `b`. Each data set
    has its own epochs and its own order, a function of the seed and its epoch
    alone, as in `pipeline()`; the shorter one starts its next epoch while the
    longer one is still in the same. A run resumed with `start_step=n` sees,
    bit for bit, what the uninterrupted run saw from its step `n` on.

    Args:
        a: `tf.data.Dataset` of the first domain: single examples, each a dict
            of features, such as `load()` returns.
        b: `tf.data.Dataset` of the second domain.
        batch_size: Integer. The number of examples of each domain in a batch,
            over all shards.
        seed: Integer. The seed of all randomness. The two domains draw
            independently.
        start_step: Integer. The step to start from, counted from the start of
            the first epoch.
        **options: Further options of `pipeline()`, for both domains, except
            `repeat` and `drop_remainder`.

    Returns:
        A `Pipeline` without end. Its epoch is that of the longer data set,
        whose number of examples it has.

    Raises:
        ValueError: If an argument does not suit one of the data sets.

    Example:

    >>> photos = keras_gen.data.load("folder", data_dir="photos")
    >>> paintings = keras_gen.data.load("folder", data_dir="paintings")
    >>> train = zipped(photos, paintings, batch_size=4, image_size=128)
    >>> model.fit(train.dataset, steps_per_epoch=train.steps_per_epoch)
    """
    for name in ("repeat", "drop_remainder"):
        if name in options:
            raise ValueError(
                f"`{name}` must not be given to `zipped()`, whose batches are "
                f"full and never end. Received: {name}={options[name]!r}."
            )
    checks.check_integers(0, seed=seed, start_step=start_step)
    # With one seed, domains of equal size would be shuffled alike, in pairs.
    other_seed = np.random.SeedSequence([int(seed), 1]).generate_state(1)[0]
    parts = [
        pipeline(
            dataset, batch_size, seed=own, start_step=start_step, **options
        )
        for dataset, own in ((a, int(seed)), (b, int(other_seed)))
    ]
    dataset = tf.data.Dataset.zip(*(part.dataset for part in parts))
    return Pipeline(
        dataset.with_options(options_of(shard=options.get("shard"))),
        max(part.steps_per_epoch for part in parts),
        max(part.examples for part in parts),
    )
