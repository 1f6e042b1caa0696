"""What steps are given, what servers are told, what data must be."""

import typing
import warnings

import keras


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


class CountEpochs(keras.callbacks.Callback):
    """Keeps a model's count of the epochs it has been trained for."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.epochs_seen.assign_add(1)


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
