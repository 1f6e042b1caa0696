"""A user's own pictures with a table of their attributes."""

import csv
import itertools
import os

import numpy as np

from keras_gen.data import folder, sources
from keras_gen.data.splits import consecutive

# CelebA's own table is a text; copies of it are CSV.
_TABLES = ("attributes.csv", "list_attr_celeba.csv", "list_attr_celeba.txt")
_BINARY = ({"0", "1"}, {"-1", "1"}, {"false", "true"})
_MAX_WORDS = 50


def build(
    data_dir: str | os.PathLike | None,
    image_size: int | tuple[int, int] | None = None,
    channels: int = 3,
) -> sources.Source:
    """Builds the source of a folder of pictures with attributes.

    The folder holds pictures, in subfolders or not, and a table
    `attributes.csv` in UTF-8, of which commas, semicolons or tabs separate
    the columns. Its header names the attributes, after a first column for the
    files; a row has 0 or 1, -1 or 1, or true or false for each. A column of
    words, at most 50 different ones, becomes an attribute for each of them,
    such as `hair=black`.

    A row has the path of its picture, of which the first folders and the
    ending may be left out: `train/a.png` and `a` are both a row of
    `photos/train/a.png`. Rows without a picture are left out. What the
    attributes are follows from the table alone.

    CelebA's `list_attr_celeba.txt` may take the table's place, with its
    pictures in a subfolder.

    Args:
        data_dir: String or path. The folder. Its subfolders `train`, `test`,
            `validation` and `val` are its splits, as in `folder.build`.
        image_size: Integer or pair `(height, width)`. The size that pictures
            are resized to and center-cropped, or `None` for their own.
        channels: Integer. 3 for RGB, 1 for gray.

    Returns:
        A `Source` of `image` (uint8) and `attributes` (int64, 0 or 1 for each
        of its `attribute_names`).

    Raises:
        ValueError: If there is no such folder, no picture or no table in it,
            a picture without a row, or an error in the table.
        ImportError: If Pillow is missing.
    """
    size = folder.checked_size(image_size, channels)
    root = folder.existing(data_dir)
    parts = folder.in_splits(root)
    files = [
        place.joinpath(*path) for place, part in parts.values() for path in part
    ]
    table = _find_table(root)
    try:
        rows, names, values = _read(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{str(table)!r} must be a table in UTF-8. Received: {error}. "
            "Save it as CSV in UTF-8."
        ) from error
    return folder.source_of(
        [str(file) for file in files],
        consecutive({name: len(part) for name, (_, part) in parts.items()}),
        size,
        channels,
        {"attributes": values[_rows_of(files, root, rows, table)]},
        attribute_names=names,
    )


def _find_table(root):
    for name in _TABLES:
        if (root / name).is_file():
            return root / name
    raise ValueError(
        "`data_dir` must hold a table 'attributes.csv', or CelebA's "
        f"{_TABLES[-1]!r}. Received: data_dir={str(root)!r}, which holds none. "
        "Write one with a header such as 'file,smiling,hair' and a row for "
        "each picture."
    )


def _rows_of(files, root, rows, table):
    """The row of each picture."""
    found, alone = {}, []
    for file in files:
        key = folder.key(file.relative_to(root).as_posix())
        # That of the whole path, else of its last parts.
        ends = (key[first:] for first in range(len(key)))
        row = next((rows[end] for end in ends if end in rows), None)
        if row is None:
            alone.append(file)
            continue
        if row in found:
            raise ValueError(
                "Each picture of `data_dir` must have a row for itself. "
                f"Received: one row of {str(table)!r} for {str(found[row])!r} "
                f"and {str(file)!r}. Write their paths, which must differ "
                "without the ending."
            )
        found[row] = file
    if alone:
        raise ValueError(
            f"Each picture must have a row in {str(table)!r}, whose first is "
            f"of {'/'.join(next(iter(rows)))!r}. Received: {str(alone[0])!r} "
            f"without ({len(alone)} in all). Add it, or remove the picture."
        )
    return list(found)


def _lines(table):
    """Yields the number and the cells of each line, the header first."""
    with open(table, encoding="utf-8-sig", newline="") as text:
        if table.suffix == ".txt":
            # A count, the names of the attributes alone, and rows.
            text.readline()
            header = ["file", *text.readline().split()]
            lines = itertools.chain([header], (line.split() for line in text))
            lines = enumerate(lines, 2)
        else:
            delimiter = max(",;\t", key=text.readline().count)
            text.seek(0)
            lines = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            lines = enumerate(lines, 1)
        for number, cells in lines:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield number, cells


def _read(table):
    """Reads a table.

    Returns:
        Dict from the keys of pictures to their rows, tuple of the names of
        attributes, array of their values in each row.
    """
    lines = _lines(table)
    _, header = next(lines, (1, []))
    if len(header) < 2 or not all(header):
        raise ValueError(
            f"{str(table)!r} must begin with a header: a column of files, and "
            "one for each attribute, separated by commas, semicolons or tabs. "
            f"Received: {header}. Name each column."
        )
    rows, codes, texts = {}, [], {}
    for number, cells in lines:
        where = f"in line {number} of {str(table)!r}"
        if len(cells) != len(header):
            raise ValueError(
                "Each row must have as many cells as the header, "
                f"{len(header)}. Received: {len(cells)} {where}."
            )
        if not all(cells):
            raise ValueError(
                "Each row must have a value in every column. Received: none "
                f"for {header[cells.index('')]!r} {where}. Write it, or remove "
                "the row or the column."
            )
        key = folder.key(cells[0].replace("\\", "/"))
        if key in rows:
            raise ValueError(
                "Each picture must have one row, whatever its ending. "
                f"Received: {cells[0]!r} again {where}. Remove one."
            )
        rows[key] = len(rows)
        codes.append([texts.setdefault(c, len(texts)) for c in cells[1:]])
    if not rows:
        raise ValueError(
            f"{str(table)!r} must have a row for each picture. Received: the "
            "header alone."
        )
    attributes = {}
    columns = np.array(codes).T
    for name, column in zip(header[1:], columns, strict=True):
        for new, values in _attributes(name, column, list(texts), table):
            if new in attributes:
                raise ValueError(
                    f"The attributes of {str(table)!r} must differ in their "
                    f"names. Received: {new!r} twice. Rename one."
                )
            attributes[new] = values
    values = np.stack(list(attributes.values()), axis=1)
    return rows, tuple(attributes), values


def _attributes(name, column, texts, table):
    """The names and the values of the attributes that a column is."""
    found, places = np.unique(column, return_inverse=True)
    words = [texts[code] for code in found]
    # Programs write 1.0 where a column had missing values before.
    plain = [word.lower().removesuffix(".0") for word in words]
    if any(binary.issuperset(plain) for binary in _BINARY):
        true = np.array([word in ("1", "true") for word in plain], "int64")
        return [(name, true[places])]
    where = f"in the column {name!r} of {str(table)!r}"
    if any(map(_is_number, words)):
        raise ValueError(
            "A column must have the values 0 and 1, -1 and 1, true and false, "
            f"or words alone. Received: {sorted(words)[:5]} {where}. Correct "
            "them, remove the column, or write words."
        )
    if len(words) > _MAX_WORDS:
        raise ValueError(
            f"A column must have at most {_MAX_WORDS} different words. "
            f"Received: {len(words)} {where}. Remove the column."
        )
    return [
        (f"{name}={words[place]}", (places == place).astype("int64"))
        for place in sorted(range(len(words)), key=words.__getitem__)
    ]


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return word.lower() in ("true", "false")
    return True
