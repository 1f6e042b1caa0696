"""A user's own pictures of two domains, read when they are asked for."""

import os

import tensorflow as tf

from keras_gen.data import folder, images, sources
from keras_gen.data.splits import consecutive

_DOMAINS = ("A", "B")
_RESERVED = {
    *folder.SPLITS,
    *("a", "b"),
    *(f"{split}{domain}" for split in folder.SPLITS for domain in "ab"),
}


def build(
    data_dir: str | os.PathLike | None,
    image_size: int | tuple[int, int] | None = None,
    channels: int = 3,
) -> sources.Source:
    """Builds the source of a folder of pairs of pictures.

    The two pictures of a pair are the left and the right half of one file, as
    in the data sets of pix2pix; or files of one name, apart from its ending,
    in the folders `A` and `B`, or `trainA` and `trainB`, `testA` and `testB`
    and so on. Subfolders `train`, `test`, `validation` or `val` are the
    splits, of each domain or with both domains in each. The two may differ in
    size: each is resized and center-cropped, without a size neither.

    Args:
        data_dir: String or path. The folder.
        image_size: Integer or pair `(height, width)`. The size that pictures
            are resized to and center-cropped, or `None` for their own.
        channels: Integer. 3 for RGB, 1 for gray.

    Returns:
        A `Source` of `a` and `b` (uint8).

    Raises:
        ValueError: If there is no such folder or no pair in it, or a picture
            is without its other.
        ImportError: If Pillow is missing.
    """
    size = folder.checked_size(image_size, channels)
    sizes, files = {}, []
    for name, domains in find_domains(data_dir).items():
        pairs = _halves(domains) if len(domains) == 1 else _matched(domains)
        sizes[name] = len(pairs)
        files += pairs
    halves = len(files[0]) == 1
    with tf.device("CPU:0"):
        paths = tf.constant([[os.fsencode(f) for f in pair] for pair in files])

    def picture(part):
        part.set_shape((None, None, channels))
        return part if size is None else images.resize_images(part, size)

    def read(index):
        # Pillow reads every mode, and its errors can name the file.
        parts = tf.numpy_function(
            lambda pair: _read(pair, channels, halves),
            [tf.gather(paths, index)],
            ["uint8", "uint8"],
            stateful=False,
        )
        return dict(zip("ab", map(picture, parts), strict=True))

    return sources.Source(consecutive(sizes), read=read)


def build_domain(
    domain: str,
    data_dir: str | os.PathLike | None,
    image_size: int | tuple[int, int] | None = None,
    channels: int = 3,
) -> sources.Source:
    """Builds the source of the pictures of one domain of two.

    Args:
        domain: String. `"A"` or `"B"`, whose folders are as in `build`. The
            two need not have as many pictures.
        data_dir: String or path. The folder.
        image_size: Integer or pair, as in `build`.
        channels: Integer. 3 for RGB, 1 for gray.

    Returns:
        A `Source` of `image` (uint8).

    Raises:
        ValueError: If there are no folders of two domains.
        ImportError: If Pillow is missing.
    """
    size = folder.checked_size(image_size, channels)
    sizes, files = {}, []
    for name, domains in find_domains(data_dir).items():
        if len(domains) == 1:
            raise ValueError(
                "`data_dir` must hold the pictures of two domains, in the "
                "folders A and B, or trainA and trainB. Received: "
                f"data_dir={str(data_dir)!r}."
            )
        part = domains[_DOMAINS.index(domain)]
        sizes[name] = len(part)
        files += [str(path) for _, path in part]
    return folder.source_of(files, consecutive(sizes), size, channels)


def find_domains(data_dir) -> dict[str, list[list[tuple]]]:
    """The pictures of a folder by their splits and domains.

    Args:
        data_dir: String or path.

    Returns:
        Dict from each split to a list for each domain, of one if there are no
        folders of two: sorted pairs of a name, without its ending, and a path.
    """
    root = folder.existing(data_dir)
    pictures = folder.pictures(root)
    splits = {}
    for path in pictures:
        split, domain, rest = _place(path)
        hidden = [name for name in path[:-1] if name.lower() in _RESERVED]
        if hidden and split is None and domain is None:
            raise ValueError(
                "`data_dir` must itself hold the folders of splits and of the "
                f"domains A and B. Received: {str(root)!r}, with pictures in "
                f"{str(root.joinpath(*path[:-1]))!r}. Pass the folder in "
                "between, and write A and B in capitals."
            )
        parts = splits.setdefault(split, {})
        parts.setdefault(domain, []).append((rest, root.joinpath(*path)))
    if not splits:
        raise ValueError(
            f"`data_dir` must hold pictures. Received: data_dir={str(root)!r}, "
            "which holds none."
        )
    if None in splits and len(splits) > 1:
        beside = next(iter(splits[None].values()))[0][1]
        raise ValueError(
            "`data_dir` must have all its pictures in the folders of its "
            f"splits. Received: {str(beside)!r} beside them. Move it."
        )
    splits = {split or "train": parts for split, parts in splits.items()}
    domains = {domain for parts in splits.values() for domain in parts}
    if None in domains and len(domains) > 1:
        raise ValueError(
            "`data_dir` must hold folders of two domains, or none. Received: "
            f"{str(_outside(splits))!r} outside of A and B. Move it."
        )
    if domains != {None}:
        for split, parts in splits.items():
            for domain in _DOMAINS:
                if domain not in parts:
                    raise ValueError(
                        "Each split must have pictures of both domains. "
                        f"Received: {str(root)!r}, whose split {split!r} has "
                        f"none of {domain}."
                    )
    return {
        split: [parts[domain] for domain in sorted(parts, key=str)]
        for split, parts in splits.items()
    }


def _outside(splits):
    """A picture that is in no domain."""
    return next(parts[None] for parts in splits.values() if None in parts)[0][1]


def _place(path):
    """The split, the domain and the rest of a path, from its first folders."""
    *folders, name = path
    split = domain = None
    while folders:
        head = folders[0]
        if head in folder.SPLITS and split is None:
            split = head
        elif head in _DOMAINS and domain is None:
            domain = head
        elif head[:-1] in folder.SPLITS and head[-1] in _DOMAINS:
            split, domain = head[:-1], head[-1]
        else:
            break
        folders = folders[1:]
    return split, domain, folder.key("/".join([*folders, name]))


def _halves(domains):
    (part,) = domains
    return [[str(path)] for _, path in part]


def _matched(domains):
    """Pairs of paths whose names are the same."""
    a, b = (dict(part) for part in domains)
    for part, named in zip(domains, (a, b), strict=True):
        twice = [path for name, path in part if named[name] != path]
        if twice:
            raise ValueError(
                "The pictures of a domain must differ in their names, without "
                f"the ending. Received: {str(twice[0])!r} and another. Rename "
                "it."
            )
    for one, other in ((a, b), (b, a)):
        alone = [path for name, path in one.items() if name not in other]
        if alone:
            raise ValueError(
                "Each picture of one domain must have one of the same name in "
                f"the other. Received: {str(alone[0])!r} without ({len(alone)} "
                "in all). Remove it, or rename its other."
            )
    return [[str(a[name]), str(b[name])] for name in sorted(a)]


def _read(pair, channels, halves):
    if not halves:
        return [folder.read_picture(path, channels) for path in pair]
    both = folder.read_picture(pair[0], channels)
    width = both.shape[1]
    if width % 2:
        raise ValueError(
            "Each picture of `data_dir` must be as wide as two halves of one "
            f"width. Received: {os.fsdecode(pair[0])!r}, {width} pixels wide. "
            "Crop it, or put the pictures of each domain into the folders A "
            "and B."
        )
    return [both[:, : width // 2], both[:, width // 2 :]]
