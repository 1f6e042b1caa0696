"""Lines that say how far what takes a while has come."""

import sys
import time
from collections.abc import Iterable, Iterator

import keras

# Seconds of silence.
_EVERY = 3.0


def reported(batches: Iterable, total: int | None, what: str) -> Iterator:
    """Passes batches on, and prints every few seconds how many there were.

    Nothing is printed of what is done by then, nor by what runs with
    `keras.config.disable_interactive_logging()`.

    Args:
        batches: Iterable of arrays, or of tuples or dicts of arrays.
        total: Integer. The number of examples in all of them, or `None` if it
            is not known.
        what: String. What is done, at the beginning of each line.

    Yields:
        Each batch.

    Example:

    >>> for batch in reported(batches, 60_000, "Reading images"):
    ...     pass
    Reading images: 20480 of 60000.
    """
    done, last, said = 0, time.perf_counter(), False
    for batch in batches:
        yield batch
        done += len(keras.tree.flatten(batch)[0])
        if time.perf_counter() - last > _EVERY or (said and done == total):
            last, said = time.perf_counter(), True
            if keras.config.is_interactive_logging_enabled():
                of_all = "" if total is None else f" of {total}"
                print(f"{what}: {done}{of_all}.", file=sys.stderr)
