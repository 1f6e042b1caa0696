"""How far long work has come, shown once it takes more than a few seconds."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import keras

# Seconds before anything is shown.
PATIENCE = 5.0


def progress(
    items: Iterable, total: int | None = None, what: str = ""
) -> Iterator[Any]:
    """Yields items; after some seconds, a bar shows how many are done.

    `keras.config.disable_interactive_logging()` turns it off.

    Args:
        items: Iterable.
        total: Integer, or `None` if their number is not known.
        what: String. What is done with them.

    Yields:
        The items.

    Example:

    ```python
    for batch in progress(batches, total=len(batches), what="features"):
        extractor.features(batch)
    ```
    """
    began, bar = time.monotonic(), None
    shown = keras.config.is_interactive_logging_enabled()
    for done, item in enumerate(items, start=1):
        yield item
        late = shown and time.monotonic() - began > PATIENCE
        if bar is None and late and done != total:
            if what:
                print(f"{what}:", flush=True)
            bar = keras.utils.Progbar(total, unit_name="batch")
        if bar is not None:
            bar.update(done)
    if bar is not None and total is None:
        bar.update(done, finalize=True)
