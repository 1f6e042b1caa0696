"""Tells what does not suit a pipeline, and how to mend it."""

import tensorflow as tf


def count_examples(dataset: tf.data.Dataset) -> int:
    """Returns the number of examples of a data set of named features.

    Args:
        dataset: A `tf.data.Dataset` of single examples.

    Returns:
        Its cardinality.

    Raises:
        ValueError: If it is no data set of named features, or its
            cardinality is unknown or infinite.
    """
    named = isinstance(dataset, tf.data.Dataset) and isinstance(
        dataset.element_spec, dict
    )
    if not named:
        given = getattr(dataset, "element_spec", type(dataset).__name__)
        raise ValueError(
            "`dataset` should be a `tf.data.Dataset` whose elements are "
            "dicts of features, such as `keras_gen.data.load()` returns. "
            f"Received: {given}"
        )
    examples = int(dataset.cardinality())
    if examples == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`dataset` never ends, so it has no epochs. Pass it before "
            "`repeat()`; the pipeline repeats it."
        )
    if examples == tf.data.UNKNOWN_CARDINALITY:
        raise ValueError(
            "`dataset` does not know how many examples it has. State it by "
            "`dataset.apply(tf.data.experimental.assert_cardinality(n))`."
        )
    return examples


def check_features(dataset: tf.data.Dataset, names: tuple[str, ...]):
    """Raises unless the data set has all the named features."""
    available = dataset.element_spec
    missing = [name for name in names if name not in available]
    if missing or not names:
        raise ValueError(
            f"The data set has no feature {', '.join(map(repr, missing))}. "
            f"Its features: {', '.join(available)}. Received: "
            f"features={names!r}"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"A feature is named twice: features={names!r}")


def check_shapes(spec: dict[str, tf.TensorSpec]):
    """Raises unless examples can be stacked to batches."""
    for name, feature in spec.items():
        if not isinstance(feature, tf.TensorSpec):
            raise ValueError(
                f"The feature {name!r} is no single tensor: {feature}. Bring "
                "it to one by `dataset.map(...)` before the pipeline."
            )
        if not feature.shape.is_fully_defined():
            raise ValueError(
                f"The feature {name!r} has no fixed shape: {feature.shape}. "
                "Pass `image_size` to resize images, or bring the feature to "
                "a fixed shape by `dataset.map(...)` before the pipeline."
            )


def check_batches(
    batch_size: int,
    examples: int,
    drop_remainder: bool,
    shard: tuple[int, int] | None,
):
    """Raises unless the examples fill batches, and shards share them."""
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(
            "`batch_size` should be a positive integer. Received: "
            f"batch_size={batch_size!r}"
        )
    if drop_remainder and examples < batch_size:
        raise ValueError(
            f"The data set's {examples} examples do not fill one batch of "
            f"batch_size={batch_size}. Choose smaller batches, or pass "
            "`drop_remainder=False`."
        )
    if shard is None:
        return
    pair = isinstance(shard, (tuple, list)) and len(shard) == 2
    if not pair or not 0 <= shard[0] < shard[1]:
        raise ValueError(
            "`shard` should be a pair (index, count) with 0 <= index < "
            f"count. Received: shard={shard!r}"
        )
    if batch_size % shard[1]:
        raise ValueError(
            f"batch_size={batch_size} cannot be shared equally among the "
            f"{shard[1]} processes of shard={shard!r}. Choose a multiple."
        )
    if not drop_remainder:
        raise ValueError(
            "Sharding needs `drop_remainder=True`: the examples left over at "
            "the end of an epoch cannot be shared equally."
        )
