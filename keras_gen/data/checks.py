"""Checks of what is given to a pipeline."""

import numpy as np
import tensorflow as tf

from keras_gen.data import images

# So many of the first examples are looked at.
_EXAMPLES = 16


def check_integers(least: int, **values: int) -> None:
    """Raises unless each of some arguments is an integer that is large enough.

    Args:
        least: Integer. The least that they may be.
        **values: The values by the names of the arguments.

    Raises:
        ValueError: If one of them is not such an integer.

    Example:

    >>> check_integers(1, batch_size=100)
    """
    for name, value in values.items():
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(
                f"`{name}` must be an integer of at least {least}. Received: "
                f"{name}={value!r}."
            )


def check_range(value_range: tuple[float, float]) -> tuple[float, float]:
    """Returns a range of values as two floats.

    Args:
        value_range: Pair of floats.

    Returns:
        The tuple `(low, high)`.

    Raises:
        ValueError: If it is no pair with low < high.
    """
    valid = isinstance(value_range, (tuple, list)) and len(value_range) == 2
    if not valid or not value_range[0] < value_range[1]:
        raise ValueError(
            "`value_range` must be a pair (low, high) with low < high, such "
            f"as (0, 1) or (-1, 1). Received: value_range={value_range!r}."
        )
    return float(value_range[0]), float(value_range[1])


def count_examples(dataset: tf.data.Dataset) -> int:
    """Returns the number of examples of a data set of named features.

    Args:
        dataset: `tf.data.Dataset` of single examples.

    Returns:
        Integer. Its cardinality.

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
            "`dataset` must be a `tf.data.Dataset` whose elements are dicts "
            "of features, such as `keras_gen.data.load()` returns. Received: "
            f"{given}."
        )
    examples = int(dataset.cardinality())
    if examples == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "`dataset` must be finite. Received: a data set that never ends. "
            "Pass it before `repeat()`; the pipeline repeats it."
        )
    if examples == tf.data.UNKNOWN_CARDINALITY:
        raise ValueError(
            "`dataset` must have a known number of examples. Received: one of "
            "unknown cardinality. State it by "
            "`dataset.apply(tf.data.experimental.assert_cardinality(n))`."
        )
    return examples


def check_features(dataset: tf.data.Dataset, names: tuple[str, ...]) -> None:
    """Raises unless the data set has all the named features."""
    available = dataset.element_spec
    if not names or any(name not in available for name in names):
        raise ValueError(
            "`features` must name features of the data set: "
            f"{', '.join(available)}. Received: features={names!r}."
        )
    if len(set(names)) < len(names):
        raise ValueError(
            "`features` must name each feature once. Received: "
            f"features={names!r}."
        )


def check_shapes(spec: dict[str, tf.TensorSpec]) -> None:
    """Raises unless examples can be stacked to batches."""
    for name, feature in spec.items():
        if not isinstance(feature, tf.TensorSpec):
            raise ValueError(
                f"The feature {name!r} must be a single tensor. Received: "
                f"{feature}. Convert it by `dataset.map(...)` before the "
                "pipeline."
            )
        if not feature.shape.is_fully_defined():
            raise ValueError(
                f"The feature {name!r} must have a fixed shape. Received: "
                f"shape {feature.shape}. Pass `image_size` to resize images, "
                "or convert the feature by `dataset.map(...)`."
            )


def check_values(dataset: tf.data.Dataset, names: list[str]) -> None:
    """Raises unless the first images lie in the range of their type.

    Args:
        dataset: `tf.data.Dataset` of single examples.
        names: List of strings. The features that are images.

    Raises:
        ValueError: If an image has a value that does not.
    """
    spec = dataset.element_spec
    # Of these types, every value is in the range.
    safe = (tf.uint8, tf.uint16, tf.bool)
    names = [name for name in names if spec[name].dtype not in safe]
    if not names:
        return
    dataset = dataset.map(
        tf.autograph.experimental.do_not_convert(
            lambda example: {name: example[name] for name in names}
        )
    )
    examples = list(dataset.take(_EXAMPLES).as_numpy_iterator())
    for name in names if examples else ():
        dtype = spec[name].dtype
        # A NaN is the minimum and the maximum.
        values = [example[name].astype("float64") for example in examples]
        low = np.min([value.min() for value in values])
        high = np.max([value.max() for value in values])
        if low >= 0 and high <= images.natural_maximum(dtype):
            continue
        hint = "Scale it to that range by `dataset.map(...)`."
        if dtype.is_floating and low >= 0 and 1 < high <= 255:
            hint = "Divide it by 255, or cast it to uint8."
        raise ValueError(
            f"{images.range_message(name, dtype)} Received: values from "
            f"{low:g} to {high:g}. {hint}"
        )


def check_left_out(spec: dict[str, tf.TensorSpec], **options) -> None:
    """Raises if what changes images is asked for where there are none.

    Args:
        spec: Dict from the name of a feature to its `tf.TensorSpec`.
        **options: The values by the names of the arguments.

    Raises:
        ValueError: If one of them is given.
    """
    for name, value in options.items():
        if value:
            raise ValueError(
                f"`{name}` must be left out where no feature holds images. "
                f"Received: {name}={value!r}, features of {spec}. Give images "
                "as (height, width, channels)."
            )


def check_batches(
    batch_size: int,
    examples: int,
    drop_remainder: bool,
    shard: tuple[int, int] | None,
) -> None:
    """Raises unless the examples fill batches, and shards divide them."""
    check_integers(1, batch_size=batch_size)
    if drop_remainder and examples < batch_size:
        raise ValueError(
            f"`batch_size` must not exceed the data set's {examples} "
            f"examples. Received: batch_size={batch_size}. Choose a smaller "
            "one, or pass `drop_remainder=False`."
        )
    if shard is None:
        return
    pair = isinstance(shard, (tuple, list)) and len(shard) == 2
    if not pair or not 0 <= shard[0] < shard[1]:
        raise ValueError(
            "`shard` must be a pair (index, count) with 0 <= index < count. "
            f"Received: shard={shard!r}."
        )
    if batch_size % shard[1]:
        raise ValueError(
            "`batch_size` must be a multiple of the number of shards. "
            f"Received: batch_size={batch_size}, shard={shard!r}."
        )
    if not drop_remainder:
        raise ValueError(
            "`drop_remainder` must be True with `shard`, as the last batch "
            "of an epoch cannot be divided equally. Received: "
            f"drop_remainder={drop_remainder!r}, shard={shard!r}."
        )
