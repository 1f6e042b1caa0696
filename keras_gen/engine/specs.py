"""Specifications of one array of data: what it must be, and what a step gets.

From a specification follow the checks of arrays and pipelines, the casts in a
step, the signatures of served models and the data of tests.
"""

import dataclasses
import typing
import warnings

import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.engine.arrays import as_numpy, check_finite, extremes

MISSING = -1


class Spec:
    """One array of data, described for each example.

    Attributes:
        shape: Tuple. The shape of one example, with `None` for free sizes.
        dtype: String. The type that a step gets.
        optional: Boolean. Whether `y` may be left out: what is expected of it
            is then expected of `x`.
    """

    shape: tuple
    dtype: str = "float32"
    optional = False

    def expected(self) -> str:
        """What the array must be, in words."""
        raise NotImplementedError(f"{type(self).__name__} needs `expected`.")

    def mend(self, shape: tuple) -> str:
        """What to do about an array of another shape, in words."""
        return "Reshape the data."

    def accepts(self, shape: tuple) -> bool:
        """Whether arrays of a shape, batch included, will do."""
        return _fits(shape, (None, *self.shape))

    def check_shape(self, owner: str, name: str, shape: tuple) -> None:
        """Raises unless a shape, batch included, fits."""
        if not self.accepts(tuple(shape)):
            raise ValueError(
                f"`{name}` of {owner} must be {self.expected()}. Received: "
                f"shape={tuple(shape)}. {self.mend(tuple(shape))}"
            )

    def check_values(self, owner: str, name: str, array: np.ndarray) -> None:
        """Raises unless the values of an array fit."""
        if array.dtype.kind in "fV" and array.size:
            check_finite(owner, name, extremes(array))

    def warn_of_values(self, owner: str, name: str, array: np.ndarray) -> None:
        """Hook: warns if a model is given what it was not trained on."""

    def check_order(
        self, owner: str, name: str, array, batch_size: int, shuffle: bool
    ) -> None:
        """Hook: raises if batches of an array would not fit."""

    def prepare(self, x):
        """The tensor that a step gets."""
        return ops.cast(x, self.dtype)

    def array(self, owner: str, name: str, value) -> np.ndarray:
        """A user's array in the type of the spec, if its shape fits."""
        array = as_numpy(value)
        self.check_shape(owner, name, array.shape)
        self.warn_of_values(owner, name, array)
        return array.astype(self.dtype, copy=False)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """`n` random examples that fit, with 4 in place of free sizes."""
        raise NotImplementedError(f"{type(self).__name__} needs `draw`.")

    def conditions(self, owner: str, value, n: int) -> np.ndarray:
        """`n` such arrays, given one for all or one for each."""
        if value is None:
            raise ValueError(
                f"`labels` of {owner} must be {self.expected()}. Received: "
                "labels=None. Pass one for all samples, or one for each."
            )
        value = np.asarray(value, self.dtype)
        if value.ndim == len(self.shape):
            value = np.broadcast_to(value, (n, *value.shape))
        self.check_shape(owner, "labels", value.shape)
        self.check_values(owner, "labels", value)
        if len(value) != n:
            raise ValueError(
                f"`labels` of {owner} must be one for all, or {n}. "
                f"Received: {len(value)}. Pass one for each sample."
            )
        return value

    def _sizes(self, n):
        return (n, *(4 if size is None else size for size in self.shape))


@dataclasses.dataclass(frozen=True)
class Examples(Spec):
    """Images, points, waveforms or videos.

    Args:
        shape: Tuple. The shape of one example.
        argument: String. The argument of the model that sets it.
        value_range: The smallest and the largest value, or `None` for any.
        optional: Boolean. Whether `y` may be left out, which is then `x`.
    """

    shape: tuple
    argument: str = "input_shape"
    value_range: tuple[float, float] | None = None
    optional: bool = False

    def expected(self):
        return (
            f"examples of shape {(None, *self.shape)}, as `{self.argument}` "
            "sets"
        )

    def mend(self, shape):
        own = (None, *self.shape)
        if _fits((None, *shape), own):
            return (
                "Add the axis of the batch: `x[None]` for one example, "
                "`dataset.batch(n)` for a data set of examples."
            )
        if _fits((*shape, self.shape[-1]), own):
            return "Add the last axis: `x[..., None]`."
        if len(shape) > 2 and _fits((shape[0], *shape[2:], shape[1]), own):
            return "Move the channels last: `np.moveaxis(x, 1, -1)`."
        return (
            "Resize the data, or build the model with "
            f"`{self.argument}={shape[1:]}`."
        )

    def check_values(self, owner, name, array):
        if array.dtype.kind not in "fiubV":
            raise ValueError(
                f"`{name}` of {owner} must be numbers. Received: "
                f"dtype={array.dtype}. Convert the data to float32."
            )
        if not array.dtype.isnative:
            raise ValueError(
                f"`{name}` of {owner} must have this machine's byte order. "
                f"Received: dtype={array.dtype.str!r}. Pass "
                "`x.astype('float32')`."
            )
        if not array.size:
            return
        smallest, largest = extremes(array)
        check_finite(owner, name, (smallest, largest))
        if self.value_range is None:
            return
        low, high = self.value_range
        slack = 1e-3 * (high - low)
        message = (
            f"`{name}` of {owner} must have values from {low:g} to {high:g}. "
            f"Received: values from {smallest:g} to {largest:g}. Rescale the "
            "data."
        )
        if smallest < low - slack or largest > high + slack:
            raise ValueError(message)
        if low < 0.0 <= smallest:
            # Images in [0, 1], given to a model of [-1, 1].
            warnings.warn(message, stacklevel=2)

    def warn_of_values(self, owner, name, array):
        if self.value_range is None or not array.size:
            return
        low, high = self.value_range
        smallest, largest = extremes(array)
        # Noise may leave the range; pictures that are not scaled are far off.
        if smallest < 2.0 * low - high or largest > 2.0 * high - low:
            warnings.warn(
                f"`{name}` of {owner} must have values from {low:g} to "
                f"{high:g}, as in training. Received: values from "
                f"{smallest:g} to {largest:g}. Rescale the data.",
                stacklevel=2,
            )

    def draw(self, rng, n):
        low, high = self.value_range or (-1.0, 1.0)
        return rng.uniform(low, high, self._sizes(n)).astype(self.dtype)


@dataclasses.dataclass(frozen=True)
class Vector(Spec):
    """A vector that goes with each example, such as a text embedding.

    Args:
        size: Integer.
        argument: String. The argument of the model that sets it.
    """

    size: int
    argument: str = "embedding_dim"

    @property
    def shape(self):
        return (self.size,)

    def expected(self):
        return (
            f"vectors of shape (None, {self.size}), as `{self.argument}` sets"
        )

    def draw(self, rng, n):
        return rng.normal(size=(n, self.size)).astype(self.dtype)


@dataclasses.dataclass(frozen=True)
class Labels(Spec):
    """The class of each example, an integer.

    Args:
        num_classes: Integer.
        missing: `"refused"`, or `"allowed"` if examples may be without a
            label: they have -1.
        argument: String. The argument of the model that sets `num_classes`.
    """

    num_classes: int
    missing: str = "refused"
    argument: str = "num_classes"

    shape: typing.ClassVar[tuple] = ()
    dtype: typing.ClassVar[str] = "int32"

    @property
    def lowest(self) -> int:
        """The smallest label."""
        return MISSING if self.missing == "allowed" else 0

    def expected(self):
        unlabeled = ", or -1 for no label" if self.lowest < 0 else ""
        return (
            f"integers of shape (None,) from 0 to {self.num_classes - 1}, as "
            f"`{self.argument}={self.num_classes}` sets{unlabeled}"
        )

    def mend(self, shape):
        if len(shape) == 2:
            return "If they are one-hot, pass `labels.argmax(axis=-1)`."
        return "Pass one integer for each example."

    def accepts(self, shape):
        return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)

    def check_values(self, owner, name, array):
        kind = array.dtype.kind
        integral = kind in "iub" or (kind == "f" and np.all(array % 1 == 0))
        if not integral:
            received = f"dtype={array.dtype}"
            mend = "Map them: `np.unique(labels, return_inverse=True)[1]`."
            if kind == "f" and np.isnan(array).any() and self.lowest < 0:
                received = "NaN"
                mend = "Pass `np.where(np.isnan(labels), -1, labels)`."
        elif array.size and not (
            self.lowest <= array.min() and array.max() < self.num_classes
        ):
            received = f"labels from {array.min()} to {array.max()}"
            mend = f"Count them from 0, or change `{self.argument}`."
        else:
            return
        raise ValueError(
            f"`{name}` of {owner} must be {self.expected()}. Received: "
            f"{received}. {mend}"
        )

    def prepare(self, x):
        return ops.cast(ops.reshape(x, (-1,)), self.dtype)

    def draw(self, rng, n):
        labels = rng.integers(0, self.num_classes, n)
        if self.lowest < 0:
            labels = np.where(rng.random(n) < 0.5, labels, MISSING)
        return labels.astype(self.dtype)

    def sample(self, n, seed):
        """Uniform labels, as a tensor, one for each example of a batch."""
        return noise.labels((n,), self.num_classes, seed)

    def conditions(self, owner: str, value, n: int) -> np.ndarray:
        """`n` labels, given one for all, one for each, or each in turn."""
        if value is None:
            return np.arange(n, dtype=self.dtype) % self.num_classes
        labels = np.asarray(value)
        if (
            labels.shape not in ((), (n,), (n, 1))
            or labels.dtype.kind not in "iu"
            or not np.all((labels >= 0) & (labels < self.num_classes))
        ):
            raise ValueError(
                f"`labels` of {owner} must be {n} integers from 0 to "
                f"{self.num_classes - 1}, or one for all. Received: "
                f"labels={value!r}."
            )
        labels = labels.reshape(-1)
        return np.broadcast_to(labels, (n,)).astype(self.dtype)


@dataclasses.dataclass(frozen=True)
class Attributes(Spec):
    """Which of several attributes each example has, a vector of 0 and 1.

    Args:
        size: Integer. The number of attributes.
        missing: `"refused"`, or `"allowed"` if attributes may be unknown: they
            are -1.
        argument: String. The argument of the model that sets it.
    """

    size: int
    missing: str = "refused"
    argument: str = "num_attributes"

    @property
    def shape(self):
        return (self.size,)

    def expected(self):
        allowed = self.missing == "allowed"
        unknown = ", or -1 where it is unknown" if allowed else ""
        return (
            f"zeros and ones of shape (None, {self.size}), as "
            f"`{self.argument}={self.size}` sets{unknown}"
        )

    def check_values(self, owner, name, array):
        known = (array == 0) | (array == 1)
        if self.missing == "allowed":
            known |= array == MISSING
        if not np.all(known):
            raise ValueError(
                f"`{name}` of {owner} must be {self.expected()}. Received: "
                f"values from {array.min()} to {array.max()}."
            )

    def draw(self, rng, n):
        values = rng.integers(0, 2, (n, self.size))
        if self.missing == "allowed":
            # As of two data sets, one of which has none.
            values[rng.random(n) < 0.5] = MISSING
        return values.astype(self.dtype)


@dataclasses.dataclass(frozen=True)
class Groups(Spec):
    """The group that each example belongs to, any integer."""

    shape: typing.ClassVar[tuple] = ()
    dtype: typing.ClassVar[str] = "int32"

    def expected(self):
        return "integers of shape (None,), the group of each example"

    def accepts(self, shape):
        return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)

    def check_values(self, owner, name, array):
        if array.dtype.kind not in "iub" and not np.all(array % 1 == 0):
            received = f"dtype={array.dtype}"
        elif array.size and np.abs(array).max() >= 2**31:
            received = f"values up to {np.abs(array).max()}"
        else:
            return
        raise ValueError(
            f"`{name}` of {owner} must be {self.expected()}, below 2**31. "
            f"Received: {received}. Map them: `np.unique(groups, "
            "return_inverse=True)[1]`."
        )

    def prepare(self, x):
        return ops.cast(ops.reshape(x, (-1,)), self.dtype)

    def draw(self, rng, n):
        return (np.arange(n) // 2).astype(self.dtype)


def _fits(shape, expected):
    return len(shape) == len(expected) and all(
        e is None or s is None or s == e
        for s, e in zip(shape, expected, strict=True)
    )
