"""One `load()` over the embedded data sets and TensorFlow Datasets."""

import importlib
import os

import tensorflow as tf

from keras_gen.data import images, sources, splits

# An embedded set is one module of this package with a function
# `build(image_size, seed)` that returns a `sources.Source`.
_EMBEDDED = {
    "digits": "1,797 real handwritten digits, 28x28, with labels",
    "lit_heads": "1,575,000 rendered heads, 64x64, their pose and light",
    "sprites": "737,280 rendered sprites, 64x64, with their five factors",
}


def list_datasets() -> dict[str, str]:
    """Lists the embedded data sets, which need no download.

    Returns:
        Dict from the name of a data set to what it holds.

    Example:

    >>> sorted(list_datasets())
    ['digits', 'lit_heads', 'sprites']
    """
    return dict(_EMBEDDED)


def load(
    name: str,
    split: str = "train",
    *,
    image_size: int | tuple[int, int] | None = None,
    data_dir: str | None = None,
    download: bool = True,
    seed: int = 0,
) -> tf.data.Dataset:
    """Loads a data set of named features.

    An embedded name (see `list_datasets()`) needs no download. Any other name
    is asked of TensorFlow Datasets, `"mnist"` or `"celeb_a"` for instance.

    Args:
        name: String, the name of the data set.
        split: String, a split in the syntax of TensorFlow Datasets:
            `"train"`, `"test"`, `"train[:90%]"`, `"train[5000:]"`, ...
        image_size: Integer or `(height, width)`: the size to draw embedded
            images in, or to resize the images of TensorFlow Datasets to.
            `None` keeps the data set's own.
        data_dir: String, the folder of TensorFlow Datasets. `None` means
            the environment's `TFDS_DATA_DIR`, or else its own default. A
            copy that is ready there is used as it is.
        download: Boolean, whether a set of TensorFlow Datasets that is not
            there yet may be downloaded.
        seed: Integer, the seed by which an embedded set is split.

    Returns:
        A `tf.data.Dataset` of single examples, each a dict of features: for
        images `image`, uint8 `(height, width, channels)`, for classes
        `label`, int64, and so on. The order is fixed, the cardinality known.

    Raises:
        ValueError: If the name or the split is unknown, or the data are not
            there and may not be downloaded.
        ImportError: If the package that provides the data is missing.

    Example:

    >>> digits = load("digits", split="train[:90%]")
    >>> int(digits.cardinality())
    1350
    """
    if name in _EMBEDDED:
        module = importlib.import_module(f"keras_gen.data.{name}")
        source = module.build(image_size, seed)
        return sources.to_dataset(source, splits.select(split, source.splits))
    dataset = _load_tfds(name, split, data_dir, download)
    if image_size is not None:
        size = images.as_size(image_size)
        dataset = dataset.map(
            tf.autograph.experimental.do_not_convert(
                lambda example: images.resize_features(example, size)
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    return dataset


def _load_tfds(name, split, data_dir, download):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"{name!r} is not an embedded data set ({', '.join(_EMBEDDED)}), "
            "and to load it from TensorFlow Datasets that package is needed. "
            "Install it with `pip install keras_gen[recipes]`."
        ) from error
    if data_dir is not None and not download and not os.path.isdir(data_dir):
        raise ValueError(
            f"There is no folder data_dir={str(data_dir)!r}. Pass the folder "
            "that holds the prepared data sets, or `download=True`."
        )
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"Unknown data set {name!r}. The embedded data sets are "
            f"{', '.join(_EMBEDDED)}, and TensorFlow Datasets, which was "
            "asked for it, has none of this name either."
        ) from error
    if not builder.is_prepared():
        if not download:
            raise ValueError(
                f"The data set {name!r} is not ready in "
                f"{str(builder.data_path)!r}, and download=False. Pass the "
                "`data_dir` that holds it, or `download=True`."
            )
        builder.download_and_prepare()
    try:
        return builder.as_dataset(split=split, shuffle_files=False)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(
            f"The data set {name!r} has no split {split!r}. Its splits: "
            f"{ {k: v.num_examples for k, v in builder.info.splits.items()} }."
            f" TensorFlow Datasets said: {error}"
        ) from error
