"""One `load()` over embedded data sets, TensorFlow Datasets and folders."""

import importlib
import os

import tensorflow as tf

from keras_gen.data import folder, images, sources, splits

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
        Dict from the name of a data set to its description.

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
    data_dir: str | os.PathLike | None = None,
    download: bool = True,
    seed: int = 0,
    channels: int | None = None,
) -> tf.data.Dataset:
    """Loads a data set of named features.

    An embedded name (see `list_datasets()`) needs no download. The name
    `"folder"` stands for a folder of pictures, which are read when they are
    used. Any other name is one of TensorFlow Datasets, such as `"mnist"` or
    `"celeb_a"`.

    The pictures of a folder may have any sizes and modes (gray, RGB, palette,
    16 bits, CMYK, transparent, which shows white). Subfolders named `train`,
    `test`, `validation` or `val` are the splits; without them, all pictures
    are the split `"train"`. If a split has subfolders in turn, these are the
    classes, labeled by the sorted order of their names. Pictures are in the
    sorted order of their paths, those of the classes interleaved, so that
    `"train[:90%]"` has 90% of each class. To train on them,
    `pipeline(..., image_size=...)` resizes and center-crops each.

    Args:
        name: String. The name of the data set.
        split: String. A split in the syntax of TensorFlow Datasets:
            `"train"`, `"test"`, `"train[:90%]"`, `"train[5000:]"`, ...
        image_size: Integer or pair `(height, width)`. The size to render
            embedded images in, or to resize other images to; defaults to the
            data set's own.
        data_dir: String or path. The folder of pictures, or that of
            TensorFlow Datasets, which defaults to the environment's
            `TFDS_DATA_DIR`, or else to TensorFlow Datasets' own default. A
            copy that is ready there is used as it is.
        download: Boolean. Whether a set of TensorFlow Datasets that is not
            there yet may be downloaded.
        seed: Integer. The seed by which an embedded set is split.
        channels: Integer. The channels of the pictures of a folder: 3 (RGB)
            or 1 (gray); defaults to 3.

    Returns:
        `tf.data.Dataset` of single examples, each a dict of features: for
        images `image`, uint8 of shape `(height, width, channels)`, for
        classes `label`, int64, and so on. The order is fixed, the cardinality
        known.

    Raises:
        ValueError: If the name or the split is unknown, or the data are not
            there and may not be downloaded.
        ImportError: If the package that provides the data is missing.

    Example:

    >>> digits = load("digits", split="train[:90%]")
    >>> int(digits.cardinality())
    1350
    >>> photos = load("folder", data_dir="photos", split="train[:90%]")
    >>> train = pipeline(photos, batch_size=64, image_size=128)
    """
    if name == "folder":
        source = folder.build(data_dir, image_size, channels or 3)
        return sources.to_dataset(source, splits.select(split, source.splits))
    if channels is not None:
        raise ValueError(
            "`channels` must be None unless `name` is 'folder'. Received: "
            f"channels={channels!r}, name={name!r}."
        )
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
            "and TensorFlow Datasets, which may know it, is not installed. "
            "Install it with `pip install keras-gen[recipes]`."
        ) from error
    if data_dir is not None and not download and not os.path.isdir(data_dir):
        raise ValueError(
            "`data_dir` must be the folder of the prepared data sets. "
            f"Received: data_dir={str(data_dir)!r}, which is no folder. Pass "
            "another, or `download=True`."
        )
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"`name` must be an embedded data set ({', '.join(_EMBEDDED)}), "
            "'folder', or known to TensorFlow Datasets. Received: "
            f"name={name!r}."
        ) from error
    if not builder.is_prepared():
        if not download:
            raise ValueError(
                "`download` must be True for a data set that is not prepared "
                f"yet. Received: download={download!r}, name={name!r}, which "
                f"is not in {str(builder.data_path)!r}. Pass the `data_dir` "
                "that holds it, or `download=True`."
            )
        builder.download_and_prepare()
    try:
        return builder.as_dataset(split=split, shuffle_files=False)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(
            f"`split` must select from the splits of {name!r}: "
            f"{ {k: v.num_examples for k, v in builder.info.splits.items()} }."
            f" Received: split={split!r}. TensorFlow Datasets says: {error}"
        ) from error
