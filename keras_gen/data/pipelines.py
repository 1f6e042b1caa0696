"""From a data set of named features to the batches that `fit()` takes."""

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_gen.data import checks, images, seeds, sources
from keras_gen.data.augmentation import Augmentation, augmentation
from keras_gen.data.batches import BatchMaker

_MEMORY = 512 * 2**20
_BUFFER = 256 * 2**20
# tf.data mixes the seed of a shuffle with the global seed of the process. This
# one, set in the graph of the shuffle alone, takes the global seed's place.
_GRAPH_SEED = 87654321


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """The batches of a data set, and how many there are.

    Args:
        dataset: A `tf.data.Dataset` of batches, to be given to `fit()`.
            It never ends if the pipeline repeats.
        steps_per_epoch: Integer, the number of batches in an epoch.
        examples: Integer, the number of examples in the data set.
    """

    dataset: tf.data.Dataset
    steps_per_epoch: int
    examples: int


def pipeline(
    dataset: tf.data.Dataset,
    batch_size: int,
    *,
    features: str | Sequence[str] = ("image",),
    value_range: tuple[float, float] = (0.0, 1.0),
    image_size: int | tuple[int, int] | None = None,
    binarize: str | None = None,
    dequantize: bool = False,
    augment: Sequence[str | Augmentation | Callable] = (),
    shuffle: bool = True,
    seed: int = 0,
    start_epoch: int = 0,
    shuffle_buffer: int | None = None,
    drop_remainder: bool = True,
    repeat: bool = True,
    shard: tuple[int, int] | None = None,
) -> Pipeline:
    """Turns a data set of named features into batches for `fit()`.

    The order of the examples, every binarisation and every augmentation are
    functions of the seed, the epoch and the position in the epoch, and of
    nothing else. A run resumed with `start_epoch=k` sees, bit for bit, what
    the uninterrupted run saw in epoch `k`.

    Data sets of up to 512 MB, and embedded ones of any size, are shuffled by
    an exact permutation in every epoch. Larger ones are shuffled within a
    buffer.

    Args:
        dataset: A `tf.data.Dataset` of single examples, each a dict of
            features, such as `load()` returns.
        batch_size: Integer, the number of examples in a batch, over all
            shards.
        features: Names of the features to take. One gives batches `x`, two
            give `(x, y)`, more give a dict by name.
        value_range: Pair of floats, what black and white become. Integer
            images are scaled to it as float32, other features are left as
            they are.
        image_size: Integer or `(height, width)` to resize the images to:
            their largest centred part of these proportions.
        binarize: `"threshold"` makes the pixels above one half white and the
            others black, `"dynamic"` makes a pixel white with its brightness
            as the probability, anew at each use. `None` leaves them grey.
        dequantize: Boolean. Whether uniform noise, drawn anew at each use,
            fills the steps between grey values: `(value + noise) / 256` of
            uint8 is what the range is scaled from.
        augment: Random changes made to images before they are binarised:
            names or objects of `augmentation()`, or callables
            `fn(images, seed)`. These get float32 images in [0, 1] of the
            whole batch and a seed of shape `(2,)`, on which alone what they
            draw should depend, by `tf.random.stateless_*`. All the images of
            an example are changed alike.
        shuffle: Boolean, whether each epoch has its own random order.
        seed: Integer, the seed of all randomness.
        start_epoch: Integer, the number of the first epoch.
        shuffle_buffer: Integer, the examples in the buffer for data too large
            for memory. `None` means as many as 256 MB hold.
        drop_remainder: Boolean, whether to leave out the examples at the end
            of an epoch that do not fill a batch. If so, shapes are static.
        repeat: Boolean, whether epochs follow each other without end.
            Otherwise the data set is the one epoch `start_epoch`.
        shard: Pair `(index, count)`: this process gets the `index`-th of
            `count` equal, contiguous parts of every batch.

    Returns:
        A `Pipeline`.

    Raises:
        ValueError: If an argument does not suit the data set.

    Example:

    >>> digits = keras_gen.data.load("digits")
    >>> train = pipeline(digits, 100, features=("image", "label"))
    >>> train.steps_per_epoch
    15
    >>> x, y = next(iter(train.dataset))
    >>> x.shape, y.shape
    (TensorShape([100, 28, 28, 1]), TensorShape([100]))
    """
    names = (features,) if isinstance(features, str) else tuple(features)
    examples = checks.count_examples(dataset)
    checks.check_features(dataset, names)
    checks.check_batches(batch_size, examples, drop_remainder, shard)
    for option, value in (("seed", seed), ("start_epoch", start_epoch)):
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(
                f"`{option}` should be an integer of at least 0. Received: "
                f"{option}={value!r}"
            )

    @tf.autograph.experimental.do_not_convert
    def take(example, batched=False):
        example = {name: example[name] for name in names}
        if image_size is None:
            return example
        return images.resize_features(example, image_size, batched)

    processors = os.cpu_count() or 1
    threads = max(1, min(8, processors // 2))
    taken = dataset.map(take, processors, deterministic=True)
    spec = taken.element_spec
    checks.check_shapes(spec)
    maker = BatchMaker(
        spec,
        value_range=value_range,
        binarize=binarize,
        dequantize=dequantize,
        augment=[
            augmentation(item) if isinstance(item, str) else item
            for item in ((augment,) if isinstance(augment, str) else augment)
        ],
        seed=seed,
        batch_size=batch_size if drop_remainder else None,
        shard=shard,
    )
    steps = examples // batch_size
    if not drop_remainder:
        steps = -(-examples // batch_size)
    size = sum(_bytes(feature) for feature in spec.values())
    lookup = sources.lookup(dataset)
    if size * examples <= _MEMORY:
        gather = sources.from_arrays(_to_memory(taken, spec, examples))
        epoch_of = _by_number(np.arange(examples), batch_size, steps)
    elif lookup is not None:

        def gather(numbers):
            return take(lookup.gather(numbers), batched=True)

        epoch_of = _by_number(lookup.numbers, batch_size, steps)
    else:
        # Examples are read and decoded all the time.
        gather, threads = None, processors
        if shuffle_buffer is None:
            shuffle_buffer = max(batch_size, int(_BUFFER // size))
        epoch_of = _in_stream(
            taken, min(shuffle_buffer, examples), batch_size, drop_remainder
        )

    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch):
        order = seeds.fold(seed, seeds.ORDER, epoch)
        batches = epoch_of(order if shuffle else None)
        return tf.data.Dataset.zip(
            tf.data.Dataset.from_tensors(epoch).repeat(),
            tf.data.Dataset.counter(),
            batches,
        )

    @tf.autograph.experimental.do_not_convert
    def make(epoch, step, batch):
        return maker(epoch, step, batch, gather)

    if repeat:
        epochs = tf.data.Dataset.counter(start_epoch)
    else:
        epochs = tf.data.Dataset.range(start_epoch, start_epoch + 1)
    result = epochs.flat_map(one_epoch).map(
        make, num_parallel_calls=threads, deterministic=True
    )
    cardinality = tf.data.INFINITE_CARDINALITY if repeat else steps
    result = result.apply(tf.data.experimental.assert_cardinality(cardinality))
    result = result.prefetch(tf.data.AUTOTUNE).with_options(
        _options(threads, shard)
    )
    return Pipeline(result, steps, examples)


def _options(threads, shard):
    options = tf.data.Options()
    options.deterministic = True
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    if shard is not None:
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.OFF
        )
    return options


def _bytes(spec):
    size = spec.shape.num_elements()
    return size * np.dtype(spec.dtype.as_numpy_dtype).itemsize


def _to_memory(dataset, spec, examples):
    """Reads a whole data set into arrays."""
    arrays = {
        name: np.empty((examples, *feature.shape), feature.dtype.as_numpy_dtype)
        for name, feature in spec.items()
    }
    first = 0
    for batch in dataset.batch(512).as_numpy_iterator():
        for name, rows in batch.items():
            arrays[name][first : first + len(rows)] = rows
        first += len(rows)
    if first != examples:
        raise ValueError(
            f"The data set said it had {examples} examples, but gave {first}."
        )
    return arrays


def _by_number(numbers, batch_size, steps):
    """Epochs as batches of example numbers, exactly permuted."""
    with tf.device("CPU:0"):
        numbers = tf.constant(numbers, "int64")
    size = len(numbers)

    def epoch_of(order):
        shuffled = numbers
        if order is not None:
            shuffled = tf.gather(numbers, seeds.permutation(order, size))

        @tf.autograph.experimental.do_not_convert
        def batch(step):
            first = step * batch_size
            return shuffled[first : tf.minimum(first + batch_size, size)]

        return tf.data.Dataset.range(steps).map(batch)

    return epoch_of


def _in_stream(dataset, buffer, batch_size, drop_remainder):
    """Epochs as batches of examples, shuffled within a buffer."""

    def epoch_of(order):
        shuffled = dataset
        if order is not None:
            tf.random.set_seed(_GRAPH_SEED)
            shuffled = dataset.shuffle(
                buffer,
                seed=seeds.integer(order),
                reshuffle_each_iteration=False,
            )
        return shuffled.batch(batch_size, drop_remainder)

    return epoch_of
