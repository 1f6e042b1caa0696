"""A user's own folder of pictures, read when they are asked for."""

import os
import unicodedata
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow as tf

from keras_gen.data import images, sources
from keras_gen.data.splits import consecutive

SPLITS = ("train", "validation", "val", "test")
SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)


def build(
    data_dir: str | os.PathLike | None,
    image_size: int | tuple[int, int] | None = None,
    channels: int = 3,
) -> sources.Source:
    """Builds the source of a folder of pictures.

    If there are subfolders named `train`, `test`, `validation` or `val`, they
    are the splits; otherwise all pictures are the split `train`. The split
    `all` has all pictures in either case. In a split, the pictures are in the
    folder itself, or in a subfolder for each class.

    The order is that of the sorted paths. Classes are interleaved, so that
    every slice of a split has its part of each.

    Args:
        data_dir: String or path. The folder.
        image_size: Integer or pair `(height, width)`. The size that pictures
            are resized to and center-cropped, or `None` for their own.
        channels: Integer. 3 for RGB, 1 for gray.

    Returns:
        A `Source` of `image` (uint8) and, if there are classes, `label`
        (int64), by the sorted names of the classes.

    Raises:
        ValueError: If there is no such folder, no picture in it, or pictures
            beside the subfolders of splits or classes.
        ImportError: If Pillow is missing.
    """
    size = checked_size(image_size, channels)
    files, classes, splits = _scan(data_dir)
    if classes is None:
        return source_of(files, splits, size, channels)
    return source_of(
        files,
        splits,
        size,
        channels,
        {"label": np.array(classes, "int64")},
        num_classes=1 + max(classes),
    )


def source_of(
    files: list[str],
    splits: dict[str, np.ndarray],
    size: tuple[int, int] | None,
    channels: int,
    features: dict[str, np.ndarray] | None = None,
    **known,
) -> sources.Source:
    """The source of some files of pictures.

    Args:
        files: List of paths.
        splits: Dict from each split to the indices of its files.
        size: Pair `(height, width)` that pictures are resized to, or `None`.
        channels: Integer. 3 for RGB, 1 for gray.
        features: Dict of arrays. What examples have besides `image`, with one
            leading axis for the files.
        **known: What a `Source` says of its features.
    """
    with tf.device("CPU:0"):
        paths = tf.constant([os.fsencode(file) for file in files])
    gather = sources.from_arrays(features or {})

    def read(index):
        # Pillow reads every mode, and its errors can name the file.
        image = tf.numpy_function(
            lambda path: read_picture(path, channels),
            [tf.gather(paths, index)],
            "uint8",
            stateful=False,
        )
        image.set_shape((None, None, channels))
        if size is not None:
            image = images.resize_images(image, size)
        return {"image": image, **gather(index)}

    return sources.Source(splits, read=read, **known)


def checked_size(image_size, channels: int) -> tuple[int, int] | None:
    """The size of pictures, if those of so many channels can be read."""
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "A folder of pictures is read by Pillow, which is not installed. "
            "Install it with `pip install -e '.[recipes]'` in the checkout."
        ) from error
    if channels not in (1, 3):
        raise ValueError(
            "`channels` must be 1 (gray) or 3 (RGB). Received: "
            f"channels={channels!r}."
        )
    return None if image_size is None else images.as_size(image_size)


def existing(data_dir, content: str = "pictures") -> Path:
    """The path of a folder, if there is one."""
    if data_dir is None or not os.path.isdir(data_dir):
        raise ValueError(
            f"`data_dir` must be a folder of {content}. Received: data_dir="
            f"{None if data_dir is None else os.fspath(data_dir)!r}, which is "
            "no folder."
        )
    return Path(data_dir)


def _scan(data_dir):
    """The pictures of a folder, their classes and their splits.

    Returns:
        List of paths, list of class indices or `None`, dict of indices.
    """
    root = existing(data_dir)
    parts = in_splits(root)
    labeled = {
        name: _has_classes(place, part) for name, (place, part) in parts.items()
    }
    if len(set(labeled.values())) > 1:
        raise ValueError(
            "The splits of `data_dir` must all have subfolders of classes, or "
            f"none. Received: {labeled} (whether they have), in "
            f"{os.fspath(root)!r}."
        )
    files, classes = [], None
    if all(labeled.values()):
        names = {path[0] for _, part in parts.values() for path in part}
        indices = {name: index for index, name in enumerate(sorted(names))}
        classes = []
    for place, part in parts.values():
        if classes is not None:
            part = _interleave(part)
            classes += [indices[path[0]] for path in part]
        files += [os.fspath(place.joinpath(*path)) for path in part]
    sizes = {name: len(part) for name, (_, part) in parts.items()}
    return files, classes, consecutive(sizes)


def in_splits(root: Path) -> dict[str, tuple[Path, list[tuple[str, ...]]]]:
    """The pictures of a folder by their splits.

    Args:
        root: Path. The folder.

    Returns:
        Dict from each split to its folder, and the sorted paths of the
        pictures in it as tuples.

    Raises:
        ValueError: If there is no picture, in the folder or in a split, or
            one beside the splits.
    """
    found = pictures(root)
    if not found:
        raise ValueError(
            f"`data_dir` must hold pictures ({', '.join(SUFFIXES)}). "
            f"Received: data_dir={os.fspath(root)!r}, which holds none."
        )
    names = [name for name in SPLITS if (root / name).is_dir()]
    if not names:
        return {"train": (root, found)}
    parts = {
        name: (root / name, [path[1:] for path in found if path[0] == name])
        for name in names
    }
    for place, part in parts.values():
        if not part:
            raise ValueError(
                "Each split of `data_dir` must hold pictures. Received: "
                f"{os.fspath(place)!r}, which holds none."
            )
    beside = [path for path in found if path[0] not in parts]
    if beside:
        raise ValueError(
            "`data_dir` must have all its pictures in the folders of its "
            f"splits ({', '.join(parts)}). Received: "
            f"{os.fspath(root.joinpath(*beside[0]))!r} beside them. Move it, "
            "or pass the folder of one split."
        )
    return parts


def pictures(root: Path) -> list[tuple[str, ...]]:
    """The paths of all pictures below a folder as tuples, sorted."""
    return files(root, SUFFIXES)


def files(root: Path, suffixes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The paths of all files of some endings, as of `pictures`."""
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = [name for name in subfolders if _is_visible(name)]
        subfolders[:] = [
            name for name in subfolders if not _leads_up(folder, name)
        ]
        inner = Path(folder).relative_to(root).parts
        found += [
            (*inner, name)
            for name in names
            if _is_visible(name) and name.lower().endswith(suffixes)
        ]
    return sorted(found)


def key(path: str) -> tuple[str, ...]:
    """What a picture is known by: its path without the ending.

    Accents are composed, as not all systems write them in names of files.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", path))
    if path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return path.parts


def _leads_up(folder, name):
    """Whether a subfolder is a link to a folder that it is in."""
    here = Path(os.path.realpath(folder))
    there = Path(os.path.realpath(os.path.join(folder, name)))
    return here.is_relative_to(there)


def _is_visible(name):
    return not name.startswith((".", "__MACOSX"))


def _has_classes(place, part):
    """Whether pictures are in subfolders of classes."""
    loose = [path for path in part if len(path) == 1]
    if loose and len(loose) < len(part):
        raise ValueError(
            "The pictures must all be in subfolders of classes, or none. "
            f"Received: {os.fspath(place / loose[0][0])!r} beside subfolders "
            "with pictures. Move it into one of them."
        )
    return not loose


def _interleave(part):
    """Merges sorted classes so that each is spread over the whole."""
    sizes, places = {}, []
    for path in part:
        places.append(sizes.get(path[0], 0))
        sizes[path[0]] = places[-1] + 1
    order = sorted(
        range(len(part)),
        key=lambda i: ((2 * places[i] + 1) / sizes[part[i][0]], part[i]),
    )
    return [part[i] for i in order]


def read_picture(path: bytes, channels: int) -> np.ndarray:
    """Reads a picture of any mode as bytes."""
    from PIL import Image, ImageOps

    path = os.fsdecode(path)
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            image = _convert(image, channels)
    except Exception as error:
        # Pillow raises errors of many kinds, and most do not name the file.
        raise ValueError(
            "Each picture of `data_dir` must be readable. Received: "
            f"{path!r}: {error}. Remove or replace it."
        ) from error
    return np.asarray(image).reshape(image.height, image.width, channels)


def _convert(image, channels):
    """Brings a picture of any mode to 8 bits, without transparency."""
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits of gray, which Pillow would clip to 8.
        values = np.asarray(image).astype("int64")
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        image = Image.fromarray(((values + 128) // 257).astype("uint8"))
    elif image.mode == "F":
        raise ValueError("its pixels are floats, whose range is unknown")
    elif "A" in image.getbands() or "transparency" in image.info:
        # What is transparent shows white.
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("L" if channels == 1 else "RGB")
