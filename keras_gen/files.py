"""Writing files so that a kill at any moment leaves a whole one."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path whose file replaces `path` at the end.

    The temporary file lies in the same folder and has the same suffix, reaches
    the disk before it is renamed, and is removed if the block raises. At every
    moment `path` is either the old file or the whole new one.

    Args:
        path: String or path. The file to write; its folder is made if
            needed.

    Yields:
        The path to write to.

    Example:

    ```python
    with atomic_path("notes.txt") as temporary:
        temporary.write_text("whole or not at all")
    ```
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f".{path.name}.tmp-{secrets.token_hex(4)}{path.suffix}"
    )
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        # The new name reaches the disk with its folder.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_leftovers(folder: str | os.PathLike, pattern: str) -> None:
    """Removes temporary files that a killed process left in a folder.

    Args:
        folder: String or path. The folder; it need not exist.
        pattern: String. The glob pattern of the names of the files that were
            to be written; `glob.escape` a plain name.

    Example:

    ```python
    remove_leftovers("runs/vae", "epoch_*.png")
    ```
    """
    for file in Path(folder).glob(f".{pattern}.tmp-*"):
        file.unlink(missing_ok=True)
