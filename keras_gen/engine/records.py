"""Records of the engine: served functions and running means."""

import typing

import keras
from keras import ops

from keras_gen.engine.specs import Spec


class Signature(typing.NamedTuple):
    """One function of a served model.

    Attributes:
        fn: Function of tensors, one for each input, that returns one tensor
            or a sequence of tensors.
        inputs: Dictionary from the name of each input to its `Spec`.
        outputs: Names of the outputs.
    """

    fn: typing.Callable
    inputs: dict[str, Spec]
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
