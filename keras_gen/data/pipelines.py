"""From a data set of named features to the batches that `fit()` takes."""

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_gen.data import checks, images, seeds, sources
from keras_gen.data.augmentation import Augmentation, augmentation
from keras_gen.data.batches import BatchMaker
from keras_gen.progress import reported

_MEMORY = 512 * 2**20
_BUFFER = 256 * 2**20
# Of more examples than this, those that can be rendered when they are needed
# are not kept: to render all would take longer than many a run.
_RENDERED = 10_000
# tf.data mixes the seed of a shuffle with the global seed of the process. This
# one, set in the graph of the shuffle alone, replaces the global seed.
_GRAPH_SEED = 87654321


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """The batches of a data set, and how many there are.

    Attributes:
        dataset: `tf.data.Dataset` of batches, to be given to `fit()`. It
            never ends if the pipeline repeats.
        steps_per_epoch: Integer. The number of batches in an epoch.
        examples: Integer. The number of examples in the data set.
    """

    dataset: tf.data.Dataset
    steps_per_epoch: int
    examples: int


def pipeline(
    dataset: tf.data.Dataset,
    batch_size: int,
    *,
    features: str | Sequence[str] = ("image",),
    value_range: tuple[float, float] | None = None,
    image_size: int | tuple[int, int] | None = None,
    binarize: str | None = None,
    dequantize: bool = False,
    augment: Sequence[str | Augmentation | Callable] = (),
    shuffle: bool = True,
    seed: int = 0,
    start_step: int = 0,
    shuffle_buffer: int | None = None,
    drop_remainder: bool = True,
    repeat: bool = True,
    shard: tuple[int, int] | None = None,
) -> Pipeline:
    """Turns a data set of named features into batches for `fit()`.

    The order of the examples, every binarization and every augmentation are
    functions of the seed, the epoch and the step in the epoch, and of nothing
    else. A run resumed with `start_step=n` sees, bit for bit, what the
    uninterrupted run saw from its step `n` on.

    Images become float32 of shape `(height, width, channels)`, scaled from
    the range of their type to `value_range`: from 0 to 255 for integers (0 to
    65535 for uint16), 0 to 1 for Booleans and floats. Other values are an
    error. What has no channel axis, such as MNIST's `(28, 28)`, is given one.
    Features that are no images, such as signals, are left as they are.

    Data sets of up to 512 MB are read into memory once, with a line of their
    progress where that takes a while; embedded ones of many examples are
    rendered when they are used. These, and folders of any size, are shuffled
    by an exact permutation in every epoch. Other large ones are shuffled
    within a buffer.

    Args:
        dataset: `tf.data.Dataset` of single examples, each a dict of
            features, such as `load()` returns.
        batch_size: Integer. The number of examples in a batch, over all
            shards.
        features: String or sequence of strings. The features to take. One
            gives batches `x`, two give `(x, y)`, more give a dict by name.
        value_range: Pair of floats. What black and white become; defaults to
            (0, 1).
        image_size: Integer or pair `(height, width)`. The size that images
            are resized to and center-cropped, each before it is batched, so
            that their own sizes may differ.
        binarize: String. `"threshold"` makes the pixels above one half white
            and the others black, `"dynamic"` makes a pixel white with its
            brightness as the probability, redrawn at each use. `None` leaves
            them gray.
        dequantize: Boolean. Whether uniform noise, redrawn at each use, fills
            the steps between gray values: `(value + noise) / 256` of uint8 is
            what is scaled to `value_range`.
        augment: Sequence of random changes made to images before they are
            binarized: names or objects of `augmentation()`, or callables
            `fn(images, seed)`. These get float32 images in [0, 1] of the
            whole batch and a seed of shape `(2,)`, on which alone what they
            draw should depend, by `tf.random.stateless_*`. All the images of
            an example are changed alike.
        shuffle: Boolean. Whether each epoch has its own random order.
        seed: Integer. The seed of all randomness.
        start_step: Integer. The step to start from, counted from the start of
            the first epoch.
        shuffle_buffer: Integer. The number of examples in the buffer for data
            that are shuffled within one; defaults to as many as 256 MB hold.
        drop_remainder: Boolean. Whether to leave out the examples at the end
            of an epoch that do not fill a batch. If so, shapes are static.
        repeat: Boolean. Whether epochs follow each other without end.
            Otherwise the data set ends with the epoch of `start_step`.
        shard: Pair `(index, count)`. This process gets the `index`-th of
            `count` equal, contiguous parts of every batch.

    Returns:
        A `Pipeline`.

    Raises:
        ValueError: If an argument does not suit the data set, or images are
            not in the range of their type.

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
    checks.check_integers(0, seed=seed, start_step=start_step)
    given = dataset.element_spec
    pictures = [name for name in names if images.is_image(name, given[name])]
    checks.check_values(dataset, pictures)
    if not pictures:
        checks.check_left_out(
            {name: given[name] for name in names},
            image_size=image_size,
            value_range=value_range,
            binarize=binarize,
            dequantize=dequantize,
            augment=augment,
        )

    @tf.autograph.experimental.do_not_convert
    def take(example):
        example = {name: example[name] for name in names}
        for name in pictures:
            picture = images.normalize_type(name, example[name], given[name])
            if image_size is not None:
                picture = images.resize_feature(name, picture, image_size)
            if picture.dtype.is_floating:
                # Interpolation may leave the range by a rounding.
                picture = tf.clip_by_value(picture, 0.0, 1.0)
            example[name] = picture
        return example

    processors = os.cpu_count() or 1
    threads = max(1, min(8, processors // 2))
    taken = dataset.map(take, processors, deterministic=True)
    spec = taken.element_spec
    checks.check_shapes(spec)
    maker = BatchMaker(
        spec,
        pictures,
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
    rendered = lookup is not None and lookup.source.gather is not None
    if size * examples <= _MEMORY and not (rendered and examples > _RENDERED):
        gather = sources.from_arrays(_to_memory(taken, spec, examples))
        epoch_of = _by_index(np.arange(examples), batch_size, steps)
    elif lookup is not None:
        gather = _gather(lookup.source, take, spec)
        epoch_of = _by_index(lookup.indices, batch_size, steps)
        if lookup.source.gather is None:
            threads = processors
    else:
        # Examples are read and decoded all the time.
        gather, threads = None, processors
        if shuffle_buffer is None:
            shuffle_buffer = max(batch_size, int(_BUFFER // size))
        epoch_of = _in_stream(
            taken, min(shuffle_buffer, examples), batch_size, drop_remainder
        )
    first_epoch, done = divmod(int(start_step), steps)

    @tf.autograph.experimental.do_not_convert
    def one_epoch(epoch):
        order = seeds.fold(seed, seeds.ORDER, epoch)
        first = tf.where(epoch == first_epoch, tf.constant(done, "int64"), 0)
        return tf.data.Dataset.zip(
            tf.data.Dataset.from_tensors(epoch).repeat(),
            tf.data.Dataset.range(first, steps),
            epoch_of(order if shuffle else None, first),
        )

    @tf.autograph.experimental.do_not_convert
    def make(epoch, step, batch):
        return maker(epoch, step, batch, gather)

    if repeat:
        epochs = tf.data.Dataset.counter(first_epoch)
        cardinality = tf.data.INFINITE_CARDINALITY
    else:
        epochs = tf.data.Dataset.range(first_epoch, first_epoch + 1)
        cardinality = steps - done
    result = epochs.flat_map(one_epoch).map(
        make, num_parallel_calls=threads, deterministic=True
    )
    result = result.apply(tf.data.experimental.assert_cardinality(cardinality))
    result = result.prefetch(tf.data.AUTOTUNE).with_options(
        options_of(threads, shard)
    )
    return Pipeline(result, steps, examples)


def options_of(
    threads: int | None = None, shard: tuple[int, int] | None = None
) -> tf.data.Options:
    """Options of a deterministic data set of batches.

    Args:
        threads: Integer. The size of a private thread pool, or `None` for
            none.
        shard: Pair `(index, count)`, or `None`.

    Returns:
        `tf.data.Options`.
    """
    options = tf.data.Options()
    options.deterministic = True
    if threads is not None:
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
    batches = dataset.batch(256).as_numpy_iterator()
    for batch in reported(batches, examples, "Reading examples into memory"):
        for name, rows in batch.items():
            arrays[name][first : first + len(rows)] = rows
        first += len(rows)
    if first != examples:
        raise ValueError(
            "`dataset` must have as many examples as its cardinality says, "
            f"{examples}. Received: {first} examples."
        )
    return arrays


def _gather(source, take, spec):
    """The examples of a source by their indices, as `take` changes each."""
    if source.gather is None:

        def gather(indices):
            return tf.map_fn(
                lambda index: take(source.read(index)),
                indices,
                fn_output_signature=spec,
            )

        return gather
    return lambda indices: take(source.gather(indices))


def _by_index(indices, batch_size, steps):
    """Epochs as batches of example indices, exactly permuted."""
    with tf.device("CPU:0"):
        indices = tf.constant(indices, "int64")
    size = len(indices)

    def epoch_of(order, first):
        shuffled = indices
        if order is not None:
            shuffled = tf.gather(indices, seeds.permutation(order, size))

        @tf.autograph.experimental.do_not_convert
        def batch(step):
            start = step * batch_size
            return shuffled[start : tf.minimum(start + batch_size, size)]

        return tf.data.Dataset.range(first, steps).map(batch)

    return epoch_of


def _in_stream(dataset, buffer, batch_size, drop_remainder):
    """Epochs as batches of examples, shuffled within a buffer."""

    def epoch_of(order, first):
        shuffled = dataset
        if order is not None:
            tf.random.set_seed(_GRAPH_SEED)
            shuffled = dataset.shuffle(
                buffer,
                seed=seeds.integer(order),
                reshuffle_each_iteration=False,
            )
        return shuffled.batch(batch_size, drop_remainder).skip(first)

    return epoch_of
