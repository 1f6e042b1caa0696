"""Quantities that change in the course of training."""

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from keras_gen.checks import check_option, check_positive

UNITS = ("epochs", "steps", "examples")


@keras.saving.register_keras_serializable(package="keras_gen")
@dataclasses.dataclass(frozen=True)
class Schedule:
    """A quantity that moves from one value to another, and stays there.

    Warm-up of a KL weight, a growing capacity, a penalty that sets in late:
    any argument of a model that says so takes a schedule in place of a number.
    Progress is counted by the model, saved with it, and moves inside a
    compiled step.

    Args:
        start: Float. The value at the beginning.
        end: Float. The value from `over` units on.
        over: Number, above 0. How many units the change takes.
        unit: `"epochs"`, `"steps"` (training steps) or `"examples"`.
        interpolation: `"linear"`, or `"exponential"` for a constant factor
            from each unit to the next.
        after: Number. How many units pass before the change begins.

    Example:

    ```python
    warmup = keras_gen.Schedule(0.0, 1.0, over=10)  # ten epochs
    capacity = keras_gen.Schedule(0.0, 25.0, over=100_000, unit="steps")
    ```
    """

    start: float
    end: float
    over: float
    unit: str = "epochs"
    interpolation: str = "linear"
    after: float = 0.0

    def __post_init__(self):
        check_positive(over=self.over)
        check_option("unit", self.unit, UNITS)
        check_option(
            "interpolation", self.interpolation, ("linear", "exponential")
        )
        if self.interpolation == "exponential":
            check_positive(start=self.start, end=self.end)

    def __call__(self, progress: Any) -> Any:
        """The value after `progress` units, as a float32 scalar.

        Args:
            progress: Number or scalar tensor.
        """
        progress = ops.cast(progress, "float32") - self.after
        fraction = ops.clip(progress / self.over, 0.0, 1.0)
        if self.interpolation == "linear":
            return self.start + fraction * (self.end - self.start)
        ratio = math.log(self.end / self.start)
        return self.start * ops.exp(fraction * ratio)

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def check_scheduled(name: str, value: float | Schedule, check) -> None:
    """Applies a check to a number, or to both ends of a schedule.

    Args:
        name: String. The name of the argument.
        value: Number or `Schedule`.
        check: Function of keyword arguments, such as `check_positive`.

    Raises:
        ValueError: If `check` does.

    Example:

    >>> check_scheduled("beta", Schedule(1.0, 4.0, over=5), check_positive)
    """
    ends = (value.start, value.end) if isinstance(value, Schedule) else (value,)
    for end in ends:
        check(**{name: end})
