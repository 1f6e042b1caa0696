"""What steps are given, what servers are told, what data must be."""

import typing
import warnings

import keras
from keras import ops


class Batch(typing.NamedTuple):
    """What a step is given: the inputs and, if there are any, the targets."""

    x: typing.Any
    y: typing.Any = None


class Signature(typing.NamedTuple):
    """One function of a served model.

    Attributes:
        fn: Function of tensors, one for each input, that returns one tensor
            or a sequence of tensors.
        inputs: Dictionary from the name of each input to its shape, with
            `None` for the batch, or to a pair of shape and dtype.
        outputs: Names of the outputs.
    """

    fn: typing.Callable
    inputs: dict
    outputs: tuple[str, ...]


class RunningMeans(keras.metrics.Metric):
    """The means of named scalars, all in one vector.

    Args:
        names: Sequence of strings.
        name: String.
    """

    def __init__(self, names, name="logs"):
        super().__init__(name=name, dtype="float32")
        self.names = tuple(names)
        shape = (len(self.names),)
        self.totals = self.add_variable(shape, "zeros", name="totals")
        self.counts = self.add_variable(shape, "zeros", name="counts")

    def update_state(self, values):
        """Adds to the means.

        Args:
            values: Dictionary of scalars. Names that are missing keep
                their means.
        """
        counts = [float(name in values) for name in self.names]
        row = [
            ops.cast(values[name], "float32")
            if name in values
            else ops.zeros((), "float32")
            for name in self.names
        ]
        self.totals.assign_add(ops.stack(row))
        self.counts.assign_add(counts)

    def result(self):
        means = ops.divide_no_nan(self.totals.value, self.counts.value)
        means = ops.unstack(means, num=len(self.names))
        return dict(zip(self.names, means, strict=True))


def check_range(name: str, x, low: float, high: float) -> None:
    """Raises unless the values of an array lie in a range.

    Args:
        name: String. The name of the model.
        x: NumPy array.
        low: Float.
        high: Float.
    """
    smallest, largest = float(x.min()), float(x.max())
    slack = 1e-3 * (high - low)
    received = (
        f"{name} expects values from {low:g} to {high:g}. Received values "
        f"from {smallest:g} to {largest:g}. Rescale the data."
    )
    if smallest < low - slack or largest > high + slack:
        raise ValueError(received)
    if low < 0.0 <= smallest:
        # Images in [0, 1], given to a model of [-1, 1].
        warnings.warn(received, stacklevel=2)


def check_positive(**values) -> None:
    """Raises unless each of some arguments is above zero.

    Args:
        **values: Numbers by the names of the arguments.
    """
    for name, value in values.items():
        if not value > 0:
            raise ValueError(
                f"`{name}` must be above 0. Received: {name}={value!r}."
            )


def refuse_weights(name: str, sample_weight) -> None:
    """Raises if data have sample weights, which no model here takes.

    Args:
        name: String. The name of the model.
        sample_weight: What was given, or `None`.
    """
    if sample_weight is not None:
        raise ValueError(
            f"{name} takes no sample weights. Received data with three parts, "
            "the third of them weights. Pass (x,) or (x, y)."
        )
