"""The check of the first batch of a pipeline, as it passes by.

Arrays are checked before training. Of a `tf.data.Dataset`, a `DataLoader`, a
`PyDataset` or a generator, the first batch is, in each call of `fit`: nothing
is read twice but the first item of a `PyDataset`, which an epoch may begin by
putting in another order, and no random state is moved.
"""

import contextlib
import copy
import itertools
import types

import keras
from keras import ops

from keras_gen.backend import pipelines
from keras_gen.engine.data_spec import Batch


def is_arrays(x) -> bool:
    """Whether `x` is an array or a structure of arrays."""
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


class FirstBatch:
    """Checks the first batch that a source brings.

    Args:
        check: Function of a `Batch` of arrays, which may raise.
    """

    def __init__(self, check):
        self.check = check
        self.error = None

    def __call__(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        arrays = keras.tree.map_structure(
            lambda leaf: None if leaf is None else ops.convert_to_numpy(leaf),
            (x, y),
        )
        try:
            self.check(Batch(*arrays))
        except ValueError as error:
            self.error = error
            raise

    def watch(self, source):
        """The source, with a check of its first batch."""
        if pipelines.is_dataset(source):
            return pipelines.watch_dataset(source, self)
        if pipelines.is_data_loader(source):
            return _watched_loader(source, self)
        if isinstance(source, keras.utils.PyDataset):
            self(source[0])
        elif isinstance(source, types.GeneratorType):
            first = next(source, None)
            if first is not None:
                self(first)
                return _rejoined(first, source)
        return source

    @contextlib.contextmanager
    def raising(self):
        """Raises the error of the check itself, whatever became of it."""
        try:
            yield
        except Exception as error:
            if self.error is not None and error is not self.error:
                raise self.error from None
            raise


def _rejoined(first, rest):
    yield from itertools.chain([first], rest)


def _watched_loader(loader, check):
    """A shallow copy of a `DataLoader` whose first batch is checked."""

    class Watched(type(loader)):
        def __iter__(self):
            batches = map(_as_data, super().__iter__())
            if not self.checked:
                self.checked = True
                first = next(batches, None)
                if first is not None:
                    check(first)
                    batches = itertools.chain([first], batches)
            return iter(batches)

    def _as_data(batch):
        """Keras would take a bare tensor for a tuple of its rows."""
        return (batch,) if hasattr(batch, "shape") else batch

    watched = copy.copy(loader)
    watched.__class__ = Watched
    watched.checked = False
    return watched
