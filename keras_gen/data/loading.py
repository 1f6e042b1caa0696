"""One `load()` over embedded data sets, TensorFlow Datasets and folders."""

import functools
import importlib
import os

import tensorflow as tf

from keras_gen.data import (
    attributes,
    folder,
    images,
    pairs,
    recordings,
    sources,
    splits,
)

# An embedded set is one module of this package with a function
# `build(size, seed)` that returns a `sources.Source`.
_EMBEDDED = {
    "digits": "1,797 real handwritten digits, 28x28, with labels",
    "lit_heads": "1,575,000 rendered heads, 64x64, their pose and light",
    "scenes": "22,000 rendered scenes, 64x64, with layouts, edges and captions",
    "speech": "22,000 rendered voices, 16,384 samples, clean and in noise",
    "sprites": "737,280 rendered sprites, 64x64, with their five factors",
}
# Folders of a user's own pictures.
_FOLDERS = {
    "folder": folder.build,
    "attributes": attributes.build,
    "pairs": pairs.build,
    "domain_a": functools.partial(pairs.build_domain, "A"),
    "domain_b": functools.partial(pairs.build_domain, "B"),
}
# Signals, which have a length in the place of an image size.
_SIGNALS = ("speech", "recordings")


def list_datasets() -> dict[str, str]:
    """Lists the embedded data sets, which need no download.

    Returns:
        Dict from the name of a data set to its description.

    Example:

    >>> sorted(list_datasets())
    ['digits', 'lit_heads', 'scenes', 'speech', 'sprites']
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
    length: int | None = None,
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

    The name `"attributes"` stands for a folder of pictures without classes
    and a table `attributes.csv`, whose header names a column of the files and
    the attributes. These are 0 or 1, -1 or 1, true or false in each row, or
    words, such as `black` and `blond`, each of which becomes an attribute.
    CelebA's own table may take its place.

    The name `"pairs"` stands for a folder of pictures in pairs, `a` and `b`:
    the halves of each file, or files of one name in the folders `A` and `B`,
    `trainA` and `trainB` and so on. The names `"domain_a"` and `"domain_b"`
    stand for the pictures in one of these two folders. All may differ in
    size, those of a pair too.

    The name `"recordings"` stands for a folder of wav files in pairs, of one
    name in the folders `noisy` and `clean`. They are resampled to 16 kHz and
    cut into windows that overlap by one half. `"speech"` has such windows of
    synthetic voices.

    Args:
        name: String. The name of the data set.
        split: String. A split in the syntax of TensorFlow Datasets:
            `"train"`, `"test"`, `"train[:90%]"`, `"train[5000:]"`, ...
        image_size: Integer or pair `(height, width)`. The size to render
            embedded images in, or to resize other images to; defaults to the
            data set's own.
        data_dir: String or path. The folder of the files, or that of
            TensorFlow Datasets, which defaults to the environment's
            `TFDS_DATA_DIR`, or else to TensorFlow Datasets' own default. A
            copy that is ready there is used as it is.
        download: Boolean. Whether a set of TensorFlow Datasets that is not
            there yet may be downloaded.
        seed: Integer. The seed by which an embedded set is split or rendered.
        channels: Integer. The channels of the pictures of a folder: 3 (RGB)
            or 1 (gray); defaults to 3.
        length: Integer. The samples in a window of `"speech"` or
            `"recordings"`; defaults to 16,384.

    Returns:
        `tf.data.Dataset` of single examples, each a dict of features: for
        images `image`, uint8 of shape `(height, width, channels)`, for
        classes `label`, int64, for attributes `attributes`, int64 of 0 or 1
        for each of `attribute_names()`, for signals `noisy` and `clean`,
        float32 of shape `(length, 1)` in [-1, 1], and so on. The order is
        fixed, the cardinality known.

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
    source = _source(name, image_size, data_dir, seed, channels, length)
    if source is not None:
        return sources.to_dataset(source, splits.select(split, source.splits))
    dataset, num_classes = _load_tfds(name, split, data_dir, download)
    if image_size is not None:
        size = images.as_size(image_size)
        dataset = dataset.map(
            tf.autograph.experimental.do_not_convert(
                lambda example: images.resize_features(example, size)
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
    if num_classes is not None:
        sources.declare_classes(dataset, num_classes)
    return dataset


def split_sizes(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    download: bool = True,
    length: int | None = None,
) -> dict[str, int]:
    """How many examples each split of a data set has, without reading any.

    Args:
        name: String. The name of the data set, as for `load()`.
        data_dir: String or path. The folder, as for `load()`.
        download: Boolean. Whether a set of TensorFlow Datasets that is not
            there yet may be downloaded.
        length: Integer. The samples in a window, as for `load()`.

    Returns:
        Dict from the names of the splits to their numbers of examples.

    Raises:
        ValueError: If the name is unknown, or the data are not there and may
            not be downloaded.
        ImportError: If the package that provides the data is missing.

    Example:

    >>> split_sizes("digits")
    {'train': 1500, 'test': 297, 'all': 1797}
    """
    source = _source(name, None, data_dir, 0, None, length)
    if source is not None:
        return {split: len(part) for split, part in source.splits.items()}
    found = _builder(name, data_dir, download).info.splits
    return {split: part.num_examples for split, part in found.items()}


def num_classes(dataset: tf.data.Dataset) -> int:
    """How many classes the labels of a data set have.

    What `load()` returns says so itself, and no example is read. Of any other
    data set, which all of its labels are read for, it is one more than the
    largest label.

    Args:
        dataset: `tf.data.Dataset` of single examples with a feature `label`.

    Returns:
        Integer.

    Raises:
        ValueError: If the examples have no labels.

    Example:

    >>> num_classes(load("digits"))
    10
    """
    spec = dataset.element_spec
    if not isinstance(spec, dict) or "label" not in spec:
        raise ValueError(
            "`dataset` must have a feature 'label'. Received: a data set of "
            f"{sorted(spec) if isinstance(spec, dict) else spec}."
        )
    declared = sources.declared_classes(dataset)
    if declared is not None:
        return declared
    labels = dataset.map(lambda example: example["label"]).batch(1000)
    return 1 + max(int(batch.max()) for batch in labels.as_numpy_iterator())


def attribute_names(dataset: tf.data.Dataset) -> tuple[str, ...]:
    """The names of the attributes of a user's own pictures.

    Args:
        dataset: `tf.data.Dataset`, as `load("attributes", ...)` returns it.

    Returns:
        Tuple of strings, in the order of the feature `attributes`.

    Raises:
        ValueError: If it is any other data set.

    Example:

    >>> faces = load("attributes", data_dir="faces")
    >>> attribute_names(faces)
    ('smiling', 'hair=black', 'hair=blond')
    """
    names = sources.declared_attributes(dataset)
    if names is None:
        spec = getattr(dataset, "element_spec", dataset)
        raise ValueError(
            "`dataset` must be what `load('attributes', ...)` returns, whose "
            "attributes have names. Received: a data set of "
            f"{sorted(spec) if isinstance(spec, dict) else spec}. Ask before "
            "`map()` or `take()`."
        )
    return names


def _source(name, image_size, data_dir, seed, channels, length):
    """The source of a folder or an embedded data set, else `None`."""
    if name in _SIGNALS and image_size is not None:
        raise ValueError(
            f"`image_size` must be None for {name!r}. Received: "
            f"image_size={image_size!r}. Pass `length`."
        )
    if name not in _SIGNALS and length is not None:
        raise ValueError(
            "`length` must be None unless `name` is one of "
            f"{', '.join(_SIGNALS)}. Received: length={length!r}, "
            f"name={name!r}."
        )
    if name in _FOLDERS:
        return _FOLDERS[name](data_dir, image_size, channels or 3)
    if channels is not None:
        raise ValueError(
            f"`channels` must be None unless `name` is one of "
            f"{', '.join(_FOLDERS)}. Received: "
            f"channels={channels!r}, name={name!r}."
        )
    if name == "recordings":
        return recordings.build(data_dir, length)
    if name in _EMBEDDED:
        if data_dir is not None:
            raise ValueError(
                f"`data_dir` must be None for {name!r}, which is embedded. "
                f"Received: data_dir={str(data_dir)!r}. For your own pictures, "
                "pass name='folder', or another name that reads them: "
                f"{', '.join([*_FOLDERS, 'recordings'])}."
            )
        module = importlib.import_module(f"keras_gen.data.{name}")
        return module.build(length if name in _SIGNALS else image_size, seed)
    return None


def _builder(name, data_dir, download):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"{name!r} is not an embedded data set ({', '.join(_EMBEDDED)}), "
            "and TensorFlow Datasets, which may know it, is not installed. "
            "Install it with `pip install -e '.[recipes]'` in the checkout."
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
            f"one of your own files ({', '.join([*_FOLDERS, 'recordings'])}), "
            f"or known to TensorFlow Datasets. Received: name={name!r}."
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
    return builder


def _load_tfds(name, split, data_dir, download):
    """The data set, and how many classes its labels have, if that is known."""
    builder = _builder(name, data_dir, download)
    features = builder.info.features
    label = features["label"] if "label" in (features or ()) else None
    try:
        dataset = builder.as_dataset(split=split, shuffle_files=False)
        return dataset, getattr(label, "num_classes", None)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(
            f"`split` must select from the splits of {name!r}: "
            f"{ {k: v.num_examples for k, v in builder.info.splits.items()} }."
            f" Received: split={split!r}. TensorFlow Datasets says: {error}"
        ) from error
